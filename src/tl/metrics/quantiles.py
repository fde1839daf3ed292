"""Quantiles of the normal distribution and of Student's, for intervals; SciPy is not among what `tl` needs."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist

_HALVINGS = 80


def normal_quantile(probability: float) -> float:
    """The value below which a standard normal variable lies with this probability."""
    return NormalDist().inv_cdf(probability)


@cache
def t_quantile(probability: float, freedom: int) -> float:
    """The value below which Student's t lies with this probability (above 1/2), for a whole number of degrees."""
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _central(middle, freedom) < 2 * probability - 1 else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _central(angle: float, freedom: int) -> float:
    """The probability that |t| is below sqrt(freedom) * tan(angle): Abramowitz and Stegun 1964, 26.7.3 and 26.7.4."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    total, term = 0.0, cosine if odd else 1.0
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= cosine**2 * k / (k + 1)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
