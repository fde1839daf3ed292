"""Learning-rate schedules as pure functions of the step: a multiple of the peak rate."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "linear", "cosine", "one_cycle", "slanted_triangular"]


def rate_multiple(name: Schedule, step: int, total: int, warmup: int) -> float:
    """The multiple of the peak rate at `step` in 0..total-1, after a linear rise over `warmup` steps.

    one_cycle and slanted_triangular have rises of their own, which last `warmup` steps where that is not 0, else a
    quarter and a tenth of the run.
    """
    if name == "slanted_triangular":
        return slanted_triangular(step, total, warmup or total // 10)
    if name == "one_cycle":
        return one_cycle(step, total, warmup or total / 4)
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
    """Howard and Ruder 2018, equation 3, divided by its peak: 1 / ratio at 0 and at `total`, 1 at the step `cut`.

    The paper's cut·(1 / cut_frac - 1) is total - cut wherever total·cut_frac is whole; where it is not, the paper's
    fall ends before the run does, and this one with it.
    """
    cut = max(1, cut)
    p = step / cut if step < cut else 1 - (step - cut) / max(1, total - cut)
    return (1 + p * (ratio - 1)) / ratio


def one_cycle(step: int, total: int, rise: float, start: float = 25, end: float = 1e5) -> float:
    """Cosine rise from 1 / start to 1 over `rise` steps, cosine fall to 1 / end at the last one (Smith and Topin 2018).

    Momentum stays as it is.
    """
    peak, last = max(0.0, rise - 1), total - 1
    low, share = (1 / start, step / peak) if step < peak else (1 / end, (last - step) / (last - peak or 1))
    return low + (1 - low) * 0.5 * (1 - math.cos(math.pi * share))
