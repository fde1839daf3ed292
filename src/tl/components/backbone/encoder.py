"""Transformer encoders of the Transformers library as chains of stages: embeddings, then one stage for each layer.

A model of that library cannot be called from its middle on, and each model type makes its masks and positions in a way
of its own. `Encoder.run` therefore calls the model's own `forward`, and replaces the `forward` of some of its modules
for the time of the call: the embeddings return the activation to start from; layers that are not to run, and the norms
after the last layer where the run stops before them, pass their input on; with gradient checkpointing, the layers that
run are called by `recomputed`. After the call, and after an error in it, all modules have their own `forward` again.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tl.batch import Inputs
from tl.components.backbone.base import Backbone
from tl.components.backbone.loading import load, read_weights
from tl.components.backbone.pretrained import ModelFolder, build
from tl.components.backbone.recomputing import recomputed
from tl.recipe.weights import Weights

_NORMS = ("layernorm", "final_norm", "norm")
_ENTRY = ("embeddings", "embeddings_project")
# Model types whose layers return a tuple.
_TUPLES = ("mpnet",)


class Encoder(Backbone):
    """An encoder of the Transformers library, run stage by stage.

    A model type that is not in `chains` is one stage, because its layers may pass on more than one tensor.
    """

    def __init__(self, source: ModelFolder, weights: Weights, chains: Sequence[str]) -> None:
        super().__init__()
        self.net, self.report = build(source)
        self._config = self.net.config
        self.dim = int(self._config.hidden_size)
        self._skip = _pass_on_in_tuple if self._config.model_type in _TUPLES else _pass_on
        self._checkpointing = False
        self._accepts = frozenset(inspect.signature(self.net.forward).parameters)
        chained = self._config.model_type in chains
        self._layout = _layout(self.net) if chained else _Layout()
        self._stages = tuple(_stages(self.net, self._layout)) if chained else (self.net,)
        if weights.kind == "run":
            self.report = load(self.net, read_weights(weights), str(weights.path))

    @abstractmethod
    def _arguments(self, x: Inputs, start: int) -> dict[str, Tensor | bool | None]:
        """The arguments of the model's `forward`; for start > 0 only the shapes of the embeddings' inputs matter."""

    def stages(self) -> Sequence[nn.Module]:
        return self._stages

    # The compiler cannot follow methods that are replaced for a call; it compiles what the model calls.
    @torch.compiler.disable(recursive=False)  # type: ignore[no-untyped-call, untyped-decorator]
    def run(self, x: Inputs, start: int, stop: int) -> Inputs:
        if start >= stop:
            return x
        with ExitStack() as replaced:
            if start > 0:
                for module in self._layout.entry:
                    replaced.enter_context(_replaced_forward(module, lambda *_, **__: x.values))
            for stage, layer in enumerate(self._layout.layers, 1):
                if not start <= stage < stop:
                    replaced.enter_context(_replaced_forward(layer, self._skip))
                elif self._checkpointing and layer.training and torch.is_grad_enabled():
                    replaced.enter_context(_replaced_forward(layer, partial(recomputed, layer, layer.forward)))
            if stop < len(self._stages):
                for module in self._layout.norms:
                    replaced.enter_context(_replaced_forward(module, _pass_on))
            values = self.net(**self._arguments(x, start)).last_hidden_state
        return x._replace(values=values)

    def checkpointing(self, on: bool = True) -> bool:
        self._checkpointing = on and bool(self._layout.layers)
        return bool(self._layout.layers)

    def assets(self) -> dict[str, bytes]:
        return {"config.json": self._config.to_json_string().encode()}


class _Layout(NamedTuple):
    """The modules before the layers, the layers, and the norms after them."""

    entry: Sequence[nn.Module] = ()
    layers: Sequence[nn.Module] = ()
    norms: Sequence[nn.Module] = ()


def _layout(net: Any) -> _Layout:
    children = dict(net.named_children())
    count = net.config.num_hidden_layers
    layers = next(m for m in net.modules() if isinstance(m, nn.ModuleList) and len(m) == count)
    entry, norms = ([children[name] for name in names if name in children] for names in (_ENTRY, _NORMS))
    return _Layout(entry, list(layers), norms)


def _stages(net: nn.Module, layout: _Layout) -> list[nn.Module]:
    """The norms belong to the last stage, other modules with tensors (rotations, position biases) to the first."""
    placed = {module for part in (*layout.entry, *layout.layers, *layout.norms) for module in part.modules()}
    others = [m for m in net.modules() if m not in placed and (m._parameters or m._buffers)]
    *layers, last = layout.layers
    return [nn.ModuleList([*layout.entry, *others]), *layers, nn.ModuleList([last, *layout.norms])]


def _pass_on(hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden_states


def _pass_on_in_tuple(hidden_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor]:
    return (hidden_states,)


@contextmanager
def _replaced_forward(module: nn.Module, forward: Any) -> Iterator[None]:
    """An attribute of the instance hides the method of its class, and deleting it shows the method again."""
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
