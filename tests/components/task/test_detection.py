"""The task of boxes: targets that follow their pictures, answers in pixels of the picture, tables and the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.built import option
from tl.commands.chosen_task import build_task
from tl.components.anchored import Anchored
from tl.components.data.boxes import Box, Boxes
from tl.components.overlay import boxes_on, cropped
from tl.components.preprocess import ImagePreprocess, TextPreprocess
from tl.components.sample import Sample, Samples
from tl.components.task.detection import Detection
from tl.components.task.judged import Judged, Kept
from tl.errors import TLError
from tl.metrics.measured import compute_metrics
from tl.recipe.recipe import Node
from tl.report.blocks import Gallery, Table
from tl.space import IGNORED, Space

SQUARE = ImagePreprocess(64, 64, "bilinear", (0.5,) * 3, (0.2,) * 3)


def task(**changes: Any) -> Detection:
    made = build_task(Node("task", "auto", {**changes}), "boxes")
    assert isinstance(made, Detection)
    made.restore(Space("multi", ("cat", "dog")))
    return made


def sample(*boxes: Box, size: tuple[int, int] = (128, 64), name: str = "a") -> Sample:
    return Sample(name, Path(f"{name}.png"), Boxes(size, boxes), f"{name}.png")


CAT, DOG, CROWD = Box(0, 0, 32, 32, "cat"), Box(64, 16, 128, 64, "dog"), Box(40, 8, 56, 24, "dog", judged=False)


def seen(one: Sample, preprocess: ImagePreprocess) -> Tensor:
    made = task()
    return made.placed(one, cropped(made.overlay(one), preprocess))


def test_a_target_has_the_frame_of_the_picture_and_then_its_boxes() -> None:
    letterboxed = task().prepared(SQUARE)
    assert isinstance(letterboxed, ImagePreprocess)
    assert seen(sample(CAT, DOG, CROWD), letterboxed).tolist() == [
        [0, 16, 64, 48, -2], [0, 16, 16, 32, 0], [32, 24, 64, 48, 1], [20, 20, 28, 28, -1],
    ]  # fmt: skip
    whole = task(fit="whole").prepared(SQUARE)
    assert isinstance(whole, ImagePreprocess)
    assert seen(sample(CAT), whole).tolist() == [[0, 0, 64, 64, -2], [0, 0, 16, 32, 0]]
    with pytest.raises(AssertionError, match="only pictures have boxes"):
        task().prepared(TextPreprocess("{}", 3, 0))


def test_a_box_of_which_a_third_is_left_is_cut_and_of_which_less_is_left_is_not_judged() -> None:
    """The centre crop of 128 x 64 shows columns 32 to 96."""
    half, part = Box(0, 0, 64, 20, "cat"), Box(0, 0, 40, 20, "cat")
    found = seen(sample(half, part, DOG), SQUARE)
    assert found[0].tolist() == [-32, 0, 96, 64, -2]
    assert found[1].tolist() == [0, 0, 32, 20, 0]
    assert found[2, 4] == -1
    assert found[3].tolist() == [32, 16, 64, 64, 1]


def test_a_picture_counts_as_often_as_its_target_has_rows() -> None:
    assert [task().count(one) for one in (sample(), sample(CAT), sample(CAT, CROWD))] == [1, 2, 3]


def answered(boxes: list[list[float]], logits: list[list[float]]) -> Tensor:
    """One picture whose anchors are the boxes that it answers with."""
    sides = torch.tensor(boxes).reshape(-1, 4)
    return Anchored(sides, sides, torch.tensor(logits).reshape(-1, 2)).packed()[None]


def test_the_loss_of_a_batch_is_the_mean_over_rows_of_targets() -> None:
    made, head = task(), option("head", "linear", {"dim_in": 2, "space": Space("multi", ("cat", "dog"))})
    output = torch.cat([answered([[0, 0, 16, 16], [30, 30, 60, 60]], [[1.0, -2], [0, 3]])] * 2)
    target = torch.full((2, 3, 5), float(IGNORED))
    target[0, :] = torch.tensor([[0, 0, 64, 64, -2], [0, 0, 16, 16, 0], [30, 30, 60, 50, 1]])
    target[1, 0] = torch.tensor([0, 0, 64, 64, -2])
    both = made.loss(head, output, target)["task"]
    one, other = (made.loss(head, output[i : i + 1], target[i : i + 1])["task"] for i in range(2))
    torch.testing.assert_close(both, (3 * one + other) / 4)
    assert one > 0
    assert other > 0


def kept(made: Detection, one: Sample, boxes: list[list[float]], logits: list[list[float]]) -> Kept:
    preprocess = made.prepared(SQUARE)
    assert isinstance(preprocess, ImagePreprocess)
    target = made.placed(one, cropped(made.overlay(one), preprocess))[None]
    head = option("head", "linear", {"dim_in": 2, "space": made.space})
    return made.keep(head, answered(boxes, logits), target, Samples.of([one]))


FOUND = [[0.0, 16, 16, 32], [32, 24, 64, 48], [40, 20, 60, 44]], [[3.0, -9], [-9, 2], [-9, -1]]


def test_answers_are_in_pixels_of_the_picture() -> None:
    made, one = task(), sample(CAT, DOG)
    found = kept(made, one, *FOUND)
    head = option("head", "linear", {"dim_in": 2, "space": made.space})
    measured = made.measured(head, found)
    assert compute_metrics(measured)["box_map"] == pytest.approx(1.0)
    (answer,) = made.answers([one], found, measured)
    assert answer["predicted"] == [
        {"class": "cat", "score": pytest.approx(0.952574), "box": [0, 0, 32, 32]},
        {"class": "dog", "score": pytest.approx(0.880797), "box": [64, 16, 128, 64]},
    ]
    assert [*made.cells([one], found, measured)] == [["a", answer["predicted"]]]
    table = made.table([one], found, measured, 100)
    assert table.header == ["id", "true", "predicted"]
    assert json.loads(table.rows[0][1]) == [
        {"class": "cat", "box": [0, 0, 32, 32]},
        {"class": "dog", "box": [*DOG[:4]]},
    ]
    assert json.loads(table.rows[0][2]) == answer["predicted"]
    assert [one.tolist() for one in made.answer_counts(measured)] == [[1, 1], [1, 1]]
    assert made.skill() == "find 2 kinds of things"


def test_a_picture_without_known_boxes_is_answered_in_its_own_pixels(tmp_path: Path) -> None:
    Image.new("RGB", (128, 64)).save(tmp_path / "a.png")
    made, one = task(), Sample("a", tmp_path / "a.png", None, "a.png")
    found = kept(made, one, *FOUND)
    assert found.answers[0].found.sides[0].tolist() == [0, 0, 32, 32]
    assert not len(found.answers[0].truth.sides)


def test_of_no_picture_nothing_is_kept_and_nothing_defined() -> None:
    made = task()
    head = option("head", "linear", {"dim_in": 2, "space": made.space})
    assert all(np.isnan(value) for value in compute_metrics(made.measured(head, made.nothing(head))).values())


def test_only_boxes_of_chosen_classes_are_read_and_a_class_that_was_not_learnt_is_named() -> None:
    made = task()
    chosen = made.choose(Samples.of([sample(CAT, DOG), sample(DOG, name="b")]), ["cat"])
    assert [one.target.names for one in chosen] == [("cat",), ()]  # type: ignore[union-attr]
    with pytest.raises(TLError, match=r"no sample has the class 'cow'"):
        made.choose(chosen, ["cow"])
    with pytest.raises(TLError, match="The class 'cow' is none that was learnt"):
        made.targets(Samples.of([sample(Box(0, 0, 1, 1, "cow"))]))
    with pytest.raises(TLError, match="No training picture has a box"):
        made.check_enough([])


def test_the_report_shows_pictures_with_boxes_that_are_missed_or_made_up(tmp_path: Path) -> None:
    Image.new("RGB", (128, 64)).save(tmp_path / "a.png")
    made, one = task(), Sample("a", tmp_path / "a.png", Boxes((128, 64), (CAT, DOG)), "a.png")
    head = option("head", "linear", {"dim_in": 2, "space": made.space})
    found = kept(made, one, [[0.0, 16, 16, 32], [0, 30, 20, 48]], [[3.0, -9], [-9, 2]])
    measured = made.measured(head, found)
    judged = Judged([one], found, measured, measured, None, "", lambda sample: True, SQUARE)
    (section,) = made.findings(judged)
    (gallery,) = [block for block in section.blocks if isinstance(block, Gallery)]
    (card,) = gallery.cards
    assert card.note == "1 missed, 1 made up"
    assert [(box.label, box.says) for box in card.boxes] == [
        ("dog", "missed"), ("cat 0.95", "right"), ("dog 0.88", "spurious"),
    ]  # fmt: skip
    dog = card.boxes[0]
    assert (dog.left, dog.top, dog.right, dog.bottom) == (0.5, 0.25, 1.0, 1.0)
    (table,) = [block for block in section.blocks if isinstance(block, Table)]
    assert [*table.head] == ["class", "boxes", "precision", "recall", "F1", "average precision"]
    hidden = Judged([one], found, measured, measured, None, "", lambda sample: False, SQUARE)
    (gallery,) = [block for block in made.findings(hidden)[0].blocks if isinstance(block, Gallery)]
    assert gallery.cards[0].picture is None
    assert made.findings(None)[0].blocks


def test_boxes_that_are_laid_over_a_picture_may_reach_beyond_it() -> None:
    assert boxes_on([(-5, 0, 9, 9)], (8, 8)).as_subclass(torch.Tensor).tolist() == [[-5, 0, 9, 9]]
