"""Statistics of batch norms: torch's own estimate, and that of the weights which a run keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import update_bn

from tests.conftest import IMAGE, SHORT, TEXT
from tests.training.test_trainer import weights
from tl.batch import Inputs
from tl.commands.assemble import Assembly, assemble
from tl.errors import TLError
from tl.place import Share
from tl.recipe.recipe import load
from tl.rng import derive
from tl.training.statistics import chosen_batches, estimate, refuse_lone_samples
from tl.training.step import Step

Train = Callable[..., Path]
CPU = torch.device("cpu")
SCRATCH = [*IMAGE, *SHORT, "backbone.weights=none", "freeze=full", "optimizer.lr=0.01", "optimizer.head_factor=1"]


def built(*recipe: str) -> Assembly:
    return assemble(load("base", list(recipe)))


def norms(assembly: Assembly) -> dict[str, torch.Tensor]:
    return {name: value for name, value in assembly.model.state_dict().items() if "running" in name}


def test_the_estimate_is_that_of_update_bn() -> None:
    assembly, other = built(*SCRATCH), built(*SCRATCH)
    items, names = assembly.items("train"), assembly.model.estimated_norms()
    assert len(names) == sum(isinstance(m, torch.nn.BatchNorm2d) for m in assembly.model.modules()) > 0
    batches = [batch.x.values for batch in chosen_batches(items, CPU, 7)]
    assert sum(map(len, batches)) == len(items)
    update_bn(batches, Backbone(other))
    estimate(assembly.model, names, chosen_batches(items, CPU, 7), CPU)
    found, expected = norms(assembly), norms(other)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name])


class Backbone(torch.nn.Module):
    """What update_bn runs: pictures to features."""

    def __init__(self, assembly: Assembly) -> None:
        super().__init__()
        self.net = assembly.model.backbone

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.net(Inputs(pixels))
        return features


def test_the_estimate_changes_modes_momenta_and_other_tensors_for_no_longer_than_it_runs() -> None:
    assembly = built(*SCRATCH, "freeze=top_k", "freeze.stages=1")
    model = assembly.model
    model.learn(assembly.phases[0].train)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = {name: module.training for name, module in model.named_modules()}
    names = model.estimated_norms()
    assert 0 < len(names) < len(built(*SCRATCH).model.estimated_norms())
    estimate(model, names, chosen_batches(assembly.items("train"), CPU, 0), CPU)
    changed = {name.rpartition(".")[0] for name, v in model.state_dict().items() if not torch.equal(v, before[name])}
    assert changed == set(names)
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert {model.get_submodule(name).momentum for name in names} == {0.1}


@pytest.mark.parametrize("extra", [["loop.ema=0.9"], ["augment=image"]], ids=["average", "augmented"])
def test_a_run_keeps_the_statistics_of_the_weights_that_it_keeps(extra: list[str], train: Train) -> None:
    kept = weights(train(*SCRATCH, *extra))
    assembly = built(*SCRATCH, *extra)
    assembly.model.load_state_dict(kept)
    batches = chosen_batches(assembly.items("train"), CPU, derive(assembly.recipe.seed, "train"))
    estimate(assembly.model, assembly.model.estimated_norms(), batches, CPU)
    for name, value in norms(assembly).items():
        torch.testing.assert_close(value, kept[name], rtol=1e-5, atol=1e-6)


def test_kept_statistics_and_models_without_batch_norms_need_no_estimate() -> None:
    assert built(*IMAGE).model.estimated_norms() == []
    assert built(*TEXT, "backbone.weights=none").model.estimated_norms() == []
    probe = built(*SCRATCH, "freeze=linear_probe")
    probe.model.learn(probe.phases[0].train)
    assert probe.model.estimated_norms() == []


def resnet(*extra: str) -> tuple[Any, ...]:
    recipe = ["data=tiny_shapes", "data.n=60", "backbone=resnet", "backbone.weights=none", "backbone.size=32", *extra]
    assembly = built(*recipe)
    return Step(assembly.model, assembly.method), assembly.streams(Share())["train"], assembly.phases, CPU


def test_one_sample_at_once_is_refused_where_a_batch_norm_would_see_one_value() -> None:
    with pytest.raises(
        TLError, match=r"In the phase 'full' batch norms .*: raise loop\.device_batch or backbone\.size"
    ):
        refuse_lone_samples(*resnet("loop.device_batch=1"))
    refuse_lone_samples(*resnet("loop.device_batch=1", "loop.batch_norm=keep"))
    refuse_lone_samples(*resnet("loop.device_batch=1", "backbone.size=64"))
    refuse_lone_samples(*resnet("loop.device_batch=2", "loop.batch=4"))
    refuse_lone_samples(*resnet("loop.device_batch=1", "freeze=linear_probe"))
