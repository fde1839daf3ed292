"""Columns that hold one fact of every sample in arrays, since a Python object for each of a million rows is heavy."""

from __future__ import annotations

import re
from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Generic, Self, TypeVar, final, overload

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Rows = npt.NDArray[np.int64]
"""The numbers of rows, such as the rows of a split."""
_STEP = 1 << 12
_PIECE = 1 << 20
_SPACES = np.zeros(256, dtype=bool)
_SPACES[[*range(0x09, 0x0E), *range(0x1C, 0x21), *range(0x80, 0x100)]] = True


class Column(Sequence[T_co]):
    """A sequence of values, one for each row; `take` shares the memory of the values with the whole column."""

    @abstractmethod
    def at(self, row: int) -> T_co:
        """The value of a row from 0 to n - 1."""

    @abstractmethod
    def take(self, rows: Rows) -> Self:
        """The column of these rows, in their order."""

    @overload
    def __getitem__(self, row: int) -> T_co: ...
    @overload
    def __getitem__(self, row: slice) -> Self: ...
    def __getitem__(self, row: int | slice) -> T_co | Self:
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        return self.at(range(len(self))[row])

    def __iter__(self) -> Iterator[T_co]:
        return map(self.at, range(len(self)))


@final
class Texts(Column[str]):
    """Texts as one block of UTF-8 bytes; `starts` and `stops` say where each text lies."""

    def __init__(self, data: bytes | bytearray, starts: Rows, stops: Rows) -> None:
        self.data, self.starts, self.stops = data, starts, stops

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, row: int) -> str:
        return str(self.data[self.starts[row] : self.stops[row]], "utf-8", "surrogatepass")

    def take(self, rows: Rows) -> Texts:
        return Texts(self.data, self.starts[rows], self.stops[rows])

    def __iter__(self) -> Iterator[str]:
        data = self.data
        for first in range(0, len(self), _STEP):
            starts, stops = (ends[first : first + _STEP].tolist() for ends in (self.starts, self.stops))
            for start, stop in zip(starts, stops, strict=True):
                yield str(data[start:stop], "utf-8", "surrogatepass")

    def blank(self) -> npt.NDArray[np.bool_]:
        """Whether each text is empty or nothing but spaces."""
        found: npt.NDArray[np.bool_] = self.starts == self.stops
        if found.all():
            return found
        first = np.frombuffer(self.data, np.uint8)[np.where(found, 0, self.starts)]
        for row in np.flatnonzero(_SPACES[first] & ~found).tolist():
            found[row] = not self.at(row).strip()
        return found

    def rows_with(self, pattern: re.Pattern[bytes], letters: bytes) -> list[int]:
        """The rows whose bytes match a pattern; quick where no text holds one of the bytes `letters`."""
        pieces = (self.data[first : first + _PIECE] for first in range(0, len(self.data), _PIECE))
        if all(len(piece.translate(None, letters)) == len(piece) for piece in pieces):
            return []
        places = zip(self.starts.tolist(), self.stops.tolist(), strict=True)
        return [row for row, (start, stop) in enumerate(places) if pattern.search(self.data, start, stop)]


@final
class Pairs(Column[tuple[str, str]]):
    """Pairs of texts."""

    def __init__(self, first: Texts, second: Texts) -> None:
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first)

    def at(self, row: int) -> tuple[str, str]:
        return self.first.at(row), self.second.at(row)

    def take(self, rows: Rows) -> Pairs:
        return Pairs(self.first.take(rows), self.second.take(rows))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return zip(self.first, self.second, strict=True)


@final
class Numbered(Column[str]):
    """Names that end in a number, such as ids and places of lines: `names[codes[row]]` and then `numbers[row]`."""

    def __init__(self, names: Sequence[str], codes: npt.NDArray[np.int32], numbers: Rows) -> None:
        self.names, self.codes, self.numbers = names, codes, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def at(self, row: int) -> str:
        return f"{self.names[self.codes[row]]}{self.numbers[row]}"

    def take(self, rows: Rows) -> Numbered:
        return Numbered(self.names, self.codes[rows], self.numbers[rows])


@final
class Codes(Column[T_co | None], Generic[T_co]):
    """Values that repeat, such as class names: `values[codes[row]]`, or None where the code is -1."""

    def __init__(self, values: Sequence[T_co], codes: npt.NDArray[np.int32]) -> None:
        self.values, self.codes = values, codes

    def __len__(self) -> int:
        return len(self.codes)

    def at(self, row: int) -> T_co | None:
        code = int(self.codes[row])
        return None if code < 0 else self.values[code]

    def take(self, rows: Rows) -> Codes[T_co]:
        return Codes(self.values, self.codes[rows])

    def __iter__(self) -> Iterator[T_co | None]:
        values = [*self.values, None]
        return chain.from_iterable(
            [values[code] for code in self.codes[first : first + _STEP].tolist()]
            for first in range(0, len(self), _STEP)
        )

    def counts(self) -> dict[T_co, int]:
        """How many rows have each value; values without rows are left out."""
        found = np.bincount(self.codes[self.codes >= 0], minlength=len(self.values)).tolist()
        return {value: count for value, count in zip(self.values, found, strict=True) if count}

    def mapped(self, change: Callable[[T_co], T | None]) -> Codes[T]:
        """The column of `change(value)`; equal new values become one."""
        new = CodesBuilder[T]()
        codes = new.codes_of(change(value) for value in self.values)
        return Codes(new.values(), np.array([*codes, -1], dtype=np.int32)[self.codes])

    def filled(self, value: Any) -> Codes[Any]:
        """The column with a value for the rows that have none."""
        values = [*self.values]
        place = values.index(value) if value in values else len(values)
        return Codes(values if place < len(values) else [*values, value], np.where(self.codes < 0, place, self.codes))

    def rows_of(self, wanted: Callable[[T_co], bool], without_value: bool) -> npt.NDArray[np.bool_]:
        """Whether each row's value is wanted; `without_value` is the answer for rows that have none."""
        chosen: npt.NDArray[np.bool_] = np.array([*map(wanted, self.values), without_value], dtype=bool)[self.codes]
        return chosen


@final
class Numbers(Column[tuple[float, ...] | None]):
    """Numbers (n, k) in float64; `known` (n,) is False where a row has none."""

    def __init__(self, values: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]) -> None:
        self.values, self.known = values, known

    def __len__(self) -> int:
        return len(self.known)

    def at(self, row: int) -> tuple[float, ...] | None:
        return tuple(self.values[row].tolist()) if self.known[row] else None

    def take(self, rows: Rows) -> Numbers:
        return Numbers(self.values[rows], self.known[rows])


@final
class Ragged(Column[npt.NDArray[np.int64]]):
    """Whole numbers of which each row has as many as it has: row i has those from `ends[i]` to `ends[i + 1]`."""

    def __init__(self, values: npt.NDArray[np.int64], ends: Rows) -> None:
        self.values, self.ends = values, ends

    def __len__(self) -> int:
        return len(self.ends) - 1

    def at(self, row: int) -> npt.NDArray[np.int64]:
        return self.values[self.ends[row] : self.ends[row + 1]]

    def take(self, rows: Rows) -> Ragged:
        return ragged_column(self.at(row) for row in rows.tolist())


@final
class Objects(Column[T_co]):
    """Values that are objects of their own, such as paths of pictures."""

    def __init__(self, values: Sequence[T_co]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def at(self, row: int) -> T_co:
        return self.values[row]

    def take(self, rows: Rows) -> Objects[T_co]:
        values = self.values
        return Objects([values[row] for row in rows.tolist()])


@final
class TextsBuilder:
    """Collects texts in little memory."""

    def __init__(self) -> None:
        self._data, self._sizes = bytearray(), [np.zeros(1, dtype=np.int64)]

    def extend(self, texts: Iterable[str]) -> None:
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        self._sizes.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        self._data += b"".join(encoded)

    def column(self) -> Texts:
        ends = np.cumsum(np.concatenate(self._sizes))
        return Texts(self._data, ends[:-1], ends[1:])


@final
class CodesBuilder(Generic[T]):
    """Collects values that repeat, and numbers them in the order in which they first appear."""

    def __init__(self) -> None:
        self._known: dict[T, int] = {}
        self._codes = array("i")

    def codes_of(self, values: Iterable[T | None]) -> list[int]:
        """The numbers of these values, -1 for None."""
        known = self._known
        return [-1 if value is None else known.setdefault(value, len(known)) for value in values]

    def extend(self, values: Iterable[T | None]) -> None:
        self._codes.extend(self.codes_of(values))

    def values(self) -> tuple[T, ...]:
        return tuple(self._known)

    def column(self) -> Codes[T]:
        return Codes(self.values(), np.array(self._codes, dtype=np.int32))


def ragged_column(rows: Iterable[npt.NDArray[np.int64]]) -> Ragged:
    """The column of these rows."""
    kept = [*rows]
    ends = np.cumsum([0, *map(len, kept)])
    return Ragged(np.concatenate([np.zeros(0, np.int64), *kept]), ends)


def texts_column(texts: Iterable[str]) -> Texts:
    """The column of these texts."""
    builder, iterator = TextsBuilder(), iter(texts)
    while piece := list(islice(iterator, _STEP)):
        builder.extend(piece)
    return builder.column()


def codes_column(values: Iterable[T | None]) -> Codes[T]:
    """The column of these values."""
    builder = CodesBuilder[T]()
    builder.extend(values)
    return builder.column()


def one_value(value: T, n: int) -> Codes[T]:
    """The column of n rows that all have this value."""
    return Codes((value,), np.zeros(n, dtype=np.int32))
