"""Gradient checkpointing: a stage's activations are computed again in the backward pass instead of being kept.

The second computation takes the weights that are there then. A method that swaps weights within its loss (a
sharpness-aware step, meta-learning, a moving average) would get a wrong gradient, so changed weights raise an error
here. As for autograd itself, a write through `.data` leaves no trace that could be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_Weights = dict[str, tuple[Any, ...]]


def recomputed(stage: nn.Module, forward: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What `forward` gives for these arguments; its activations are computed again in the backward pass.

    RuntimeError in the backward pass where the weights of `stage` are no longer those of the forward pass.
    """
    return checkpoint(forward, *arguments, use_reentrant=False, context_fn=partial(_contexts, stage), **options)


def _contexts(stage: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _SecondTime(stage)


class _SecondTime(AbstractContextManager[None]):
    """The context of the second computation; entered again where a graph is kept for another backward pass."""

    def __init__(self, stage: nn.Module) -> None:
        self.stage, self.before = stage, _weights(stage)

    def __enter__(self) -> None:
        now = _weights(self.stage)
        if any(now[name] != self.before[name] for name in now.keys() & self.before.keys()):
            raise RuntimeError(
                "loop.gradient_checkpointing: weights changed between the forward and the backward pass, so the "
                "gradient would be wrong: set loop.gradient_checkpointing=false for a method that swaps weights "
                "within its loss."
            )
        self.statistics = _fixed_statistics(self.stage)
        self.statistics.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.statistics.__exit__(*error)


def _weights(stage: nn.Module) -> _Weights:
    """For each weight its storage, its place therein, and how often it was written to.

    The storage is compared and not its address, because FSDP frees the memory of gathered weights meanwhile. A weight
    that is sharded at the time is left out: it is another tensor once it is gathered.
    """
    whole = {name: p for name, p in stage.named_parameters() if type(p) in (Tensor, nn.Parameter)}
    return {name: (p.untyped_storage()._cdata, p.storage_offset(), p._version) for name, p in whole.items()}


@contextmanager
def _fixed_statistics(stage: nn.Module) -> Iterator[None]:
    """Batch-norm statistics stay as they are, because the first computation has counted the batch already."""
    norms = [module for module in stage.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    before = [(norm.momentum, None if (n := norm.num_batches_tracked) is None else n.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and count is not None:
                norm.num_batches_tracked.copy_(count)
