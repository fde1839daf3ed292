"""Samples with the same input: equal pictures, byte by byte, or texts that differ in case and spacing only."""

from __future__ import annotations

import hashlib
import unicodedata
from bisect import bisect
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tl.components.columns import Codes, Column, Numbered, Objects, Pairs, Texts, codes_column
from tl.components.picture import file_bytes
from tl.components.sample import Picture, Raw, Sample, Samples, halves_of

_LOOKED_AT, _LETTERS = 64, 20
_ASCII_SPACES = bytes(code for code in range(128) if chr(code).isspace())
SamplesBySplit = Mapping[str, Samples]
Inputs = Texts | Pairs | Objects[Raw]


def first_repeated(names: Column[str]) -> tuple[int, int] | None:
    """The first row whose name occurred before, after the row where it occurred; None where all names differ."""
    match names:
        case Numbered():
            values: Iterable[Hashable] = zip(names.codes.tolist(), names.numbers.tolist(), strict=True)
        case _:
            values = names
    seen: dict[str, int] = {}
    for row in _rows_of_equal_hash(values):
        before = seen.setdefault(names[row], row)
        if before != row:
            return before, row
    return None


def equal_rows(columns: Sequence[Inputs], *, read: bool = True) -> list[list[int]]:
    """The rows of equal inputs, for each input that occurs at least twice; rows count through all columns.

    Without `read`, pictures that are no files are compared by their content keys, since reading them may be slow.
    """
    starts = np.cumsum([0, *map(len, columns)]).tolist()
    found: dict[Hashable, list[int]] = defaultdict(list)
    for row in _rows_of_equal_hash(key for column in columns for key in _rough_keys(column)):
        number = bisect(starts, row) - 1
        if (exact := _input_hash(columns[number][row - starts[number]], read)) is not None:
            found[exact].append(row)
    return [rows for rows in found.values() if len(rows) > 1]


def equal_samples(splits: SamplesBySplit) -> list[list[tuple[str, Sample]]]:
    """(split, sample) of all samples with the same input, for each input that occurs at least twice."""
    names, starts = [*splits], np.cumsum([0, *map(len, splits.values())]).tolist()
    found = []
    for rows in equal_rows([samples.inputs for samples in splits.values()]):
        places = [(bisect(starts, row) - 1, row) for row in rows]
        found.append([(names[k], splits[names[k]][row - starts[k]]) for k, row in places])
    return found


def clusters(samples: Samples) -> list[list[int]]:
    """The rows with the same input, for each input that occurs at least twice; pictures that are no files by key."""
    return equal_rows([samples.inputs], read=False)


def rejoined(given: Codes[str], equal: Sequence[Sequence[int]], strata: Codes[str], ids: Column[str]) -> Codes[str]:
    """The splits of the samples, where all copies of an input take the split of the copy with the first id.

    So other samples stay where they are. Where a stratum would lose its last training sample, its copies stay in train.
    """
    found, train = given.codes.copy(), given.values.index("train")
    for rows in equal:
        found[rows] = given.codes[min(rows, key=ids.at)]
    lost = {*strata.codes[given.codes == train].tolist()} - {*strata.codes[found == train].tolist()}
    for rows in equal:
        if lost & {*strata.codes[rows].tolist()}:
            found[rows] = train
    return Codes(given.values, found)


def merged_groups(samples: Samples, equal: Sequence[Sequence[int]]) -> Samples:
    """The samples, whose groups are one where they share an input (`equal`); a copy without a group gets one."""
    above: dict[str, str] = {}

    def top(unit: str) -> str:
        while unit in above:
            unit = above[unit]
        return unit

    for rows in equal:
        units = sorted({top(_unit(samples, row)) for row in rows})
        above |= dict.fromkeys(units[1:], units[0])
    shared = {row for rows in equal for row in rows}
    groups = (
        top(_unit(samples, row)) if group is not None or row in shared else None
        for row, group in enumerate(samples.groups)
    )
    return replace(samples, groups=codes_column(groups))


def _unit(samples: Samples, row: int) -> str:
    group = samples.groups[row]
    return f"sample {samples.ids[row]}" if group is None else f"group {group}"


def _rows_of_equal_hash(values: Iterable[Hashable]) -> list[int]:
    """The rows whose values have the hash of another row's value, in order."""
    hashes = np.fromiter(map(hash, values), np.int64)
    order = np.argsort(hashes, kind="stable")
    same = np.diff(hashes[order]) == 0
    either = np.concatenate([same, [False]]) | np.concatenate([[False], same])
    return [] if len(hashes) < 2 else sorted(order[either].tolist())


def _rough_keys(column: Inputs) -> Iterator[Hashable]:
    """For each input a value that is quick to find and the same for equal inputs; most have one of their own."""
    match column:
        case Pairs():
            return _beginnings(column.first)
        case Texts():
            return _beginnings(column)
    return map(_rough_key, column)


def _rough_key(one: Raw) -> Hashable:
    match one:
        case str():
            return _beginning(one)
        case Path():
            return one.stat().st_size
        case Picture():
            return -1
        case (str() as first, _):
            return _beginning(first)
        case (first, second):
            return _rough_key(first), _rough_key(second)


def _beginnings(texts: Texts) -> Iterator[bytes]:
    """What `_beginning` gives for each text; ASCII texts, which are most, need not become strings."""
    data, lowered = texts.data, bytes(range(256)).lower()
    for row, (start, stop) in enumerate(zip(texts.starts.tolist(), texts.stops.tolist(), strict=True)):
        piece = data[start : min(stop, start + _LOOKED_AT)]
        letters = piece.translate(lowered, _ASCII_SPACES) if piece.isascii() else b""
        yield bytes(letters[:_LETTERS]) if len(letters) > _LETTERS else _beginning(texts.at(row))


def _beginning(text: str) -> bytes:
    """The first letters of a text, alike for all texts that `_input_hash` takes for equal: quick, and most differ."""
    letters = "".join(_plain(text[:_LOOKED_AT]).split())  # an accent may still join the last of them
    whole = letters if len(letters) > _LETTERS else "".join(_plain(text).split())
    return whole.casefold()[:_LETTERS].encode(errors="surrogatepass")


def _input_hash(one: Raw, read: bool) -> bytes | None:
    """A hash of a picture's bytes, or of a text, ignoring case and spacing; None for an empty text."""
    match one:
        case Picture() if not read:
            return one.content_key.encode()
        case Path() | Picture():
            return hashlib.sha256(file_bytes(one)).digest()
    halves = halves_of(one)
    if len(halves) > 1 and not isinstance(halves[0], str):
        return b"".join(filter(None, (_input_hash(half, read) for half in halves)))
    texts = map(str, halves)
    words = "\0".join(" ".join(_plain(text).casefold().split()) for text in texts)
    return hashlib.blake2b(words.encode(), digest_size=16).digest() if words.strip("\0") else None


def _plain(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)
