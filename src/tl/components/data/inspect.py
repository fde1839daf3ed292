"""What is wrong with data before a run: broken pictures, empty texts, duplicates between splits, uneven classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from tl.components.data.base import Data
from tl.components.data.copies import SamplesBySplit, equal_samples
from tl.components.data.label_doubts import label_doubts
from tl.components.data.labels import names_of
from tl.components.data.split_doubts import split_doubts
from tl.components.picture import decoded, is_animated, picture_name
from tl.components.sample import Sample, texts_of
from tl.errors import Mistake, TLError

_UNEVEN = 10  # a warning where the largest class has so many times the samples of the smallest
_SHOWN = 3


@dataclass(frozen=True)
class Findings:
    """Mistakes and warnings; `counts` maps split -> class (or 'samples') -> number of samples."""

    errors: tuple[str, ...]
    warnings: tuple[Mistake, ...]
    counts: dict[str, dict[str, int]]
    pictures_opened: int


def inspect(data: Data, max_opened: int = 2000) -> Findings:
    """Look at every sample, and open at most `max_opened` pictures, evenly spread over the splits."""
    counts = count(data)
    pictures = [s for rows in data.splits.values() for s in rows] if data.modality == "image" else []
    opened = _evenly_spread(pictures, max_opened)
    errors, odd = _open_pictures(opened)
    errors += _shared_groups(data.splits)
    warnings = [
        *odd,
        *_half_empty(data),
        *_duplicate_warnings(data.splits),
        *_uneven_classes(data, counts),
        *_constant_numbers(data),
        *label_doubts(data),
        *split_doubts(data),
    ]
    if len(opened) < len(pictures):
        warnings.append(f"{len(opened)} of {len(pictures)} pictures were opened; the others were not.")
    return Findings(tuple(errors), tuple(map(Mistake.of, warnings)), counts, len(opened))


def count(data: Data) -> dict[str, dict[str, int]]:
    """split -> class -> number of samples, zeros included; split -> 'samples' -> number without classes."""
    found: dict[str, dict[str, int]] = {}
    for split, rows in data.splits.items():
        counts = Counter(name for sample in rows for name in names_of(sample.target))
        labelled = data.space.kind != "number" and any(sample.target is not None for sample in rows)
        found[split] = {name: counts[name] for name in data.space.names} if labelled else {"samples": len(rows)}
    return found


def _evenly_spread(samples: Sequence[Sample], most: int) -> Sequence[Sample]:
    if len(samples) <= most:
        return samples
    return [samples[i * len(samples) // most] for i in range(most)]


def _open_pictures(samples: Iterable[Sample]) -> tuple[list[str], list[str]]:
    """(errors, warnings) from opening every picture."""
    wrong, thin, moving = [], [], []
    for sample in samples:
        try:
            image = decoded(sample.input)
            if min(image.size) < 2:
                thin.append(f"{picture_name(sample.input)} ({image.width} x {image.height} pixels)")
            if is_animated(sample.input):
                moving.append(picture_name(sample.input))
        except TLError as error:
            wrong.append(str(error))
    odd = [f"{_many(len(thin), 'picture')} only one pixel wide or high: {_some(thin)}."] if thin else []
    if moving:
        odd.append(f"{_many(len(moving), 'picture')} with several frames, of which the first is used: {_some(moving)}.")
    return wrong, odd


def _half_empty(data: Data) -> list[str]:
    empty = [s for rows in data.splits.values() for s in rows if not all(t.strip() for t in texts_of(s))]
    return [f"{_many(len(empty), 'pair')} with an empty text: {_some(s.where for s in empty)}."] if empty else []


def _shared_groups(splits: SamplesBySplit) -> list[str]:
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


def duplicates(splits: SamplesBySplit) -> int:
    """How many samples are exact copies of another sample, in whichever split."""
    return sum(len(rows) - 1 for rows in equal_samples(splits))


def _duplicate_warnings(splits: SamplesBySplit) -> list[str]:
    """Sentences on exact duplicates between splits, and on duplicates with different targets in any split."""
    equal = equal_samples(splits)
    found = []
    for one, two in combinations(splits, 2):
        pairs = [pair for rows in equal if (pair := _across(rows, one, two))]
        if pairs:
            listed = _some(f"{a.where} = {b.where}" for a, b in pairs)
            found.append(f"{one} and {two} share {_many(len(pairs), 'exact duplicate')}: {listed}; remove one of each.")
    known = [[s for _, s in rows if s.target is not None] for rows in equal]
    contradicting = [rows for rows in known if len({s.target for s in rows}) > 1]
    if contradicting:
        listed = _some(f"{rows[0].where} = {_with_other_target(rows).where}" for rows in contradicting)
        found.append(f"Equal inputs have different targets ({len(contradicting)}): {listed}; keep the right one.")
    return found


def _across(rows: Sequence[tuple[str, Sample]], one: str, two: str) -> tuple[Sample, Sample] | None:
    """The first sample of split `one` and of split `two`; None where either has none."""
    first = next((s for split, s in rows if split == one), None)
    second = next((s for split, s in rows if split == two), None)
    return (first, second) if first is not None and second is not None else None


def _with_other_target(rows: Sequence[Sample]) -> Sample:
    """The first sample whose target differs from that of the first one."""
    return next(s for s in rows if s.target != rows[0].target)


def _uneven_classes(data: Data, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    if data.space.kind != "single" or data.space.class_weights or data.balanced_sampling:
        return []
    train = {name: n for name, n in counts["train"].items() if n}
    most, least = max(train, key=lambda n: train[n]), min(train, key=lambda n: train[n])
    if train[most] < _UNEVEN * train[least]:
        return []
    return [
        f"train has {train[most]} samples of '{most}' and {train[least]} of '{least}': data.balance=weights or "
        "data.balance=sampling evens that out; look at macro_f1 rather than accuracy."
    ]


def _constant_numbers(data: Data) -> list[str]:
    rows = zip(*(s.target or () for s in data.splits["train"]), strict=True) if data.space.kind == "number" else ()
    still = [(name, column[0]) for name, column in zip(data.space.names, rows, strict=False) if len(set(column)) == 1]
    return [f"'{name}' is {value} in every training sample: there is nothing to learn." for name, value in still]


def _many(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n != 1 else ''}"


def _some(items: Iterable[str]) -> str:
    listed = list(items)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
