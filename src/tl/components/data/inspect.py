"""What is wrong with data before a run: broken pictures, empty texts, duplicates between splits, uneven classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tl.components.columns import Numbers
from tl.components.data.base import Data
from tl.components.data.copies import SamplesBySplit, equal_samples
from tl.components.data.label_doubts import label_doubts
from tl.components.data.labels import class_counts, has_target
from tl.components.data.split_doubts import split_doubts
from tl.components.picture import decoded, is_animated, picture_name
from tl.components.sample import Raw, Sample, Samples, halves_of
from tl.errors import MachineFault, Mistake, TLError

_UNEVEN = 10  # a warning where the largest class has so many times the samples of the smallest
_SHOWN = 3
EqualSamples = Sequence[Sequence[tuple[str, Sample]]]
"""(split, sample) of all samples with the same input, for each input that occurs at least twice."""


@dataclass(frozen=True)
class Findings:
    """Mistakes and warnings; `counts` maps split -> class (or 'samples') -> number of samples."""

    errors: tuple[str, ...]
    warnings: tuple[Mistake, ...]
    counts: dict[str, dict[str, int]]
    pictures_opened: int


def inspect(data: Data, max_opened: int = 2000) -> Findings:
    """Look at every sample, and open at most `max_opened` pictures, evenly spread over the splits."""
    given = [one for s in data.splits.values() for one in s.inputs] if data.modality == "image" else []
    pictures = [half for one in given for half in halves_of(one)]
    opened = _evenly_spread(pictures, max_opened)
    errors, odd = _open_pictures(opened)
    errors += _shared_groups(data.splits)
    warnings = [*map(Mistake.of, odd), *data_doubts(data, equal_samples(data.splits))]
    if len(opened) < len(pictures):
        warnings.append(Mistake(f"{len(opened)} of {len(pictures)} pictures were opened; the others were not."))
    return Findings(tuple(errors), tuple(warnings), count(data), len(opened))


def data_doubts(data: Data, equal: EqualSamples) -> list[Mistake]:
    """What is odd about the samples, pictures unopened; `equal` holds those with the same input."""
    plain = [
        *_half_empty(data),
        *duplicate_warnings(data.splits, equal),
        *_uneven_classes(data, count(data)),
        *_constant_numbers(data),
    ]
    return [*map(Mistake.of, plain), *label_doubts(data), *split_doubts(data)]


def count(data: Data) -> dict[str, dict[str, int]]:
    """split -> class -> number of samples, zeros included; split -> 'samples' -> number without classes."""
    found: dict[str, dict[str, int]] = {}
    for split, rows in data.splits.items():
        counts = class_counts(rows)
        labelled = data.task.has_classes and has_target(rows).any()
        found[split] = {name: counts[name] for name in data.task.counted} if labelled else {"samples": len(rows)}
    return found


def _evenly_spread(pictures: Sequence[Raw], most: int) -> Sequence[Raw]:
    if len(pictures) <= most:
        return pictures
    return [pictures[i * len(pictures) // most] for i in range(most)]


def _open_pictures(pictures: Iterable[Raw]) -> tuple[list[str], list[str]]:
    """(errors, warnings) from opening every picture."""
    wrong, thin, moving = [], [], []
    for picture in pictures:
        try:
            image = decoded(picture)
            if min(image.size) < 2:
                thin.append(f"{picture_name(picture)} ({image.width} x {image.height} pixels)")
            if is_animated(picture):
                moving.append(picture_name(picture))
        except MachineFault:
            raise
        except TLError as error:
            wrong.append(str(error))
    odd = [f"{_many(len(thin), 'picture')} only one pixel wide or high: {_some(thin)}."] if thin else []
    if moving:
        odd.append(f"{_many(len(moving), 'picture')} with several frames, of which the first is used: {_some(moving)}.")
    return wrong, odd


def _half_empty(data: Data) -> list[str]:
    empty = []
    for samples in data.splits.values():
        blank = [texts.blank() for texts in samples.texts]
        rows = np.flatnonzero(np.logical_or.reduce(blank)).tolist() if blank else []
        empty += [samples.places[row] for row in rows]
    return [f"{_many(len(empty), 'pair')} with an empty text: {_some(empty)}."] if empty else []


def _shared_groups(splits: SamplesBySplit) -> list[str]:
    names = {split: samples.groups.counts().keys() for split, samples in splits.items()}
    found = []
    for one, two in combinations(splits, 2):
        both = sorted(names[one] & names[two])
        if both:
            places = [samples.places[_first_row(samples, both[0])] for samples in (splits[one], splits[two])]
            example = f"'{both[0]}' in {places[0]} and {places[1]}"
            found.append(
                f"{one} and {two} share {_many(len(both), 'group')}, such as {example}: keep each group in one split."
            )
    return found


def _first_row(samples: Samples, group: str) -> int:
    return int(samples.groups.rows_of(lambda name: name == group, without_value=False).argmax())


def count_duplicates(equal: EqualSamples) -> int:
    """How many samples are exact copies of another sample, in whichever split."""
    return sum(len(rows) - 1 for rows in equal)


def duplicate_warnings(splits: SamplesBySplit, equal: EqualSamples) -> list[str]:
    """Sentences on exact duplicates between splits, and on duplicates with different targets in any split."""
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
    if not data.task.one_class or data.space.class_weights or data.balanced_sampling:
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
    match data.splits["train"].targets:
        case Numbers() as numbers:
            first = numbers.values[0]
            still = (numbers.values == first).all(axis=0)
            said = zip(data.space.names, first.tolist(), still.tolist(), strict=True)
            return [f"'{n}' is {v} in every training sample: there is nothing to learn." for n, v, same in said if same]
    return []


def _many(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' if n != 1 else ''}"


def _some(items: Iterable[str]) -> str:
    listed = list(items)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
