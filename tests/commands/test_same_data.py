"""A run is not judged, resumed or repeated on pictures that changed under their names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.commands.conftest import SIZES
from tl.cli.printing.progress import Quiet
from tl.commands.evaluate import EvaluationData, evaluate
from tl.commands.reproduce import reproduce
from tl.errors import TLError
from tl.run.run import Run

Train = Callable[..., Path]
CHANGED = r"\(pictures of the same names and sizes hold something else\)"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Dark and light bitmaps: files of this format are all of one size."""
    for name, base in (("dark", 20), ("light", 200)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(12):
            Image.new("RGB", (16, 16), (base + i,) * 3).save(tmp_path / "pictures" / name / f"{i}.bmp")
    return tmp_path / "pictures"


def exchange_labels(root: Path) -> None:
    for one, two, three in (("dark", "light", "other"),):
        (root / one).rename(root / three)
        (root / two).rename(root / one)
        (root / three).rename(root / two)


def judged(run: Path) -> float:
    return evaluate(run, EvaluationData("test", None, ()), lambda line: None).as_json()["metrics"]["accuracy"]["value"]


def test_exchanged_labels_are_noticed(
    train: Train, pictures: Path, tmp_path: Path, forget_accelerate: Callable[[], None]
) -> None:
    run = train("data=image_folder", f"data.root={pictures}", "backbone=tiny_image", *SIZES)
    before = judged(run)
    exchange_labels(pictures)
    with pytest.raises(TLError, match=rf"The data of '{run}' changed since it was trained {CHANGED}"):
        judged(run)
    with pytest.raises(TLError, match=rf"The data of '{run}' changed since it was trained {CHANGED}: bring it back"):
        reproduce(run, tmp_path / "again", Quiet())
    assert not (tmp_path / "again").exists()
    with pytest.raises(TLError, match=rf"The data changed since '{run}' began {CHANGED}, so it cannot be resumed"):
        train(resume=run)
    exchange_labels(pictures)
    assert judged(run) == before


def test_files_that_were_copied_are_the_same_and_earlier_runs_are_compared_as_ever(
    train: Train, pictures: Path, tmp_path: Path
) -> None:
    run = train("data=image_folder", f"data.root={pictures}", "backbone=tiny_image", *SIZES)
    shutil.move(pictures, tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", pictures, copy_function=shutil.copyfile)
    assert judged(run) >= 0
    meta = dict(Run.open(run).meta)
    del meta["data_files"]
    (run / "meta.json").write_text(json.dumps(meta))
    exchange_labels(pictures)
    assert judged(run) >= 0
