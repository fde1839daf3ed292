"""A sample that cannot be used stops a run, or is left out and listed, up to a limit; no class is lost by that."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.components.data.listed import Listed, option, row, rows
from tests.conftest import SHORT
from tests.tasks import load_data
from tl.components.sample import Sample
from tl.errors import TLError


def pictures(root: Path) -> Path:
    """A folder with ten pictures in each of the classes a and b; four pictures of b cannot be read."""
    for tone, name in ((30, "a"), (200, "b")):
        (root / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (12, 12), (tone, 7 * number, 0)).save(root / name / f"{number}.png")
    whole = (root / "b" / "0.png").read_bytes()
    (root / "b" / "1.png").write_bytes(whole[: len(whole) // 2])
    (root / "b" / "2.png").write_bytes(b"")
    (root / "b" / "3.png").write_text("no picture")
    (root / "b" / "4.jpg").write_bytes(whole[:4])
    (root / "b" / "4.png").unlink()
    return root


def test_pictures_that_cannot_be_read_are_left_out_and_listed(tmp_path: Path) -> None:
    found = load_data(option("image_folder", root=str(pictures(tmp_path)), on_error="skip", skip_limit=0.2))
    ids = {sample.id for split in found.splits.values() for sample in split}
    assert ids == {f"a/{n}.png" for n in range(10)} | {f"b/{n}.png" for n in (0, 5, 6, 7, 8, 9)}
    assert found.space.names == ("a", "b")
    assert [text.partition(": ")[0].rpartition("/")[2] for text in found.skipped] == [
        "1.png",
        "2.png",
        "3.png",
        "4.jpg",
    ]
    assert any("4 samples cannot be used and are left out (data.on_error=skip)" in note for note in found.notes)


def test_more_than_the_limit_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(
        TLError, match=r"4 of 20 samples cannot be used, more than data\.skip_limit=0\.05 allows: mend them, or r"
    ):
        load_data(option("image_folder", root=str(pictures(tmp_path)), on_error="skip"))


def test_no_class_is_lost_without_a_word(tmp_path: Path) -> None:
    root = pictures(tmp_path)
    for path in (root / "b").iterdir():
        path.write_bytes(b"")
    with pytest.raises(TLError, match=r"would leave out all samples of the class 'b': mend some.*0\.png"):
        load_data(option("image_folder", root=str(root), on_error="skip", skip_limit=1.0))


def test_rows_of_a_table_are_left_out(tmp_path: Path) -> None:
    lines = [f"text {n},{n % 2}.5,0" for n in range(20)]
    lines[3], lines[5], lines[7] = "text 3,nan,0", "text 5,,0", "text 7,high,0"
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(["text,score,x", *lines]))
    keys: dict[str, Any] = {"file": str(file), "text": "text", "numbers": ["score"]}
    with pytest.raises(TLError, match=r"rows\.csv:9: column 'score' holds 'high', which is no number"):
        load_data(option("table", **keys))
    found = load_data(option("table", **keys, on_error="skip", skip_limit=0.2))
    assert sum(map(len, found.splits.values())) == 17
    assert sorted(text.partition(" ")[0].rpartition("/")[2] for text in found.skipped) == [
        "rows.csv:5:",
        "rows.csv:7:",
        "rows.csv:9:",
    ]


def test_a_class_whose_rows_all_fail_is_not_lost_without_a_word(tmp_path: Path) -> None:
    for number in range(8):
        Image.new("RGB", (8, 8), (9 * number, 0, 0)).save(tmp_path / f"{number}.png")
    lines = [f"{n}.png,{'ab'[n % 2]}" for n in range(8)]
    (tmp_path / "rows.csv").write_text("\n".join(["file,label", *lines, "missing.png,c"]))
    keys: dict[str, Any] = {"file": str(tmp_path / "rows.csv"), "image": "file", "label": "label"}
    with pytest.raises(TLError, match=r"all samples of the class 'c'.*there is no picture 'missing\.png'"):
        load_data(option("table", **keys, on_error="skip", skip_limit=0.5))
    found = load_data(option("table", **keys, on_error="skip", skip_limit=0.5, classes=["a", "b"]))
    assert found.space.names == ("a", "b")


def test_ids_that_are_no_unicode_and_missing_labels_are_left_out() -> None:
    odd = Sample("bad\udcff", "text", "a", "rows.csv:90")
    samples = [*rows(a=10, b=10), odd, row(50, None), row(51, None, split="target")]
    found = load_data(Listed(samples, on_error="skip", skip_limit=0.2))
    assert [text.partition(" ")[0] for text in found.skipped] == ["rows.csv:90:", "rows.csv:52:"]
    assert len(found.splits["target"]) == 1


def test_nothing_is_left_out_unless_asked(tmp_path: Path, train: Callable[..., Path]) -> None:
    root = pictures(tmp_path / "pictures")
    recipe = ["data=image_folder", f"data.root={root}", "backbone=tiny_image", *SHORT, "loop.length=2step"]
    with pytest.raises(TLError, match=r"cannot be read|can be read"):
        train(*recipe)
    run = train(*recipe, "data.on_error=skip", "data.skip_limit=0.5")
    assert (run / "skipped.txt").read_text().count("\n") == 4
    for name in ("1.png", "2.png", "3.png", "4.jpg"):
        (root / "b" / name).unlink()
    shutil.rmtree(run)
    assert not (train(*recipe, "data.on_error=skip") / "skipped.txt").exists()
