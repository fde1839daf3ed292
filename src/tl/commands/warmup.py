"""Warm-ups that are longer than the steps they have: the learning rate then never gets to its peak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tl.components.freeze.layout import PhaseSpan
from tl.components.optimizer.base import Optimizer
from tl.errors import Mistake


def unfinished_warmups(optimizer: Optimizer, spans: Sequence[PhaseSpan], total: int, epoch: float) -> Iterator[Mistake]:
    """A line for each schedule of a run of `total` steps that ends during its warm-up; `epoch` is in steps."""
    if optimizer.common["schedule_span"] == "run":
        lengths = {"the run": total}
    else:
        lengths = {f"the phase '{span.phase.name}'": span.stop - span.start for span in spans}
    for where, steps in lengths.items():
        rise = optimizer.warmup_steps(steps, epoch)
        if rise > steps:
            highest = optimizer.rate_multiple(steps - 1, steps, epoch)
            text = (
                f"optimizer.warmup: {optimizer.common['warmup']} are {rise} steps, but {where} has {steps}: the "
                f"learning rate ends at {highest:.2g} of its peak. Set optimizer.warmup=5%, or a longer loop.length."
            )
            yield Mistake(text, code="E072", key="optimizer.warmup")
