"""Transformer encoders of the Transformers library as chains: embeddings, then one stage for each layer."""

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
from tl.components.backbone.loading import load, read
from tl.components.backbone.pretrained import ModelFolder, build
from tl.components.backbone.recomputing import recomputed
from tl.recipe.weights import Weights

_NORMS = ("layernorm", "final_norm", "norm")
_ENTRY = ("embeddings", "embeddings_project")
# Model types whose layers return a tuple.
_TUPLES = ("mpnet",)


class Encoder(Backbone):
    """Runs the model's own `forward`, so that it makes its masks and positions, with the other stages passed through.

    A model type that is not in `chains` is one stage (it may thread more than one tensor from layer to layer).
    """

    def __init__(self, source: ModelFolder, weights: Weights, chains: Sequence[str]) -> None:
        super().__init__()
        self.net, self.report = build(source)
        self._config = self.net.config
        self.dim = int(self._config.hidden_size)
        self._skip = _through_tuple if self._config.model_type in _TUPLES else _through
        self._checkpointing = False
        self._accepts = frozenset(inspect.signature(self.net.forward).parameters)
        chained = self._config.model_type in chains
        self._chain = _chain(self.net) if chained else _Chain()
        self._stages = tuple(_stages(self.net, self._chain)) if chained else (self.net,)
        if weights.kind == "run":
            self.report = load(self.net, read(weights), str(weights.path))

    @abstractmethod
    def _arguments(self, x: Inputs, start: int) -> dict[str, Tensor | bool | None]:
        """What the model's forward is called with; where start > 0 only shapes matter of what the embeddings take."""

    def stages(self) -> Sequence[nn.Module]:
        return self._stages

    # The compiler cannot follow methods that are replaced for a call; the model that is called it compiles.
    @torch.compiler.disable(recursive=False)  # type: ignore[no-untyped-call, untyped-decorator]
    def run(self, x: Inputs, start: int, stop: int) -> Inputs:
        if start >= stop:
            return x
        with ExitStack() as replaced:
            if start > 0:
                for module in self._chain.entry:
                    replaced.enter_context(_forward(module, lambda *_, **__: x.values))
            for stage, layer in enumerate(self._chain.layers, 1):
                if not start <= stage < stop:
                    replaced.enter_context(_forward(layer, self._skip))
                elif self._checkpointing and layer.training and torch.is_grad_enabled():
                    replaced.enter_context(_forward(layer, partial(recomputed, layer, layer.forward)))
            if stop < len(self._stages):
                for module in self._chain.norms:
                    replaced.enter_context(_forward(module, _through))
            values = self.net(**self._arguments(x, start)).last_hidden_state
        return x._replace(values=values)

    def checkpointing(self, on: bool = True) -> bool:
        self._checkpointing = on and bool(self._chain.layers)
        return bool(self._chain.layers)

    def assets(self) -> dict[str, bytes]:
        return {"config.json": self._config.to_json_string().encode()}


class _Chain(NamedTuple):
    """The modules before the layers, the layers, and the norms after them."""

    entry: Sequence[nn.Module] = ()
    layers: Sequence[nn.Module] = ()
    norms: Sequence[nn.Module] = ()


def _chain(net: Any) -> _Chain:
    children = dict(net.named_children())
    depth = net.config.num_hidden_layers
    layers = next(m for m in net.modules() if isinstance(m, nn.ModuleList) and len(m) == depth)
    entry, norms = ([children[name] for name in names if name in children] for names in (_ENTRY, _NORMS))
    return _Chain(entry, list(layers), norms)


def _stages(net: nn.Module, chain: _Chain) -> list[nn.Module]:
    """Norms go with the last layer; what else holds tensors (rotations, position biases) with the embeddings."""
    placed = {module for part in (*chain.entry, *chain.layers, *chain.norms) for module in part.modules()}
    others = [m for m in net.modules() if m not in placed and (m._parameters or m._buffers)]
    *layers, last = chain.layers
    return [nn.ModuleList([*chain.entry, *others]), *layers, nn.ModuleList([last, *chain.norms])]


def _through(hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden_states


def _through_tuple(hidden_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor]:
    return (hidden_states,)


@contextmanager
def _forward(module: nn.Module, forward: Any) -> Iterator[None]:
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
