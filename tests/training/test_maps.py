"""A task that reads maps in the one trainer: masks follow their pictures from the files to the loss."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.conftest import SHORT
from tests.training.test_tokens import gradient
from tests.training.test_trainer import Resumed, Rows, Train, equal, losses
from tests.user_data import masks
from tl.batch import IGNORED
from tl.commands.assemble import assemble, provenance
from tl.errors import Mistakes
from tl.inputs.activations import Activations, Reads
from tl.inputs.streams import Draw, fixed_view
from tl.place import Place, Share
from tl.recipe.recipe import load

PROBED = ["freeze=linear_then_all", "freeze.probe=50%"]


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A recipe for 24 pictures with masks, of which a rim of pixels is not judged."""
    folder = tmp_path_factory.mktemp("masks")
    masks(folder)
    return ["data=mask_folder", f"data.root={folder}", "loop.batch=8", "loop.device_batch=8", "optimizer.lr=0.005"]


@pytest.mark.parametrize(
    "device_batch, world, head", [(1, 1, "linear"), (3, 1, "fcn"), (8, 2, "linear"), (2, 3, "fcn")]
)
def test_pieces_and_processes_have_the_gradient_of_the_whole_batch(
    maps: list[str], device_batch: int, world: int, head: str
) -> None:
    assembly = assemble(load("base", [*maps, f"head={head}"]))
    whole, pieces = gradient(assembly, 8, 1), gradient(assembly, device_batch, world)
    assert float((pieces - whole).norm() / whole.norm()) < 1e-6


def test_resuming_equals_never_stopping(maps: list[str], resumed: Resumed, rows: Rows) -> None:
    whole, halted = resumed(*maps, *SHORT, *PROBED, "head=fcn", "augment=image", "loop.ema=0.9", "loop.log_every=2step")
    assert equal(whole, halted)
    assert rows(whole) == rows(halted)
    assert rows(whole, "val") == rows(halted, "val")


@pytest.mark.parametrize(
    "changes",
    [
        PROBED,
        [*PROBED, "augment=image", "loop.views=2"],
        [*PROBED, "head=fcn", "augment=image", "loop.views=2"],
        ["freeze=gradual", "freeze.every=4step", "head=fcn"],
    ],
    ids=["last map", "views", "taps of views", "taps above a cut"],
)
def test_cached_activations_of_maps_change_nothing(
    maps: list[str], train: Train, rows: Rows, changes: list[str]
) -> None:
    recipe = [*maps, *SHORT, *changes]
    cached, computed = train(*recipe, "cache.use=always"), train(*recipe, "cache.use=never")
    assert equal(cached, computed)
    assert losses(rows(cached)) == losses(rows(computed))
    assert rows(cached, "val") == rows(computed, "val")


def test_heads_with_other_taps_share_entries(maps: list[str], tmp_path: Path) -> None:
    said: list[str] = []

    def shapes(*changes: str) -> list[tuple[int, ...]]:
        """The shapes of the entries in the cache, after a head has read the training pictures."""
        recipe = load("base", [*maps, *changes, "cache.use=always", f"cache.folder={tmp_path}"])
        assembly = assemble(recipe)
        of = provenance(recipe, assembly.model.backbone)
        activations = Activations(assembly.model, of, recipe.cache, Place(torch.device("cpu")), said.append)
        source = activations.source("train", assembly.items("train"), Reads({assembly.model.end: 9.0}))
        (batch,) = source.batches(iter([[Draw(0, 0), Draw(3, 0)]]))
        assert [len(one) for one in (*batch.x.maps, batch.x.values)] == [2] * len(assembly.model.taps)
        layouts = [json.loads(file.read_text()) for file in tmp_path.glob("*/layout.json")]
        return sorted(tuple(one["shape"]) for one in layouts if one["dtype"] == "float32")

    assert shapes() == [(4, 4, 128)]
    assert shapes("head=fcn", "head.maps=2") == [(4, 4, 128), (8, 8, 48)]
    assert shapes("head=fcn") == [(4, 4, 128), (8, 8, 48), (16, 16, 24)]
    assert len([line for line in said if line.startswith("cache: train computed once")]) == 3
    assert shapes("head=fcn", "head.maps=2") == [(4, 4, 128), (8, 8, 48), (16, 16, 24)]
    assert said[-1] == "cache: train is read back."


def test_a_fixed_view_has_the_mask_of_that_view(maps: list[str]) -> None:
    stream = assemble(load("base", [*maps, "augment=image"])).streams(Share())["train"]
    draws = [fixed_view(0, number, view) for number in range(4) for view in range(2)]
    (batch,) = stream.source.batches(iter([draws]))
    assert torch.equal(stream.source.y(draws), batch.y)
    assert not torch.equal(batch.y[0], batch.y[1])
    assert {*batch.y.unique().tolist()} <= {IGNORED, 0, 1, 2}


def test_masks_are_the_same_crop_as_their_pictures(maps: list[str]) -> None:
    """The drawn pictures are bright where the mask has a shape, and dark elsewhere."""
    source = replace(assemble(load("base", maps)).streams(Share())["train"]).source
    (batch,) = source.batches(iter([[Draw(number, 0) for number in range(8)]]))
    red = batch.x.values[:, 2]
    assert float(red[batch.y > 0].min()) > float(red[batch.y == 0].max()) - 1
    assert float(red[batch.y > 0].mean() - red[batch.y == 0].mean()) > 1.5


def test_from_the_ridge_start_on_pixels_are_told_apart(maps: list[str], train: Train, rows: Rows) -> None:
    run = train(*maps, *SHORT, "freeze=linear_probe", "backbone.size=96")
    assert rows(run, "val")[-1]["pixel_accuracy"] > 0.9


@pytest.mark.parametrize(
    "override, message",
    [
        ("head=nearest_mean", r"head 'nearest_mean' answers for one vector a sample, but task 'segmentation' reads "
         r"maps: take head=cosine or head=fcn or head=linear or head=mlp\."),
        ("backbone=tiny_text", r"backbone 'tiny_text' gives no maps, but task 'segmentation' reads maps: take "),
        ("method=dann", r"method 'dann' works on one vector a sample, .*: take method=finetune\."),
    ],
)  # fmt: skip
def test_options_that_do_not_go_with_maps_are_refused(maps: list[str], override: str, message: str) -> None:
    with pytest.raises(Mistakes, match=message) as error:
        assemble(load("base", [*maps, override]))
    assert {mistake.code for mistake in error.value.mistakes} == {"E069"}


@pytest.mark.parametrize("key, value, neutral", [("policy", "randaugment", "none"), ("mixup", "0.2", "null")])
def test_augmentations_that_masks_cannot_follow_are_refused(
    maps: list[str], key: str, value: str, neutral: str
) -> None:
    message = rf"augment\.{key}={value} changes pictures in a way that targets .*: set augment\.{key}={neutral}\."
    with pytest.raises(Mistakes, match=message):
        assemble(load("base", [*maps, "augment=image", f"augment.{key}={value}"]))
