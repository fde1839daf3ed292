"""`tl predict --draw`: a picture for each answer, under its own name, and nothing that was there is replaced."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.user_data import boxes, masks
from tl.components.task.drawn import colour

from .conftest import SIZES, Command, trained


@pytest.fixture(scope="module")
def of_boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boxes")
    boxes(folder)
    recipe = [f"data.root={folder}", "data=voc", "task=detection", "task.sure=0", "task.least=0", "task.most=2"]
    return trained(folder / "runs", [*recipe, "head=retina", "head.width=16", "freeze=linear_probe", *SIZES])


def test_boxes_are_drawn_where_the_answers_say(of_boxes: Path, tl: Command, tmp_path: Path) -> None:
    pictures = sorted((of_boxes.parents[2] / "JPEGImages").glob("1*.png"))[:3]
    for number, picture in enumerate(pictures):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "same.png").write_bytes(picture.read_bytes())
    to = tmp_path / "drawn"
    said = tl("predict", of_boxes, *(tmp_path / str(n) for n in range(3)), "--json", "--draw", to)
    assert said.code == 0, said.mistake
    answers = [json.loads(line) for line in said.out.splitlines()]
    assert sorted(file.name for file in to.iterdir()) == ["same-2.jpg", "same-3.jpg", "same.jpg"]
    assert all(len(one["predicted"]) == 2 for one in answers)
    for file, one in zip(("same", "same-2", "same-3"), answers, strict=True):
        before, after = (np.asarray(Image.open(p).convert("RGB"), int) for p in (one["input"], to / f"{file}.jpg"))
        assert before.shape == after.shape
        assert np.abs(after - before).max() > 60


def test_what_cannot_be_drawn_is_said_before_anything_is_answered(of_boxes: Path, tl: Command, tmp_path: Path) -> None:
    said = tl("predict", of_boxes, "a.png", "--draw", tmp_path, "--to", tmp_path / "a.csv")
    assert said.code == 2
    assert "--draw goes with the table and with --json, not with --to" in said.mistake


@pytest.mark.slow
def test_pixels_are_drawn_in_the_colours_of_their_classes(tl: Command, tmp_path: Path) -> None:
    masks(tmp_path)
    recipe = [f"data.root={tmp_path}", "data=mask_folder", "freeze=linear_probe", "backbone.size=96", *SIZES]
    run = trained(tmp_path / "runs", recipe)
    said = tl("predict", run, tmp_path / "images" / "0.png", "--draw", tmp_path / "drawn")
    assert said.code == 0, said.mistake
    drawn = np.asarray(Image.open(tmp_path / "drawn" / "0.jpg"), float)
    assert drawn.shape == (96, 96, 3)
    ground = 0.45 * np.array(colour(0))
    assert np.abs(drawn[-1, 40] - ground - 0.55 * 30).max() < 40


def test_a_run_whose_answers_are_no_boxes_has_nothing_to_draw(runs: object, tl: Command, tmp_path: Path) -> None:
    said = tl("predict", runs("text"), "good old", "--draw", tmp_path)  # type: ignore[operator]
    assert said.code == 2
    assert "--draw: answers of this run are one class, which are not drawn" in said.mistake
