"""Independent units of a split: groups of samples, or single samples where samples have no groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Units = NDArray[np.intp]
"""The number of each sample's unit (n,), from 0."""


def independent_units(groups: Sequence[str | None]) -> Units:
    """A number for each sample (n,): that of its group; a sample without a group is a unit of its own."""
    if all(group is None for group in groups):
        return np.arange(len(groups))
    numbers: dict[object, int] = {}
    keys = ((group,) if group is not None else i for i, group in enumerate(groups))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def unit_count(units: Units) -> int:
    """How many units there are; they are numbered from 0."""
    return int(units.max(initial=-1)) + 1
