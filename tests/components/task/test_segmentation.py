"""A class for each pixel: targets, loss, counts and what is told of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import cross_entropy, interpolate

from tests.built import option
from tl.batch import IGNORED
from tl.commands.chosen_task import build_task
from tl.components.data.masks import Mask, read_mask
from tl.components.preprocess import ImagePreprocess
from tl.components.sample import Sample, Samples
from tl.components.task.judged import Judged
from tl.components.task.segmentation import Segmentation
from tl.errors import TLError
from tl.metrics.measured import compute_metrics
from tl.recipe.recipe import Node
from tl.report.blocks import Gallery

SEEN = ImagePreprocess(4, 4, "bilinear", (0.5,) * 3, (0.2,) * 3)


def task(**options: float) -> Segmentation:
    made = build_task(Node("task", "auto", {"label_smoothing": 0.0, "focal_gamma": 0.0, **options}), "mask")
    assert isinstance(made, Segmentation)
    made.fit(("cell", "ground", "rim"), Samples.of([]), {})  # type: ignore[typeddict-item]
    return made


def head(made: Segmentation) -> Any:
    return option("head", "linear", {"dim_in": 2, "space": made.space}, init="random")


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    """A picture of 4 x 4 pixels, the left half ground, the right half cell, one pixel not judged."""
    numbers = np.repeat([[0, 0, 1, 1]], 4, 0).astype(np.uint8)
    numbers[0, 0] = 255
    Image.fromarray(numbers * 100).convert("RGB").save(tmp_path / "a.png")
    Image.fromarray(numbers).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png", tmp_path / "a.png", {0: "ground", 1: "cell"}, 255)
    return Sample("a", tmp_path / "a.png", mask, "a.png")


def random_batch(size: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    target = torch.randint(0, 3, (3, size, size), generator=draw)
    target[1, :5] = IGNORED
    return torch.randn(3, 2, 2, 3, generator=draw), target


def test_targets_are_the_classes_of_the_masks_pixels(sample: Sample) -> None:
    (row,) = task().targets(Samples.of([sample]))
    assert row.tolist() == [IGNORED, 1, 0, 0, *[1, 1, 0, 0] * 3]


def test_the_loss_is_the_mean_over_pictures_of_the_mean_over_their_pixels() -> None:
    made = task()
    output, target = random_batch()
    full = interpolate(output.permute(0, 3, 1, 2), (8, 8), mode="bilinear")
    wanted = torch.stack([cross_entropy(full[i, None], target[i, None], ignore_index=IGNORED) for i in range(3)]).mean()
    torch.testing.assert_close(made.loss(head(made), output, target)["task"], wanted)


def test_a_picture_without_a_judged_pixel_adds_nothing() -> None:
    made = task()
    output, target = random_batch()
    target[2] = IGNORED
    output.requires_grad_()
    loss = made.loss(head(made), output, target)["task"]
    torch.testing.assert_close(loss * 3, made.loss(head(made), output[:2], target[:2])["task"] * 2)
    loss.backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert not output.grad[2].any()


def test_counts_are_those_of_the_interpolated_answers() -> None:
    made = task()
    output, target = random_batch()
    kept = made.keep(head(made), output, target, Samples.of([]))
    best = interpolate(output.permute(0, 3, 1, 2), (8, 8), mode="bilinear").argmax(1)
    for i in range(3):
        for true in range(3):
            for said in range(3):
                assert kept.rows[i, true, said] == int(((target[i] == true) & (best[i] == said)).sum())
    assert kept.rows.sum((1, 2)).tolist() == [64] * 3
    assert kept.rows[1, 3].sum() == 40
    accuracy = float((best == target)[target != IGNORED].float().mean())
    assert compute_metrics(made.measured(head(made), kept))["pixel_accuracy"] == pytest.approx(accuracy)
    answered, true = np.moveaxis(np.asarray(Image.open(io.BytesIO(kept.answers[0]))), -1, 0)
    assert answered.tolist() == best[0].tolist()
    assert true.tolist() == (target[0] + 1).tolist()


def test_a_closed_form_start_sees_the_pixel_at_the_centre_of_each_place() -> None:
    target = torch.arange(36).reshape(6, 6)
    target[1, 1] = IGNORED
    features, classes = task().flat((torch.arange(4.0).reshape(2, 2, 1),), target)
    assert classes.tolist() == [10, 25, 28]
    assert features.flatten().tolist() == [1, 2, 3]


def test_a_place_of_the_coarsest_map_stands_for_those_of_finer_maps_at_its_centre() -> None:
    fine, coarse = torch.arange(25.0).reshape(1, 5, 5, 1), torch.tensor([[[[0.0], [1.0]], [[2.0], [3.0]]]])
    features, classes = task().flat((fine, coarse), torch.zeros(1, 8, 8, dtype=torch.long))
    assert features.tolist() == [[6, 0], [8, 1], [16, 2], [18, 3]]
    assert classes.tolist() == [0] * 4


def test_only_pixels_of_chosen_classes_are_judged(sample: Sample) -> None:
    (kept,) = task().choose(Samples.of([sample]), ["cell"])
    assert isinstance(kept.target, Mask)
    assert kept.target.names == ("cell",)


@pytest.mark.parametrize("names, message", [((), "hold no class"), (("a",), "hold only 'a'")])
def test_too_few_classes_are_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(TLError, match=message):
        task().check_enough(names)


def test_a_class_that_was_not_learnt_is_refused(sample: Sample) -> None:
    made = task()
    made.fit(("cell", "sky"), Samples.of([]), {})  # type: ignore[typeddict-item]
    with pytest.raises(TLError, match="The class 'ground' is none that was learnt"):
        made.overlay(sample)


def test_answers_tables_and_the_report_tell_of_pixels(sample: Sample) -> None:
    made = task()
    target = torch.tensor([[[IGNORED, 1, 0, 0], *[[1, 1, 0, 0]] * 3]])
    output = torch.zeros(1, 4, 4, 3)
    output[..., 0] = 1  # all is answered with cell
    kept = made.keep(head(made), output, target, Samples.of([sample]))
    found = made.measured(head(made), kept)
    table = made.table([sample], kept, found, 1000)
    assert table.header == ["id", "true", "predicted"]
    assert [json.loads(cell) for cell in table.rows[0][1:]] == [{"cell": 8, "ground": 7}, {"cell": 16}]
    (answer,) = made.answers([sample], kept, found)
    assert answer == {"predicted": ["cell"], "pixels": {"cell": 16}, "scores": {"cell": 1.0, "ground": 0.0, "rim": 0.0}}
    assert made.columns() == ["id", "predicted", "share_cell", "share_ground", "share_rim"]
    assert [*made.cells([sample], kept, found)] == [["a", ["cell"], 1.0, 0.0, 0.0]]
    assert [*made.never_answered(found)] == [("ground", 7)]
    (section,) = made.findings(Judged([sample], kept, found, found, None, "", lambda _: True, SEEN))
    (gallery,) = [block for block in section.blocks if isinstance(block, Gallery)]
    (card,) = gallery.cards
    assert card.mask is not None
    wrong = np.asarray(Image.open(io.BytesIO(card.mask)))[..., 3] > 0
    assert wrong.tolist() == [[False, True, False, False], *[[True, True, False, False]] * 3]
    assert card.note == "46.7 % of its pixels are wrong"
    hidden = made.findings(Judged([sample], kept, found, found, None, "", lambda _: False, SEEN))[0].blocks[-1]
    assert isinstance(hidden, Gallery)
    assert hidden.cards[0].picture is None
    assert made.skill() == "tell 3 kinds of pixels apart"
