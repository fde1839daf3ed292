"""Writes the benchmark's data into a folder: pictures as image folders, texts as CSV files, each in three splits.

Pictures are emoji, on white. Texts are movie reviews where the project's shared data are beside the checkout, else the
names of the emoji. Training sets are whole numbers of batches, so that a peer that drops the last one drops nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from sklearn.model_selection import train_test_split

from peers.jobs import SEED
from tl.components.data.base import DataSource
from tl.components.picture import open_image
from tl.recipe.build import build
from tl.recipe.recipe import load

SHARED = Path(__file__).parents[4] / "shared" / "data"
COUNTS = {"train": 384, "val": 64, "test": 256}
Pair = tuple[Path | str, str]


def emoji(view: str) -> list[Pair]:
    """Pictures or names of emoji, each with its Unicode group."""
    source: DataSource = build(load("base", ["data=twemoji", f"data.view={view}"]).data)
    return [(sample.input, sample.target) for sample in source.read()]


def photographs(root: Path) -> list[Pair]:
    """Pictures of an image folder, each with its folder's name."""
    return [(path, path.parent.name) for path in sorted(root.glob("*/*.jpg"))]


def reviews(root: Path) -> list[Pair]:
    """Sentences about movies, each with its sign."""
    with (root / "train.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def divided(pairs: Sequence[Pair], counts: dict[str, int], limit: int | None) -> dict[str, list[Pair]]:
    """So many of each split, stratified by class; no split has more than `limit`."""
    found, rest = {}, list(pairs)
    for split, count in counts.items():
        size = min(count, limit or count)
        kept, rest = train_test_split(rest, train_size=size, stratify=[label for _, label in rest], random_state=SEED)
        found[split] = kept
    return found


def write_pictures(folder: Path, splits: dict[str, list[Pair]]) -> None:
    """JPEG files as they are; others as PNG without transparency, which the peers would fill differently."""
    for split, pairs in splits.items():
        for path, label in pairs:
            place = folder / split / label
            place.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".jpg":
                shutil.copyfile(path, place / path.name)
            else:
                open_image(path).save(place / f"{path.stem}.png")


def write_texts(folder: Path, splits: dict[str, list[Pair]]) -> None:
    """A table for each split."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, pairs in splits.items():
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *pairs])


def about(origin: str, splits: dict[str, list[Pair]]) -> str:
    """One line on a modality's data."""
    classes = len({label for _, label in splits["train"]})
    return f"{origin}: {' / '.join(str(len(p)) for p in splits.values())} train / val / test, {classes} classes"


def write(folder: Path, shared: Path, flowers: bool, limit: int | None) -> None:
    """Both modalities and a note of what they are; what the folder held is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    pictures = photographs(shared / "flowers5") if flowers else emoji("picture")
    known = (shared / "movie_sentiment").is_dir()
    texts = reviews(shared / "movie_sentiment") if known else emoji("name")
    images, tables = divided(pictures, COUNTS, limit), divided(texts, COUNTS, limit)
    write_pictures(folder / "images", images)
    write_texts(folder / "texts", tables)
    facts = {
        "images": about("photographs of flowers" if flowers else "emoji", images),
        "texts": about("movie reviews" if known else "names of emoji", tables),
    }
    (folder / "about.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shared", type=Path, default=SHARED, help="where movie_sentiment and flowers5 may lie")
    parser.add_argument("--flowers", action="store_true", help="photographs of flowers instead of emoji")
    parser.add_argument("--limit", type=int, help="at most so many samples of each split, to try things out")
    chosen = parser.parse_args()
    write(chosen.folder, chosen.shared, chosen.flowers, chosen.limit)


if __name__ == "__main__":
    main()
