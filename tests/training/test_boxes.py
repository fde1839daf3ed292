"""A task that reads several maps in the one trainer: boxes follow their pictures from the files to the loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.conftest import SHORT
from tests.training.test_tokens import gradient
from tests.training.test_trainer import Resumed, Rows, Train, equal, losses
from tests.user_data import boxes as drawn
from tl.commands.assemble import assemble
from tl.errors import Mistakes
from tl.evaluation.evaluator import Evaluator
from tl.inputs.streams import fixed_view
from tl.metrics.measured import compute_metrics
from tl.place import Share
from tl.recipe.recipe import load

PROBED = ["freeze=linear_then_all", "freeze.probe=50%"]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A recipe for 24 pictures with up to three boxes each, of which every fourth has none."""
    folder = tmp_path_factory.mktemp("boxes")
    drawn(folder)
    recipe = ["data=voc", f"data.root={folder}", "head=retina", "head.width=16", "optimizer.lr=0.005"]
    return [*recipe, "loop.batch=8", "loop.device_batch=8"]


@pytest.mark.parametrize("device_batch, world", [(1, 1), (3, 1), (8, 2), (2, 3)])
def test_pieces_and_processes_have_the_gradient_of_the_whole_batch(
    boxes: list[str], device_batch: int, world: int
) -> None:
    assembly = assemble(load("base", boxes))
    whole, pieces = gradient(assembly, 8, 1), gradient(assembly, device_batch, world)
    assert float((pieces - whole).norm() / whole.norm()) < 1e-6


def test_a_piece_weighs_its_boxes_and_an_empty_picture_as_one(boxes: list[str]) -> None:
    stream = assemble(load("base", boxes)).streams(Share())["train"]
    (pieces,) = stream.steps(0, 1)
    counts = stream.source.targets.counts
    assert counts is not None
    assert sorted({*counts.tolist()}) == [1, 2, 3, 4]
    assert [piece.weight for piece in pieces] == [1.0]


def test_resuming_equals_never_stopping(boxes: list[str], resumed: Resumed, rows: Rows) -> None:
    whole, halted = resumed(*boxes, *SHORT, *PROBED, "augment=image", "loop.ema=0.9", "loop.log_every=2step")
    assert equal(whole, halted)
    assert rows(whole) == rows(halted)
    assert rows(whole, "val") == rows(halted, "val")


VIEWS = pytest.param(["augment=image", "loop.views=2"], marks=pytest.mark.slow)


@pytest.mark.parametrize("views", [[], VIEWS])
def test_cached_activations_of_several_maps_change_nothing(
    boxes: list[str], train: Train, rows: Rows, views: list[str]
) -> None:
    recipe = [*boxes, *SHORT, *PROBED, *views]
    cached, computed = train(*recipe, "cache.use=always"), train(*recipe, "cache.use=never")
    assert equal(cached, computed)
    assert losses(rows(cached)) == losses(rows(computed))
    assert json.loads((cached / "preprocess.json").read_text())["fit"] == "letterbox"


def test_a_fixed_view_has_the_boxes_of_that_view(boxes: list[str]) -> None:
    stream = assemble(load("base", [*boxes, "augment=image"])).streams(Share())["train"]
    draws = [fixed_view(0, number, view) for number in range(4) for view in range(2)]
    (batch,) = stream.source.batches(iter([draws]))
    assert torch.equal(stream.source.y(draws), batch.y)
    assert not torch.equal(batch.y[0], batch.y[1])


@pytest.mark.parametrize(
    "override, message",
    [
        ("head=fcn", r"head 'fcn' gives outputs, but task 'detection' asks for boxes at anchors: take head=retina\."),
        ("head=nearest_mean", r"head 'nearest_mean' answers for one vector a sample, but task 'detection' reads maps"),
        ("backbone=tiny_text", r"backbone 'tiny_text' gives no maps, but task 'detection' reads maps"),
        ("method=dann", r"method 'dann' works on one vector a sample, .*: take method=finetune\."),
    ],
)  # fmt: skip
def test_options_that_do_not_go_with_boxes_are_refused(boxes: list[str], override: str, message: str) -> None:
    recipe = [one for one in boxes if not (override.startswith("head=") and one.startswith("head"))]
    with pytest.raises(Mistakes, match=message) as error:
        assemble(load("base", [*recipe, override]))
    assert {mistake.code for mistake in error.value.mistakes} == {"E069"}


def test_a_head_of_boxes_is_refused_for_another_task(tmp_path: Path) -> None:
    from tests.user_data import masks

    masks(tmp_path)
    with pytest.raises(
        Mistakes, match=r"head 'retina' gives boxes at anchors, but task 'segmentation' asks for outputs"
    ):
        assemble(load("base", ["data=mask_folder", f"data.root={tmp_path}", "head=retina"]))


def test_processes_keep_of_their_pictures_what_one_process_keeps(
    boxes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two processes is run by itself; what they would exchange is handed over afterwards."""
    assembly = assemble(load("base", boxes))
    items, device = assembly.items("train"), torch.device("cpu")
    whole = Evaluator(4, Share(), device).outputs(assembly.model, items)
    sent: list[list[object]] = [[], []]

    def listen(parts: list[object], own: object) -> None:
        sent[rank].append(own)
        parts[:] = [own, own]

    monkeypatch.setattr(torch.distributed, "all_gather_object", listen)
    for rank in range(2):
        Evaluator(4, Share(rank, 2), device).outputs(assembly.model, items)
    exchanged = zip(*sent, strict=True)
    monkeypatch.setattr(torch.distributed, "all_gather_object", lambda parts, own: setitem(parts, next(exchanged)))
    both = Evaluator(4, Share(0, 2), device).outputs(assembly.model, items)
    one, other = (found.measured(assembly.model) for found in (whole, both))
    for mine, theirs in zip(one.answers, other.answers, strict=True):
        assert mine.truth.sides.tolist() == theirs.truth.sides.tolist()
        assert mine.found.scores == pytest.approx(theirs.found.scores, abs=1e-6)
    assert compute_metrics(one) == pytest.approx(compute_metrics(other), nan_ok=True)


def setitem(parts: list[object], values: tuple[object, ...]) -> None:
    parts[:] = values
