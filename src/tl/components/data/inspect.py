"""What can be wrong with data before a run: broken pictures, empty texts, leaks between splits, skewed classes."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from tl.components.data.base import Data
from tl.components.data.labels import names_of
from tl.components.picture import animated, content, decoded, name_of
from tl.components.sample import Picture, Sample, texts_of
from tl.errors import TLError

_SKEW = 10
_SHOWN = 3
Splits = Mapping[str, Sequence[Sample]]


@dataclass(frozen=True)
class Findings:
    """`counts` are samples by split and class (or 'samples'); `looked_at` is how many pictures were opened."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    looked_at: int


def inspect(data: Data, most: int = 2000) -> Findings:
    """Look at every sample, and open at most so many pictures, evenly spread over the splits."""
    counts = count(data)
    pictures = [s for rows in data.splits.values() for s in rows] if data.modality == "image" else []
    opened = _spread(pictures, most)
    errors, odd = _pictures(opened)
    errors += _shared_groups(data.splits)
    warnings = [
        *odd,
        *_half_empty(data),
        *_twins(data.splits),
        *_skewed(data, counts),
        *_constant(data),
        *_alike(data.space.names),
    ]
    if len(opened) < len(pictures):
        warnings.append(f"{len(opened)} of {len(pictures)} pictures were opened; the others were not.")
    return Findings(tuple(errors), tuple(warnings), counts, len(opened))


def count(data: Data) -> dict[str, dict[str, int]]:
    """Samples of each class in each split, zeros included; for numbers and unlabelled samples just how many."""
    found: dict[str, dict[str, int]] = {}
    for split, rows in data.splits.items():
        counts = Counter(name for sample in rows for name in names_of(sample.target))
        labelled = data.space.kind != "number" and any(sample.target is not None for sample in rows)
        found[split] = {name: counts[name] for name in data.space.names} if labelled else {"samples": len(rows)}
    return found


def _spread(samples: Sequence[Sample], most: int) -> Sequence[Sample]:
    if len(samples) <= most:
        return samples
    return [samples[i * len(samples) // most] for i in range(most)]


def _pictures(samples: Iterable[Sample]) -> tuple[list[str], list[str]]:
    """What is wrong with pictures, and what is odd about them."""
    wrong, thin, moving = [], [], []
    for sample in samples:
        try:
            image = decoded(sample.input)
            if min(image.size) < 2:
                thin.append(f"{name_of(sample.input)} ({image.width} x {image.height} pixels)")
            if animated(sample.input):
                moving.append(name_of(sample.input))
        except TLError as error:
            wrong.append(str(error))
    odd = [f"{_many(len(thin), 'picture')} only one pixel wide or high: {_some(thin)}."] if thin else []
    if moving:
        odd.append(f"{_many(len(moving), 'picture')} with several frames, of which the first is used: {_some(moving)}.")
    return wrong, odd


def _half_empty(data: Data) -> list[str]:
    empty = [s for rows in data.splits.values() for s in rows if not all(t.strip() for t in texts_of(s))]
    return [f"{_many(len(empty), 'pair')} with an empty text: {_some(s.where for s in empty)}."] if empty else []


def _shared_groups(splits: Splits) -> list[str]:
    members = {name: {s.group: s for s in reversed(rows) if s.group is not None} for name, rows in splits.items()}
    found = []
    for one, two in combinations(members, 2):
        both = sorted(set(members[one]) & set(members[two]), key=str)
        if both:
            example = f"'{both[0]}' in {members[one][both[0]].where} and {members[two][both[0]].where}"
            found.append(
                f"{one} and {two} share {_many(len(both), 'group')}, such as {example}: keep each group in one split."
            )
    return found


def duplicates(splits: Splits) -> int:
    """How many samples are exact copies of another one, in whichever split."""
    return sum(len(rows) - 1 for rows in _equal(splits))


def _twins(splits: Splits) -> list[str]:
    """Exact duplicates: between splits, and with different targets anywhere."""
    twins = _equal(splits)
    found = []
    for one, two in combinations(splits, 2):
        pairs = [pair for rows in twins if (pair := _across(rows, one, two))]
        if pairs:
            listed = _some(f"{a.where} = {b.where}" for a, b in pairs)
            found.append(f"{one} and {two} share {_many(len(pairs), 'exact duplicate')}: {listed}; remove one of each.")
    known = [[s for _, s in rows if s.target is not None] for rows in twins]
    torn = [rows for rows in known if len({s.target for s in rows}) > 1]
    if torn:
        listed = _some(f"{rows[0].where} = {_other(rows).where}" for rows in torn)
        found.append(f"Equal inputs have different targets ({len(torn)}): {listed}; keep the right one.")
    return found


def _equal(splits: Splits) -> list[list[tuple[str, Sample]]]:
    """Samples of equal input, each with its split, wherever there are at least two."""
    found: dict[bytes, list[tuple[str, Sample]]] = defaultdict(list)
    for block in _same_size(splits):
        for split, sample in block:
            if (key := _key(sample)) is not None:
                found[key].append((split, sample))
    return [rows for rows in found.values() if len(rows) > 1]


def _across(rows: Sequence[tuple[str, Sample]], one: str, two: str) -> tuple[Sample, Sample] | None:
    first = next((s for split, s in rows if split == one), None)
    second = next((s for split, s in rows if split == two), None)
    return (first, second) if first is not None and second is not None else None


def _other(rows: Sequence[Sample]) -> Sample:
    return next(s for s in rows if s.target != rows[0].target)


def _same_size(splits: Splits) -> Iterable[list[tuple[str, Sample]]]:
    """Samples that can be duplicates: files of equal size, or anything that is no file."""
    sizes: dict[int, list[tuple[str, Sample]]] = defaultdict(list)
    for split, rows in splits.items():
        for sample in rows:
            size = sample.input.stat().st_size if isinstance(sample.input, Path) else -1
            sizes[size].append((split, sample))
    return (block for block in sizes.values() if len(block) > 1)


def _key(sample: Sample) -> bytes | None:
    """A hash of a picture's bytes, or of a text without differences of case and spacing; None for an empty text."""
    if isinstance(sample.input, (Path, Picture)):
        return hashlib.sha256(content(sample.input)).digest()
    words = "\0".join(" ".join(unicodedata.normalize("NFKC", t).casefold().split()) for t in texts_of(sample))
    return hashlib.sha256(words.encode()).digest() if words.strip("\0") else None


def _skewed(data: Data, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    if data.space.kind != "single" or data.space.class_weights or data.balanced_sampling:
        return []
    train = {name: n for name, n in counts["train"].items() if n}
    most, least = max(train, key=lambda n: train[n]), min(train, key=lambda n: train[n])
    if train[most] < _SKEW * train[least]:
        return []
    return [
        f"train has {train[most]} samples of '{most}' and {train[least]} of '{least}': data.balance=weights or "
        "data.balance=sampling evens that out; look at macro_f1 rather than accuracy."
    ]


def _constant(data: Data) -> list[str]:
    rows = zip(*(s.target or () for s in data.splits["train"]), strict=True) if data.space.kind == "number" else ()
    still = [(name, column[0]) for name, column in zip(data.space.names, rows, strict=False) if len(set(column)) == 1]
    return [f"'{name}' is {value} in every training sample: there is nothing to learn." for name, value in still]


def _alike(names: Sequence[str]) -> list[str]:
    """Classes whose names differ in case or spacing only are usually one class."""
    same: dict[str, list[str]] = defaultdict(list)
    for name in names:
        same["".join(name.casefold().replace("_", " ").replace("-", " ").split())].append(name)
    return [f"The classes {' and '.join(map(repr, g))} may be one: merge them." for g in same.values() if len(g) > 1]


def _many(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n != 1 else ''}"


def _some(items: Iterable[str]) -> str:
    listed = list(items)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
