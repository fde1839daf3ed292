"""Learning-rate schedules as pure functions of the step: a multiple of the peak rate."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "linear", "cosine", "one_cycle", "slanted_triangular"]
RISE: dict[Schedule, float] = {
    "constant": 1 / 20,
    "linear": 1 / 20,
    "cosine": 1 / 20,
    "one_cycle": 1 / 4,
    "slanted_triangular": 1 / 10,
}
"""The share of its span over which each schedule rises to the peak rate where optimizer.warmup is auto."""


def rate_multiple(name: Schedule, step: int, total: int, warmup: int) -> float:
    """The multiple of the peak rate at `step` in 0..total-1; the rate first rises linearly over `warmup` steps.

    one_cycle and slanted_triangular are no such schedules without a rise: where `warmup` is 0 they have their `RISE`.
    """
    if name == "slanted_triangular":
        return slanted_triangular(step, total, warmup or int(total * RISE[name]))
    if name == "one_cycle":
        return one_cycle(step, total, warmup or total * RISE[name])
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    match name:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - done
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))


def slanted_triangular(step: int, total: int, cut: int, ratio: float = 32) -> float:
    """1 / ratio at step 0 and at `total`, 1 at step `cut`, linear between (Howard and Ruder 2018, equation 3).

    The paper divides the fall by cut·(1 / cut_frac - 1), which is total - cut where total·cut_frac is whole. Where that
    product is not whole, the paper's fall ends before the run does; here it ends with the run.
    """
    cut = max(1, cut)
    p = step / cut if step < cut else 1 - (step - cut) / max(1, total - cut)
    return (1 + p * (ratio - 1)) / ratio


def one_cycle(step: int, total: int, rise: float, start: float = 25, end: float = 1e5) -> float:
    """A cosine rise from 1 / start to 1 over `rise` steps, then a cosine fall to 1 / end at the last step.

    Smith and Topin 2018, without their change of momentum.
    """
    peak, last = max(0.0, rise - 1), total - 1
    low, share = (1 / start, step / peak) if step < peak else (1 / end, (last - step) / (last - peak or 1))
    return low + (1 - low) * 0.5 * (1 - math.cos(math.pi * share))
