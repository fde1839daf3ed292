"""Which sample goes to which split, and which subset is kept: pure functions of ids, classes, groups and a seed.

A random order is the order of hashes of the seed and the samples' ids. So a division does not depend on the order of
the rows, and most samples stay in their split when others are added.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import groupby

from tl.components.sample import Sample

Strata = Mapping[str, str]
"""The stratum of each sample id. A stratum is a set of samples that is divided like the whole, such as a class."""


def natural_key(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A sorting key that compares digits as numbers: 'class 2' comes before 'class 10'."""
    parts = re.split(r"([0-9]+)", text)
    return tuple((0, int(p), "") if i % 2 else (1, 0, p) for i, p in enumerate(parts) if p), text


def _random_key(seed: int, name: str) -> bytes:
    """A sorting key that puts names in a random order."""
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def assign_splits(samples: Sequence[Sample], strata: Strata, shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of each sample id: every split in `shares` gets its share of the samples, `train` gets the rest.

    Without groups, a split gets round(share * n) of n samples; of each stratum it gets the share rounded down or up, up
    where the remainder is largest. With groups, whole groups are assigned, the largest first, each to the split whose
    wanted counts it fits best. Each stratum keeps at least one training sample.
    """
    exact = {split: Fraction(str(share)) for split, share in shares.items() if share > 0}
    if any(sample.group is not None for sample in samples):
        return _assign_groups(samples, strata, exact, seed)
    pools: dict[str, list[str]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: _random_key(seed, s.id)):
        pools[strata[sample.id]].append(sample.id)
    totals = {stratum: len(ids) for stratum, ids in pools.items()}
    given = {sample.id: "train" for sample in samples}
    for split, share in exact.items():
        room = {stratum: len(ids) - 1 for stratum, ids in pools.items()}
        for stratum, count in _apportion(totals, room, share, f"{seed}:{split}").items():
            for _ in range(count):
                given[pools[stratum].pop(0)] = split
    return given


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


def _assign_groups(
    samples: Sequence[Sample], strata: Strata, shares: Mapping[str, Fraction], seed: int
) -> dict[str, str]:
    members: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        members[_group_key(sample)].append(sample.id)
    content = {unit: Counter(strata[i] for i in ids) for unit, ids in members.items()}
    totals = Counter(strata[sample.id] for sample in samples)
    all_shares = {"train": 1 - sum(shares.values(), Fraction(0)), **shares}
    wanted = {split: {stratum: share * n for stratum, n in totals.items()} for split, share in all_shares.items()}
    have: dict[str, Counter[str]] = {split: Counter() for split in all_shares}
    place: dict[str, str] = {}
    for unit in sorted(members, key=lambda u: (-len(members[u]), _random_key(seed, u))):
        place[unit] = min(
            all_shares, key=lambda split: _added_distance(content[unit], have[split], wanted[split], totals)
        )
        have[place[unit]].update(content[unit])
    for stratum in sorted(set(totals) - set(+have["train"])):
        unit = min((u for u in members if content[u][stratum]), key=lambda u: (len(members[u]), _random_key(seed, u)))
        place[unit] = "train"
        have["train"].update(content[unit])
    return {i: place[unit] for unit, ids in members.items() for i in ids}


def _group_key(sample: Sample) -> str:
    return f"sample {sample.id}" if sample.group is None else f"group {sample.group}"


def _added_distance(
    new: Counter[str], have: Counter[str], wanted: Mapping[str, Fraction], totals: Mapping[str, int]
) -> Fraction:
    """How much a split's squared distance to its wanted counts grows when `new` joins it, summed over strata.

    Each stratum's distance is divided by the size of the stratum.
    """
    return sum((n * (n + 2 * (have[s] - wanted[s])) / totals[s] for s, n in new.items()), Fraction(0))


def _ranked(samples: Sequence[Sample], strata: Strata, seed: int) -> list[tuple[int, int, Sample]]:
    """(rank, stratum size, sample) of each sample; the rank counts from 0 in a random order of the stratum."""
    ordered = sorted(samples, key=lambda s: (strata[s.id], _random_key(seed, s.id)))
    found: list[tuple[int, int, Sample]] = []
    for _, members in groupby(ordered, key=lambda s: strata[s.id]):
        block = list(members)
        found.extend((rank, len(block), sample) for rank, sample in enumerate(block))
    return found


def limit_total(samples: Sequence[Sample], strata: Strata, limit: int, seed: int) -> list[Sample]:
    """At most `limit` samples: first one of each stratum, then more of each in about the proportions of the whole.

    A smaller limit gives a subset of what a larger limit gives.
    """
    order = sorted(_ranked(samples, strata, seed), key=lambda r: (Fraction(r[0], r[1]), _random_key(seed, r[2].id)))
    return [sample for _, _, sample in order[:limit]]


def limit_per_stratum(samples: Sequence[Sample], strata: Strata, limit: int, seed: int) -> list[Sample]:
    """At most `limit` samples of each stratum; a smaller limit gives a subset of what a larger limit gives."""
    return [sample for rank, _, sample in _ranked(samples, strata, seed) if rank < limit]
