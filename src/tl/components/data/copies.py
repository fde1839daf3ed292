"""Samples with the same input: equal pictures, byte by byte, or texts that differ in case and spacing only."""

from __future__ import annotations

import hashlib
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from tl.components.picture import file_bytes
from tl.components.sample import Picture, Sample, texts_of

_LOOKED_AT, _LETTERS = 64, 20
SamplesBySplit = Mapping[str, Sequence[Sample]]


def equal_samples(splits: SamplesBySplit, *, read: bool = True) -> list[list[tuple[str, Sample]]]:
    """(split, sample) of all samples with the same input, for each input that occurs at least twice.

    Without `read`, pictures that are no files are compared by their content keys, since reading them may be slow.
    """
    rough = array("q", (_rough_key(sample) for rows in splits.values() for sample in rows))
    repeated = {one for one, two in pairwise(sorted(rough)) if one == two}
    found: dict[bytes, list[tuple[str, Sample]]] = defaultdict(list)
    every = ((split, sample) for split, rows in splits.items() for sample in rows)
    for key, (split, sample) in zip(rough, every, strict=True):
        if key in repeated and (exact := _input_hash(sample, read)) is not None:
            found[exact].append((split, sample))
    return [rows for rows in found.values() if len(rows) > 1]


def clusters(samples: Sequence[Sample]) -> list[list[Sample]]:
    """The samples with the same input, for each input that occurs at least twice; pictures that are no files by key."""
    return [[sample for _, sample in rows] for rows in equal_samples({"": samples}, read=False)]


def rejoined(given: Mapping[str, str], equal: Sequence[Sequence[Sample]], strata: Mapping[str, str]) -> dict[str, str]:
    """The splits by sample id, where all copies of an input take the split of the copy with the first id.

    So other samples stay where they are. Where a stratum would lose its last training sample, its copies stay in train.
    """
    found = dict(given)
    for rows in equal:
        first = min(sample.id for sample in rows)
        found |= {sample.id: given[first] for sample in rows}
    learnt = {strata[id] for id, split in found.items() if split == "train"}
    lost = {strata[id] for id, split in given.items() if split == "train"} - learnt
    for rows in equal:
        if lost & {strata[sample.id] for sample in rows}:
            found |= {sample.id: "train" for sample in rows}
    return found


def merged_groups(samples: Sequence[Sample], equal: Sequence[Sequence[Sample]]) -> list[Sample]:
    """The samples, whose groups are one where they share an input (`equal`); a copy without a group gets one."""
    above: dict[str, str] = {}

    def top(unit: str) -> str:
        while unit in above:
            unit = above[unit]
        return unit

    for rows in equal:
        units = sorted({top(_unit(sample)) for sample in rows})
        above |= dict.fromkeys(units[1:], units[0])
    shared = {sample.id for rows in equal for sample in rows}
    return [
        replace(sample, group=top(_unit(sample))) if sample.group is not None or sample.id in shared else sample
        for sample in samples
    ]


def _unit(sample: Sample) -> str:
    return f"sample {sample.id}" if sample.group is None else f"group {sample.group}"


def _rough_key(sample: Sample) -> int:
    """A number that is quick to find and the same for equal inputs; most texts and files have one of their own."""
    match sample.input:
        case str() as text:
            return hash(_beginning(text))
        case Path() as file:
            return file.stat().st_size
        case Picture():
            return -1
        case (first, _):
            return hash(_beginning(first))


def _beginning(text: str) -> str:
    """The first letters of a text, alike for all texts that `_input_hash` takes for equal: quick, and most differ."""
    letters = "".join(_plain(text[:_LOOKED_AT]).split())
    whole = "".join(_plain(text).split()) if len(letters) < _LETTERS else letters
    return whole.casefold()[:_LETTERS]


def _input_hash(sample: Sample, read: bool) -> bytes | None:
    """A hash of a picture's bytes, or of a text, ignoring case and spacing; None for an empty text."""
    match sample.input:
        case Picture() if not read:
            return sample.input.content_key.encode()
        case Path() | Picture():
            return hashlib.sha256(file_bytes(sample.input)).digest()
    words = "\0".join(" ".join(_plain(text).casefold().split()) for text in texts_of(sample))
    return hashlib.blake2b(words.encode(), digest_size=16).digest() if words.strip("\0") else None


def _plain(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)
