"""Gradient checkpointing: a stage's activations are computed again in the backward pass instead of being kept.

The second computation must see the weights of the first. A method that swaps weights within its loss (sharpness-aware
steps, meta-learning, a moving average) would silently get a wrong gradient, so changed weights raise an error here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

_State = list[tuple[int, int]]


def recomputed(stage: nn.Module, forward: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What `forward` gives for these arguments; its activations are computed again in the backward pass.

    RuntimeError in the backward pass where the weights of `stage` are no longer those of the forward pass.
    """
    return checkpoint(forward, *arguments, use_reentrant=False, context_fn=partial(_contexts, stage), **options)


def _contexts(stage: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _second_time(stage, _weights(stage))


def _weights(stage: nn.Module) -> _State:
    """Where each weight lies and how often it was written to; sharded weights, which move meanwhile, are left out."""
    return [(p.data_ptr(), p._version) for p in stage.parameters() if type(p) is nn.Parameter]


@contextmanager
def _second_time(stage: nn.Module, before: _State) -> Iterator[None]:
    """The context of the second computation: batch-norm statistics must not count the batch twice."""
    if _weights(stage) != before:
        raise RuntimeError(
            "loop.gradient_checkpointing: weights changed between the forward and the backward pass, so the gradient "
            "would be wrong: set loop.gradient_checkpointing=false for a method that swaps weights within its loss."
        )
    norms = [module for module in stage.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [(norm.momentum, None if (n := norm.num_batches_tracked) is None else n.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)
