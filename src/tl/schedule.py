"""Learning-rate schedules as pure functions of the step: a multiple of the peak rate."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["constant", "linear", "cosine", "one_cycle", "slanted_triangular"]


def shape(name: Schedule, step: int, total: int, warmup: int) -> float:
    """The multiple of the peak rate at `step` in 0..total-1; `warmup` steps rise linearly before any schedule's own course.

    one_cycle and slanted_triangular have a rise of their own, whose length is `warmup` where that is not 0.
    """
    if name == "slanted_triangular":
        return slanted_triangular(step, total, cut_frac=warmup / total if warmup else 0.1)
    if name == "one_cycle":
        return one_cycle(step, total, rise=warmup / total if warmup else 0.25)
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


def slanted_triangular(step: int, total: int, cut_frac: float = 0.1, ratio: float = 32) -> float:
    """Howard and Ruder 2018, equation 3, divided by its peak: a short rise to 1, then a long fall to 1 / ratio."""
    cut = max(1, math.floor(total * cut_frac))
    p = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_frac - 1))
    return (1 + max(0.0, p) * (ratio - 1)) / ratio


def one_cycle(step: int, total: int, rise: float = 0.25, start: float = 25, end: float = 1e5) -> float:
    """Cosine rise from 1 / start to 1 over `rise` of the run, cosine fall to 1 / end (Smith and Topin 2018)."""
    done = step / max(1, total - 1)
    low, fraction = (1 / start, done / rise) if done < rise else (1 / end, (1 - done) / max(1e-12, 1 - rise))
    return low + (1 - low) * 0.5 * (1 - math.cos(math.pi * fraction))
