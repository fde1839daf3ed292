"""Standard errors of metrics and of their differences: the delete-a-block jackknife (Busing et al. 1999).

Each resample leaves out one block of independent units: a group of samples, or a single sample where samples have no
groups. Up to `MOST_BLOCKS` units, every unit is a block of its own; more units are dealt to that many blocks.
No class that two blocks hold can vanish from a resample, and nothing is drawn, so the result does not depend on a seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tl.metrics.calibration import Floats
from tl.metrics.measured import Measured
from tl.metrics.units import Units, unit_count
from tl.metrics.weighted import Statistic

MOST_BLOCKS = 200

# How many resamples are computed at once at most, and how many weights (32 MiB) if a single resample has no more.
_ROWS = 64
_CELLS = 2**22


@dataclass(frozen=True)
class Difference:
    """The metric of one model less that of another on the same samples, with its standard error."""

    value: float
    error: float
    blocks: int


@dataclass(frozen=True)
class Blocks:
    """The block of each sample (n,), and how many units each block holds (b,)."""

    of: Units
    sizes: Floats

    @classmethod
    def deal(cls, units: Units, most: int = MOST_BLOCKS) -> Blocks:
        """At most so many blocks of units that are numbered from 0."""
        count = unit_count(units)
        if count <= most:
            return cls(units, np.ones(count))
        block = np.random.default_rng(0).permutation(count) % most
        return cls(block[units], np.bincount(block).astype(np.float64))

    def __len__(self) -> int:
        return len(self.sizes)

    def without_each(self, bound: Mapping[str, Statistic]) -> dict[str, Floats]:
        """The value of each statistic without each of the blocks, (b,)."""
        rows = max(1, min(_ROWS, _CELLS // max(1, len(self.of))))
        found: dict[str, list[Floats]] = {name: [np.empty(0)] for name in bound}
        for start in range(0, len(self), rows):
            left_out = np.arange(start, min(start + rows, len(self)))
            weights = (self.of[None, :] != left_out[:, None]).astype(np.float64)
            with np.errstate(all="ignore"):
                for name, statistic in bound.items():
                    found[name].append(statistic(weights))
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def parts(self, value: float, without: Floats) -> Floats:
        """What each block has as its own value of a statistic (b,), from the value and those without each block.

        For a mean over the units, these "pseudo-values" are the means of the blocks (Tukey 1958).
        """
        times = self.sizes.sum() / self.sizes
        return np.asarray(times * value - (times - 1) * without)

    def error(self, value: float, without: Floats) -> float:
        """The standard error of a statistic, from its value and its values without each of the blocks.

        nan where there is but one block, or where the statistic is undefined without one of them.
        """
        if len(self) < 2:
            return math.nan
        parts, times = self.parts(value, without), self.sizes.sum() / self.sizes
        # The mean over the units: by the sizes of the blocks, which differ by one unit at most.
        centre = (parts * self.sizes).sum() / self.sizes.sum()
        return float(np.sqrt(((parts - centre) ** 2 / (times - 1)).sum() / len(self)))


def standard_error(measured: Measured, name: str, units: Units) -> float:
    """The standard error of a metric over independent `units` (n,)."""
    with np.errstate(all="ignore"):
        bound = measured.statistics([name])
        value = float(bound[name](np.ones((1, len(measured))))[0])
    blocks = Blocks.deal(units)
    return blocks.error(value, blocks.without_each(bound)[name])


def paired_difference(one: Measured, other: Measured, name: str, units: Units) -> Difference:
    """The metric of one model less that of another on the same samples, both over the same resamples."""
    with np.errstate(all="ignore"):
        own, others = (each.statistics([name])[name] for each in (one, other))
    return difference(own, others, Blocks.deal(units))


def difference(one: Statistic, other: Statistic, blocks: Blocks) -> Difference:
    """The difference of two statistics of the same samples."""

    def between(weights: Floats) -> Floats:
        return one(weights) - other(weights)

    with np.errstate(all="ignore"):
        value = float(between(np.ones((1, len(blocks.of))))[0])
    return Difference(value, blocks.error(value, blocks.without_each({"": between})[""]), len(blocks))
