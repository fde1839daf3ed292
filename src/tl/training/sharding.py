"""FSDP: while a phase's steps are taken, each process holds a part of the backbone's weights, gradients and moments.

torch's `fully_shard` is called without Accelerate's plugin, which does not support CPUs, where the tests run. A copy of
the backbone is sharded: the model itself stays whole on every device, for evaluation and for frozen stages, and takes
over the weights of the copy when they are needed. The reason is that every pass through a sharded stage waits for all
processes, whereas evaluation gives the processes unequal numbers of batches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast, final

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from tl.batch import Inputs, Streams
from tl.components.backbone.base import Backbone
from tl.components.method.base import Method
from tl.components.model import Model
from tl.components.preprocess import Preprocess, TextPreprocess
from tl.training.holding import Holding
from tl.training.step import Step

Build = Callable[[Step], torch.optim.Optimizer]
"""Builds the optimizer over all parameters of a step."""


@final
class Shards(Holding):
    """Every process holds a part of the backbone's weights, gradients and moments; each phase shards anew."""

    def __init__(self, step: Step, build: Build, accelerator: Accelerator) -> None:
        self.build, self.accelerator = build, accelerator
        self.optimizer = build(step)
        self.kept: Mapping[str, Any] = self.optimizer.state_dict()
        self.sharded: ShardedStep | None = None

    def begin(self, step: nn.Module) -> tuple[nn.Module, Any]:
        assert isinstance(step, Step)
        self.sharded = ShardedStep(step.model, step.method, self.accelerator)
        self.optimizer = self.build(self.sharded)
        self.optimizer.load_state_dict(scattered(self.kept, self.optimizer))
        return self.sharded, self.optimizer

    def average(self) -> None:
        assert self.sharded is not None
        self.sharded.average()

    def whole(self, value: Tensor) -> Tensor:
        return full(value)

    def pull(self) -> None:
        if self.sharded is not None:
            self.sharded.pull()

    def end(self) -> None:
        self.kept = self.state()
        self.pull()
        self.sharded = None

    def state(self) -> Mapping[str, Any]:
        return self.kept if self.sharded is None else gathered(self.optimizer.state_dict())

    def load(self, state: Mapping[str, Any]) -> None:
        self.kept = state


class ShardedStep(Step):
    """A step with a sharded copy of the backbone; head, adapter and method are the whole model's own."""

    def __init__(self, model: Model, method: Method, accelerator: Accelerator) -> None:
        learns = any(parameter.requires_grad for parameter in model.backbone.parameters())
        sharded = [_sharded(model.backbone, accelerator)] if learns else []
        super().__init__(_with(model, *sharded), method)
        self.sharded, self.whole = (
            sharded,
            (model,),
        )  # in containers: no submodules of this step
        self.autocast, self.world = accelerator.autocast, accelerator.num_processes

    def forward(self, batch: Streams) -> dict[str, Tensor]:
        with self.autocast():
            return {name: term.float() for name, term in super().forward(batch).items()}

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Inside, gradients are not exchanged: only the last piece of a batch does that."""
        for sharded in self.sharded:
            sharded.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            for sharded in self.sharded:
                sharded.set_requires_gradient_sync(True)

    def average(self) -> None:
        """Make the gradients of parameters that are not sharded the mean over all processes."""
        for parameter in self.parameters():
            if parameter.grad is not None and not isinstance(parameter, DTensor):
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad /= self.world

    @torch.no_grad()
    def pull(self) -> None:
        """Copy the sharded weights into the whole model, with the batch-norm statistics of the first process."""
        kept = self.whole[0].backbone.state_dict()
        for name, value in self.model.backbone.state_dict().items() if self.sharded else ():
            if not isinstance(value, DTensor):
                torch.distributed.broadcast(value, 0)
            kept[name].copy_(full(value))


def full(value: Tensor) -> Tensor:
    """A tensor with its parts from all processes; all processes must ask for it together."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def gathered(state: Mapping[str, Any]) -> dict[str, Any]:
    """An optimizer's state as if nothing were sharded, on the CPU."""
    return {**state, "state": {number: _each(of, lambda t: full(t).cpu()) for number, of in state["state"].items()}}


def scattered(state: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """An optimizer's whole state, cut as the optimizer's parameters are."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return {**state, "state": {i: _each(of, _cut_as(parameters[i])) for i, of in state["state"].items()}}


def _cut_as(parameter: Tensor) -> Callable[[Tensor], Tensor]:
    def cut(value: Tensor) -> Tensor:
        if not isinstance(parameter, DTensor) or value.shape != parameter.shape:
            return value
        mesh = parameter.device_mesh
        return distribute_tensor(value.to(parameter.device), mesh, parameter.placements, src_data_rank=None)

    return cut


def _each(values: Mapping[str, Any], change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    return {name: change(value) if isinstance(value, Tensor) else value for name, value in values.items()}


def _sharded(backbone: Backbone, accelerator: Accelerator) -> FSDPModule:
    """A copy of the backbone, of which each process holds a part."""
    device = accelerator.device
    mesh = init_device_mesh(device.type, (accelerator.num_processes,))
    backbone.to("cpu")  # so that the device never holds two whole backbones
    other = copy.deepcopy(backbone)
    backbone.to(device)
    for unit in _units(other):
        fully_shard(unit, mesh=mesh)
    return fully_shard(other, mesh=mesh)


def _with(model: Model, *backbone: FSDPModule) -> Model:
    """The model with another backbone, where one is given; head and adapter are the same objects."""
    other = copy.copy(model)
    other._modules = dict(model._modules)
    for one in backbone:
        other.backbone = cast(Backbone, one)
    return other


def _units(backbone: Backbone) -> list[nn.Module]:
    """The modules whose weights are gathered together: the largest modules that are called and lie within one stage.

    A pass through the backbone shows which modules are called, because a stage may only group tensors that its network
    uses one by one. All other tensors are gathered for the whole pass: class tokens, and batch norms that the
    convolution before them computes.
    """
    called: set[nn.Module] = set()
    hooks = [m.register_forward_pre_hook(lambda module, _: called.add(module)) for m in backbone.modules()]
    training = {module: module.training for module in backbone.modules()}
    with torch.no_grad():
        backbone.eval()(_sample(backbone.preprocess))
    for module, was in training.items():
        module.training = was
    for hook in hooks:
        hook.remove()
    stage = {p: number for number, part in enumerate(backbone.stages()) for p in part.parameters()}

    def within(module: nn.Module) -> Iterator[nn.Module]:
        for child in module.children():
            several = next(child.children(), None) is not None
            if several and child in called and len({stage.get(p) for p in child.parameters()}) == 1:
                yield child
            else:
                yield from within(child)

    return list(within(backbone))


def _sample(preprocess: Preprocess) -> Inputs:
    if isinstance(preprocess, TextPreprocess):
        return Inputs(torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.long))
    return Inputs(torch.zeros(2, 3, preprocess.size, preprocess.size))
