"""Which sample goes to which split, and which subset is kept: pure functions of ids, classes, groups and a seed.

A random order is the order of hashes of the seed and the samples' ids. So a division does not depend on the order of
the rows, and most samples stay in their split when others are added.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from tl.components.columns import Codes, Rows
from tl.components.data.order import in_order, random_keys
from tl.components.sample import Samples

_MOST_ORDERS, _MOST_DEALT = 50, 50_000
Strata = Codes[str]
"""The stratum of each sample. A stratum is a set of samples that is divided like the whole, such as a class."""


def assign_splits(
    samples: Samples, strata: Strata, shares: Mapping[str, float], seed: int, *, shuffled: bool = True
) -> Codes[str]:
    """The split of each sample: every split in `shares` gets its share of the samples, `train` gets the rest.

    Without groups, a split gets round(share * n) of n samples; of each stratum it gets the share rounded down or up, up
    where the remainder is largest. With groups, whole groups are assigned, in a random order or, where `shuffled` is
    False, the largest first; each to the split whose wanted counts it fits best. Each stratum keeps a training sample.
    """
    exact = {split: Fraction(str(share)) for split, share in shares.items() if share > 0}
    names = ("train", *exact)
    if (samples.groups.codes >= 0).any():
        return Codes(names, _assign_groups(samples, strata, exact, seed, shuffled=shuffled))
    given = np.zeros(len(samples), dtype=np.int32)
    pools = _pools(samples, strata, seed)
    totals = {stratum: len(rows) for stratum, rows in pools.items()}
    for number, (split, share) in enumerate(exact.items(), start=1):
        room = {stratum: len(rows) - 1 for stratum, rows in pools.items()}
        for stratum, count in _apportion(totals, room, share, f"{seed}:{split}").items():
            given[pools[stratum][:count]] = number
            pools[stratum] = pools[stratum][count:]
    return Codes(names, given)


def _pools(samples: Samples, strata: Strata, seed: int) -> dict[str, Rows]:
    """The rows of each stratum, in a random order."""
    order = in_order(strata.codes, random_keys(samples.ids, seed))
    ends = np.flatnonzero(np.diff(strata.codes[order])) + 1
    blocks = np.split(order, ends) if len(order) else []
    return {strata.values[strata.codes[rows[0]]]: rows for rows in blocks}


def _apportion(totals: Mapping[str, int], room: Mapping[str, int], share: Fraction, seed: str) -> dict[str, int]:
    """How many samples of each stratum a split gets; no stratum gives more than its `room`."""
    quotas = {stratum: share * n for stratum, n in totals.items()}
    counts = {stratum: min(int(quota), room[stratum]) for stratum, quota in quotas.items()}
    wanted = max(1, int(sum(quotas.values()) + Fraction(1, 2)))
    chance = {stratum: hashlib.sha256(f"{seed}:{stratum}".encode()).digest() for stratum in totals}
    by_remainder = sorted(totals, key=lambda s: (-(quotas[s] - int(quotas[s])), chance[s]))
    for stratum in by_remainder:
        if sum(counts.values()) < wanted and counts[stratum] < room[stratum] and counts[stratum] <= quotas[stratum]:
            counts[stratum] += 1
    return counts


@dataclass
class _Units:
    """Groups, and samples without one, as units that stay whole: their rows, and how many rows of each stratum."""

    rows: dict[str, list[int]]
    content: dict[str, Counter[str]]
    totals: Counter[str]
    wanted: dict[str, dict[str, Fraction]]

    @classmethod
    def of(cls, samples: Samples, strata: Strata, shares: Mapping[str, Fraction]) -> _Units:
        rows: dict[str, list[int]] = defaultdict(list)
        for row, (name, group) in enumerate(zip(samples.ids, samples.groups, strict=True)):
            rows[f"sample {name}" if group is None else f"group {group}"].append(row)
        stratum = [strata.values[code] for code in strata.codes.tolist()]
        content = {unit: Counter(stratum[row] for row in found) for unit, found in rows.items()}
        totals = Counter(stratum)
        all_shares = {"train": 1 - sum(shares.values(), Fraction(0)), **shares}
        return cls(
            rows,
            content,
            totals,
            {split: {s: share * n for s, n in totals.items()} for split, share in all_shares.items()},
        )

    def dealt(self, order: Iterable[str], chance: Mapping[str, bytes]) -> dict[str, str]:
        """The split of each unit, dealt in this order, each to the split whose wanted counts it fits best."""
        have: dict[str, Counter[str]] = {split: Counter() for split in self.wanted}
        place: dict[str, str] = {}
        for unit in order:
            place[unit] = min(
                self.wanted,
                key=lambda split: _added_distance(self.content[unit], have[split], self.wanted[split], self.totals),
            )
            have[place[unit]].update(self.content[unit])
        for lacking in sorted(set(self.totals) - set(+have["train"])):
            unit = min((u for u in self.rows if self.content[u][lacking]), key=lambda u: (len(self.rows[u]), chance[u]))
            place[unit] = "train"
            have["train"].update(self.content[unit])
        return place

    def excess(self, place: Mapping[str, str]) -> float:
        """The largest difference of a split's size from the wanted one, in units of what is tolerated.

        Tolerated is a tenth of the wanted size, or the mean size of a unit where that is more.
        """
        sizes = Counter(dict.fromkeys(self.wanted, 0))
        for unit, split in place.items():
            sizes[split] += len(self.rows[unit])
        mean = self.totals.total() / len(self.rows)
        asked = {split: float(sum(counts.values())) for split, counts in self.wanted.items()}
        return max(abs(sizes[split] - n) / max(n / 10, mean) for split, n in asked.items())


def _assign_groups(
    samples: Samples, strata: Strata, shares: Mapping[str, Fraction], seed: int, *, shuffled: bool
) -> npt.NDArray[np.int32]:
    units = _Units.of(samples, strata, shares)
    chance = {unit: _chance(seed, unit) for unit in units.rows}
    if shuffled:
        place = _shuffled(units, chance, seed)
    else:
        place = units.dealt(sorted(units.rows, key=lambda u: (-len(units.rows[u]), chance[u])), chance)
    numbers = {split: number for number, split in enumerate(units.wanted)}
    given = np.zeros(len(samples), dtype=np.int32)
    for unit, rows in units.rows.items():
        given[rows] = numbers[place[unit]]
    return given


def _shuffled(units: _Units, chance: Mapping[str, bytes], seed: int) -> dict[str, str]:
    """The first of some random orders that gives splits of the wanted sizes, within what is tolerated; else the best.

    In an order by size, the largest groups would always go to train, and the test would have small ones only.
    """
    best: tuple[float, dict[str, str]] | None = None
    for number in range(max(1, min(_MOST_ORDERS, _MOST_DEALT // len(units.rows)))):
        keys = {unit: _chance(f"{seed}.{number}", unit) for unit in units.rows}
        place = units.dealt(sorted(units.rows, key=keys.__getitem__), chance)
        excess = units.excess(place)
        if best is None or excess < best[0]:
            best = excess, place
        if excess <= 1:
            break
    assert best is not None
    return best[1]


def _chance(seed: object, unit: str) -> bytes:
    return hashlib.sha256(f"{seed}:{unit}".encode()).digest()


def _added_distance(
    new: Counter[str], have: Counter[str], wanted: Mapping[str, Fraction], totals: Mapping[str, int]
) -> Fraction:
    """How much a split's squared distance to its wanted counts grows when `new` joins it, summed over strata.

    Each stratum's distance is divided by the size of the stratum.
    """
    return sum((n * (n + 2 * (have[s] - wanted[s])) / totals[s] for s, n in new.items()), Fraction(0))


def limit_total(samples: Samples, strata: Strata, limit: int, seed: int) -> Rows:
    """The rows of at most `limit` samples: first one of each stratum, then in about the proportions of the whole.

    A smaller limit gives a subset of what a larger limit gives.
    """
    share = np.zeros(len(samples))
    for rows in _pools(samples, strata, seed).values():
        share[rows] = np.arange(len(rows)) / len(rows)
    return in_order(share, random_keys(samples.ids, seed))[:limit]


def limit_per_stratum(samples: Samples, strata: Strata, limit: int, seed: int) -> Rows:
    """The rows of at most `limit` samples of each stratum; a smaller limit gives a subset of those of a larger one."""
    return np.concatenate([rows[:limit] for rows in _pools(samples, strata, seed).values()])
