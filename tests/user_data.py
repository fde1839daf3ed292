"""Small files as users have them: folders of pictures, tables, a saved dataset, folders of Transformers models."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tl.components.data.tiny_shapes import SHAPES, draw

PAIRS = (("is it warm", "is it hot", "same"), ("is it warm", "who came", "other"))


def write_all(folder: Path) -> None:
    """Everything below, under the names that the recipes' `# smoke:` lines use."""
    shapes(folder / "pictures")
    shapes(folder / "places" / "train")
    shapes(folder / "places" / "target", labelled=False)
    tables(folder)
    pairs(folder / "pairs")
    names(folder)
    masks(folder / "masks")
    alike(folder)
    boxes(folder / "boxes")
    bert(folder / "bert")
    dinov2(folder / "dinov2")


def shapes(folder: Path, labelled: bool = True) -> None:
    """48 drawn pictures, in a folder for each class or all in one."""
    for i in range(48):
        shape = SHAPES[i % len(SHAPES)]
        place = folder / shape if labelled else folder
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i}.png").write_bytes(draw(shape, int(labelled), i))


def tables(folder: Path) -> None:
    """Texts with a class, texts with two numbers, and the pictures with one or two tags."""
    texts = [f"the {'good' if i % 2 else 'bad'} soup number {i}" + " again" * (i % 3) for i in range(40)]
    _write(folder / "texts.csv", ("text", "label"), [(t, "praise" if " good " in t else "complaint") for t in texts])
    _write(folder / "scores.csv", ("text", "stars", "length"), [(t, 1 + i % 5, len(t)) for i, t in enumerate(texts)])
    pictures = sorted((folder / "pictures").rglob("*.png"))
    tags = [p.parent.name + (";even" if int(p.stem) % 2 == 0 else "") for p in pictures]
    names = [p.relative_to(folder).as_posix() for p in pictures]
    both = [(name, names[(i + 4) % len(names)]) for i, name in enumerate(names)]
    _write(folder / "twins.csv", ("one", "other"), both)
    _write(folder / "tags.csv", ("file", "tags"), list(zip(names, tags, strict=True)))


def pairs(folder: Path) -> None:
    """40 pairs of texts as the datasets library saves them; nothing where it is not installed."""
    try:
        import datasets
    except ImportError:
        return
    rows = [(f"{one} {i}", f"{two} {i}", label) for i in range(20) for one, two, label in PAIRS]
    columns = dict(zip(("sentence1", "sentence2", "label"), map(list, zip(*rows, strict=True)), strict=True))
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict(columns).save_to_disk(str(folder))


def names(folder: Path) -> None:
    """40 texts with a person and a place in each, a word a line and as JSON."""
    people, places = ("Anna", "Bo Li", "Carl"), ("Rome", "New York")
    words, rows = [], []
    for i in range(40):
        person, place = people[i % 3], places[i % 2]
        text = f"{person} went to {place} {i} times"
        begin = text.index(place)
        spans = [[0, len(person), "person"], [begin, begin + len(place), "place"]]
        rows.append(json.dumps({"text": text, "spans": spans}))
        tags = [(w, f"{'I' if j else 'B'}-person") for j, w in enumerate(person.split())]
        tags += [(w, "O") for w in ("went", "to")]
        tags += [(w, f"{'I' if j else 'B'}-place") for j, w in enumerate(place.split())]
        tags += [(str(i), "O"), ("times", "O")]
        words += [*(f"{word}\t{tag}" for word, tag in tags), ""]
    (folder / "names.conll").write_text("\n".join(words), encoding="utf-8")
    (folder / "names.jsonl").write_text("\n".join(rows), encoding="utf-8")


def masks(folder: Path, size: int = 40) -> None:
    """24 pictures with a bright disc or square on dark ground, and masks: 0 ground, 1 disc, 2 square, 255 its rim."""
    rows, columns = np.indices((size, size))
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for i in range(24):
        draw = np.random.default_rng(i)
        middle, half = draw.integers(12, size - 12, 2), int(draw.integers(6, 11))
        far = np.stack([abs(rows - middle[0]), abs(columns - middle[1])])
        reach = np.hypot(*far) if i % 2 else far.max(0)
        mask = np.where(reach < half, 1 + i % 2, 0).astype(np.uint8)
        pixels = draw.integers(0, 60, (size, size, 3)) + np.array([0, 150, 190])[mask][..., None] * [1, i % 2, 1]
        mask[(reach >= half) & (reach < half + 1)] = 255
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / f"{i}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{i}.png")


def alike(folder: Path) -> None:
    """60 pairs of texts with a score from 0 to 5: how many of their five words they share; and 60 that belong together,
    of ten second texts."""
    words = ["soup", "train", "cat", "river", "music", "bread", "stone", "lamp", "letter", "winter"]
    rows = []
    for i in range(60):
        first = [words[(i + j) % 10] for j in range(5)]
        shared = i * 7 % 6
        second = first[:shared] + [words[(i + 5 + j) % 10] for j in range(5 - shared)]
        rows.append((" ".join(first), f"{' '.join(second)} {i}", shared))
    _write(folder / "alike.csv", ("sentence1", "sentence2", "score"), rows)
    together = [(f"{' '.join(row[0].split()[:3])} {i}", row[0]) for i, row in enumerate(rows)]
    _write(folder / "together.csv", ("question", "answer"), together)


def boxes(folder: Path, count: int = 24) -> None:
    """Dark pictures with up to three bright discs and squares, as VOC files and as one of COCO; the first is empty."""
    listed: dict[str, list[dict[str, object]]] = {"images": [], "annotations": [], "categories": []}
    kinds = ("disc", "square")
    listed["categories"] = [{"id": number, "name": name} for number, name in enumerate(kinds)]
    for place in ("JPEGImages", "Annotations"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        draw = np.random.default_rng(i)
        width, height = (60, 40) if i % 2 else (40, 48)
        pixels, objects = draw.integers(0, 60, (height, width, 3)), ""
        for k in range(i % 4):
            half, kind = int(draw.integers(5, 9)), int(draw.integers(2))
            x, y = (int(draw.integers(half, side - half)) for side in (width, height))
            far = np.abs(np.indices((height, width)) - np.array([y, x])[:, None, None])
            pixels[(np.hypot(*far) if kind == 0 else far.max(0)) <= half] = (200, 60 + 140 * kind, 90)
            sides = {"xmin": x - half + 1, "ymin": y - half + 1, "xmax": x + half + 1, "ymax": y + half + 1}
            inner = "".join(f"<{name}>{side}</{name}>" for name, side in sides.items())
            objects += f"<object>\n<name>{kinds[kind]}</name>\n<bndbox>{inner}</bndbox>\n</object>\n"
            box = [x - half, y - half, 2 * half + 1, 2 * half + 1]
            listed["annotations"].append({"id": 4 * i + k, "image_id": i, "category_id": kind, "bbox": box})
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "JPEGImages" / f"{i}.png")
        (folder / "Annotations" / f"{i}.xml").write_text(f"<annotation>\n{objects}</annotation>\n")
        listed["images"].append({"id": i, "file_name": f"{i}.png", "width": width, "height": height})
    (folder / "coco.json").write_text(json.dumps(listed), encoding="utf-8")


def bert(folder: Path) -> None:
    """A random BERT of two layers with the vocabulary of tiny_text."""
    from transformers import BertConfig, BertModel

    from tl.components.backbone.tiny_text import TOKENIZER

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=4000, max_position_embeddings=32, **sizes)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())


def dinov2(folder: Path) -> None:
    """A random DINOv2 of two layers for pictures of 28 pixels."""
    from transformers import BitImageProcessor, Dinov2Config, Dinov2Model

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 2}
    Dinov2Model(Dinov2Config(image_size=28, patch_size=14, **sizes)).save_pretrained(folder)
    BitImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)


def _write(file: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([columns, *rows])
