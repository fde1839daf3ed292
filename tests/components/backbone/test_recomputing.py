"""Gradient checkpointing sees the weights of the forward pass, or says that it does not."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.built import option
from tests.tasks import task_of
from tl.batch import Batch, Streams
from tl.components.backbone.recomputing import recomputed
from tl.components.method.base import Method
from tl.components.method.finetune import Finetune
from tl.components.model import Model
from tl.space import Space

from .samples import backbone_of, folder, inputs_of

CHANGED = "weights changed between the forward and the backward pass"


def _stage() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))


def test_the_gradient_is_that_without_checkpointing() -> None:
    plain, other, x = _stage(), _stage(), torch.randn(3, 4)
    plain(x).square().sum().backward()
    recomputed(other, other, x).square().sum().backward()
    for mine, theirs in zip(other.parameters(), plain.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert torch.equal(mine.grad, theirs.grad)


def test_weights_that_are_swapped_before_the_backward_pass_raise() -> None:
    stage, x = _stage(), torch.randn(3, 4)
    loss = recomputed(stage, stage, x).square().sum()
    with torch.no_grad():
        stage[0].weight.mul_(2)
    with pytest.raises(RuntimeError, match=r"loop.gradient_checkpointing: weights changed .* set .*=false"):
        loss.backward()


def test_weights_that_stand_in_for_a_call_raise() -> None:
    """As in meta-learning: the module's own weights are back when the backward pass begins."""
    stage, x = _stage(), torch.randn(3, 4)
    others = {name: nn.Parameter(value * 2) for name, value in copy.deepcopy(stage).named_parameters()}

    class Called(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stage = stage

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = recomputed(self.stage, self.stage, values)
            return result

    called = {f"stage.{name}": value for name, value in others.items()}
    loss = torch.func.functional_call(Called(), called, (x,)).square().sum()
    with pytest.raises(RuntimeError, match="weights changed between the forward and the backward pass"):
        loss.backward()


def test_weights_that_are_replaced_in_place_raise() -> None:
    stage, x = _stage(), torch.randn(3, 4)
    loss = recomputed(stage, stage, x).square().sum()
    stage[0].weight.data = 2 * stage[0].weight.data
    with pytest.raises(RuntimeError, match=CHANGED):
        loss.backward()


def test_a_graph_that_is_kept_can_be_run_backward_twice() -> None:
    stage, x = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Tanh()), torch.randn(3, 1, 4, 4)
    loss = recomputed(stage, stage, x).square().sum()
    loss.backward(retain_graph=True)
    once = [parameter.grad.clone() for parameter in stage.parameters() if parameter.grad is not None]
    loss.backward()
    for parameter, gradient in zip(stage.parameters(), once, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, 2 * gradient)
    assert stage[1].num_batches_tracked == 1


class Sharpness(Method):
    """Loss at backbone weights that are moved up the gradient (Foret et al. 2021); `loss` puts the old weights back."""

    def loss(self, model: Model, batch: Streams) -> dict[str, Tensor]:
        train = batch["train"]
        weights = list(model.backbone.parameters())
        gradients = torch.autograd.grad(model.head.loss(model(train.x, train.start), train.y), weights)
        self.move(weights, gradients, 0.1)
        loss = model.head.loss(model(train.x, train.start), train.y)
        self.move(weights, gradients, -0.1)
        return {"task": loss}

    @torch.no_grad()
    def move(self, weights: list[nn.Parameter], gradients: tuple[Tensor, ...], by: float) -> None:
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.add_(gradient, alpha=by)


class Replacing(Sharpness):
    """The same by new tensors in the parameters, which leaves version counters as they are."""

    def move(self, weights: list[nn.Parameter], gradients: tuple[Tensor, ...], by: float) -> None:
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.data = weight.data + by * gradient


class Careful(Sharpness):
    """Takes the gradient at the moved weights itself; the returned term has that gradient."""

    def loss(self, model: Model, batch: Streams) -> dict[str, Tensor]:
        train = batch["train"]
        weights = list(model.backbone.parameters())
        gradients = torch.autograd.grad(model.head.loss(model(train.x, train.start), train.y), weights)
        self.move(weights, gradients, 0.1)
        moved = torch.autograd.grad(model.head.loss(model(train.x, train.start), train.y), weights)
        self.move(weights, gradients, -0.1)
        return {"task": torch.stack([(w * g).sum() for w, g in zip(weights, moved, strict=True)]).sum()}


def _model(case: str) -> tuple[Model, Batch]:
    backbone = backbone_of(case)
    assert backbone.checkpointing()
    space = Space("single", ("a", "b", "c"))
    supplied = {"dim_in": backbone.dim, "space": space}
    torch.manual_seed(3)
    model = Model(backbone, option("adapter", "none"), option("head", "linear", supplied), task_of(space))
    return model, Batch(inputs_of(backbone), torch.tensor([0, 1, 2]))


on_both = pytest.mark.parametrize("case", ["tiny_image", "bert"])


@on_both
@pytest.mark.parametrize("method", [Sharpness, Replacing])
def test_a_method_that_swaps_weights_is_stopped(case: str, method: Callable[[], Method]) -> None:
    model, batch = _model(case)
    loss = method().loss(model.train(), {"train": batch})["task"]
    with pytest.raises(RuntimeError, match=CHANGED):
        loss.backward()


@on_both
@pytest.mark.parametrize("method", [Finetune, Careful])
def test_a_method_that_leaves_the_backward_pass_its_weights_trains(case: str, method: Callable[[], Method]) -> None:
    model, batch = _model(case)
    optimizer = torch.optim.SGD(model.train().parameters(), lr=0.01)
    before = [parameter.detach().clone() for parameter in model.backbone.parameters()]
    for _ in range(2):
        for _ in range(2):
            method().loss(model, {"train": batch})["task"].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert not any(torch.equal(*pair) for pair in zip(model.backbone.parameters(), before, strict=True))


@on_both
def test_two_streams_share_the_weights_of_a_step(case: str) -> None:
    model, batch = _model(case)
    method = option("method", "dann", hidden=4)
    method.attach(model)
    torch.stack(list(method.loss(model.train(), {"train": batch, "target": batch}).values())).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


SHARDED = """
import os
import sys

import torch
from accelerate import Accelerator

from tl.commands.assemble import assemble
from tl.inputs.streams import Draw
from tl.recipe.recipe import load
from tl.training.sharding import ShardedStep

built = assemble(load("base", ["loop.gradient_checkpointing=true", *sys.argv[1:]]))
step = ShardedStep(built.model, built.method, Accelerator(cpu=True)).train()
(batch,) = built.items("train").batches(iter([[Draw(number, 0) for number in range(8)]]))
optimizer = torch.optim.SGD(step.parameters(), lr=0.1)
for _ in range(2):
    sum(step({"train": batch}).values()).backward()
    optimizer.step()
    optimizer.zero_grad()
os._exit(0)  # as tl's own processes end: a shutdown takes gloo's threads apart while they run, and may abort
"""


@pytest.mark.parametrize("kind", ["image", "text"])
def test_weights_that_are_sharded_in_between_have_not_changed(kind: str, tmp_path: Path) -> None:
    """FSDP frees the memory of gathered weights after the forward pass, and gathers them anew for the backward pass."""
    recipe = ["data=tiny_shapes", "backbone=tiny_image"]
    if kind == "text":
        weights = folder("bert", tmp_path / "bert")
        recipe = ["data=tiny_sentences", "backbone=text_encoder", f"backbone.weights={weights}"]
    script = tmp_path / "sharded.py"
    script.write_text(SHARDED)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", str(script), *recipe]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
