"""Which sample goes to which split, and which subset is kept: pure functions of ids, classes, groups and a seed.

Chance is a hash of the seed and a sample's id, so a division does not depend on the order of the rows, and most samples
stay where they were when others are added.
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
Wanted = Mapping[str, Mapping[str, Fraction]]


def natural(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A sorting key that puts 'class 2' before 'class 10'."""
    parts = re.split(r"([0-9]+)", text)
    return tuple((0, int(p), "") if i % 2 else (1, 0, p) for i, p in enumerate(parts) if p), text


def draw(seed: int, name: str) -> bytes:
    """The place of a name in a random order."""
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def assign(samples: Sequence[Sample], strata: Strata, shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of each sample id: every split of `shares` gets its share, `train` the rest.

    Without groups each split gets round(share * n) samples, and of each stratum the rounded-down or rounded-up share
    (largest remainders first). With groups whole groups are dealt, largest first, to where they fit best. Each stratum
    keeps at least one training sample.
    """
    exact = {split: Fraction(str(share)) for split, share in shares.items() if share > 0}
    if any(sample.group is not None for sample in samples):
        return _deal(samples, strata, exact, seed)
    pools: dict[str, list[str]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: draw(seed, s.id)):
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
    quotas = {stratum: share * n for stratum, n in totals.items()}
    counts = {stratum: min(int(quota), room[stratum]) for stratum, quota in quotas.items()}
    wanted = max(1, int(sum(quotas.values()) + Fraction(1, 2)))
    chance = {stratum: hashlib.sha256(f"{seed}:{stratum}".encode()).digest() for stratum in totals}
    by_remainder = sorted(totals, key=lambda s: (-(quotas[s] - int(quotas[s])), chance[s]))
    for stratum in by_remainder:
        if sum(counts.values()) < wanted and counts[stratum] < room[stratum] and counts[stratum] <= quotas[stratum]:
            counts[stratum] += 1
    return counts


def _deal(samples: Sequence[Sample], strata: Strata, shares: Mapping[str, Fraction], seed: int) -> dict[str, str]:
    members: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        members[_unit(sample)].append(sample.id)
    content = {unit: Counter(strata[i] for i in ids) for unit, ids in members.items()}
    totals = Counter(strata[sample.id] for sample in samples)
    parts = {"train": 1 - sum(shares.values(), Fraction(0)), **shares}
    wanted = {split: {stratum: part * n for stratum, n in totals.items()} for split, part in parts.items()}
    have: dict[str, Counter[str]] = {split: Counter() for split in parts}
    place: dict[str, str] = {}
    for unit in sorted(members, key=lambda u: (-len(members[u]), draw(seed, u))):
        place[unit] = min(parts, key=lambda split: _cost(content[unit], have[split], wanted[split], totals))
        have[place[unit]].update(content[unit])
    for stratum in sorted(set(totals) - set(+have["train"])):
        unit = min((u for u in members if content[u][stratum]), key=lambda u: (len(members[u]), draw(seed, u)))
        place[unit] = "train"
        have["train"].update(content[unit])
    return {i: place[unit] for unit, ids in members.items() for i in ids}


def _unit(sample: Sample) -> str:
    return f"sample {sample.id}" if sample.group is None else f"group {sample.group}"


def _cost(new: Counter[str], have: Counter[str], wanted: Mapping[str, Fraction], totals: Mapping[str, int]) -> Fraction:
    """How much the squared distance to the wanted counts grows, relative to each stratum's size."""
    return sum((n * (n + 2 * (have[s] - wanted[s])) / totals[s] for s, n in new.items()), Fraction(0))


def ranked(samples: Sequence[Sample], strata: Strata, seed: int) -> list[tuple[int, int, Sample]]:
    """Each sample with its rank within its stratum and the stratum's size, in random order within a stratum."""
    ordered = sorted(samples, key=lambda s: (strata[s.id], draw(seed, s.id)))
    found: list[tuple[int, int, Sample]] = []
    for _, members in groupby(ordered, key=lambda s: strata[s.id]):
        block = list(members)
        found.extend((rank, len(block), sample) for rank, sample in enumerate(block))
    return found


def at_most(samples: Sequence[Sample], strata: Strata, limit: int, seed: int) -> list[Sample]:
    """A subset in about the same proportions, one of each stratum first; smaller limits give subsets of larger ones."""
    order = sorted(ranked(samples, strata, seed), key=lambda r: (Fraction(r[0], r[1]), draw(seed, r[2].id)))
    return [sample for _, _, sample in order[:limit]]


def per_stratum(samples: Sequence[Sample], strata: Strata, most: int, seed: int) -> list[Sample]:
    """At most so many of each stratum; a smaller number gives a subset of a larger one."""
    return [sample for rank, _, sample in ranked(samples, strata, seed) if rank < most]
