"""One row of a data set: a picture, a text or a pair of either, with its target; and many rows in little memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tl.components.columns import (
    Codes,
    Column,
    Numbers,
    Objects,
    Pairs,
    Rows,
    Texts,
    codes_column,
    one_value,
    texts_column,
)


@dataclass(frozen=True)
class Picture:
    """A picture that has no file of its own, such as a cell of a table: `read` gives its bytes, as a file holds them.

    Pictures with the same `content_key` have the same bytes. `name` says in messages where the picture comes from.
    """

    name: str
    content_key: str
    read: Callable[[], bytes]


class Annotation(ABC):
    """A target that is neither one class, nor labels, nor numbers; it can be compared and hashed.

    `names` are the classes that occur in it, each once.
    """

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]: ...

    @abstractmethod
    def plain(self) -> Any:
        """The annotation as plain data, which JSON holds."""

    def of_classes(self, classes: Sequence[str]) -> Annotation:
        """The annotation without what is of other classes; the default, which has none, stays as it is."""
        return self


class Span(NamedTuple):
    """A stretch of a text, from character `begin` up to `end`, and its class."""

    begin: int
    end: int
    name: str


@dataclass(frozen=True)
class Spans(Annotation):
    """What is marked in a text, in the order of the text, and where the words of the text stand (begin, end)."""

    spans: tuple[Span, ...]
    words: tuple[tuple[int, int], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(span.name for span in self.spans))

    def plain(self) -> list[list[int | str]]:
        """[begin, end, class] of each span."""
        return [[*span] for span in self.spans]

    def of_classes(self, classes: Sequence[str]) -> Spans:
        """The same text with the spans of these classes."""
        return Spans(tuple(span for span in self.spans if span.name in classes), self.words)


@dataclass(frozen=True)
class Together(Annotation):
    """The target of a pair that is given because both halves belong together."""

    @property
    def names(self) -> tuple[str, ...]:
        return ()

    def plain(self) -> bool:
        return True


Single = Path | Picture | str
Raw = Single | tuple[str, str] | tuple[Path | Picture, Path | Picture]
Target = str | tuple[str, ...] | tuple[float, ...] | Annotation | None


@dataclass(frozen=True)
class Sample:
    """One row: `input` is a picture (a path or Picture), a text, or a pair of texts or of pictures.

    `target` is a class name, a tuple of label names, a tuple of numbers, an annotation, or None where it is not known.
    `where` says in messages where the sample comes from, such as a file and line. `split` is None where the source
    names no split. Samples of one `group` stay together in one split.
    """

    id: str
    input: Raw
    target: Target
    where: str
    split: str | None = None
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Samples(Column[Sample]):
    """Many samples, held as a column for each of their facts; a `Sample` is made when it is asked for.

    What looks at every sample should look at the columns, which takes a tenth of the time. `take` shares the memory of
    texts and names.
    """

    ids: Column[str]
    inputs: Texts | Pairs | Objects[Raw]
    targets: Codes[str | tuple[str, ...] | Annotation] | Numbers
    places: Column[str]
    splits: Codes[str]
    groups: Codes[str]

    @staticmethod
    def of(samples: Iterable[Sample]) -> Samples:
        """The columns of these samples."""
        match samples:
            case Samples():
                return samples
        rows = [*samples]
        return Samples(
            texts_column(s.id for s in rows),
            _inputs([s.input for s in rows]),
            _targets([s.target for s in rows]),
            texts_column(s.where for s in rows),
            codes_column(s.split for s in rows),
            codes_column(s.group for s in rows),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, row: int) -> Sample:
        return Sample(*(column[row] for column in self._columns()))

    def __iter__(self) -> Iterator[Sample]:
        return map(Sample, *self._columns())

    def __eq__(self, other: object) -> bool:
        match other:
            case Samples():
                return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))
        return False

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: Rows) -> Samples:
        """The samples of these rows, in their order."""
        return Samples(*(column.take(rows) for column in self._columns()))

    def chosen(self, chosen: npt.NDArray[np.bool_]) -> Samples:
        """The samples of the rows where `chosen` (n,) is true."""
        return self.take(np.flatnonzero(chosen))

    def in_split(self, name: str) -> Samples:
        """The samples, all in the split of this name."""
        return replace(self, splits=one_value(name, len(self)))

    @property
    def picture_pairs(self) -> bool:
        """True where the samples are pairs of pictures."""
        return not self.texts and len(self.inputs) > 0 and isinstance(self.inputs[0], tuple)

    @property
    def texts(self) -> tuple[Texts, ...]:
        """The column of texts, or the two columns of pairs; empty for pictures."""
        match self.inputs:
            case Texts() as texts:
                return (texts,)
            case Pairs() as pairs:
                return pairs.first, pairs.second
            case Objects() as objects if len(objects) and isinstance(halves_of(objects[0])[0], str):
                mixed = [one if isinstance(one, tuple) else (one, one) for one in objects]
                return texts_column(str(one) for one, _ in mixed), texts_column(str(two) for _, two in mixed)
        return ()

    def _columns(self) -> tuple[Any, ...]:
        return self.ids, self.inputs, self.targets, self.places, self.splits, self.groups


def plain_target(target: Target) -> Any:
    """A target as plain data, which JSON holds."""
    return target.plain() if isinstance(target, Annotation) else target


def texts_of(sample: Sample) -> tuple[str, ...]:
    """The text or the two texts of a sample; empty for a picture."""
    match sample.input:
        case str():
            return (sample.input,)
        case (str() as first, str() as second):
            return first, second
    return ()


def halves_of(given: Raw) -> tuple[Single, ...]:
    """The two halves of a pair; any other input by itself."""
    return given if isinstance(given, tuple) else (given,)


def _inputs(inputs: Sequence[Raw]) -> Texts | Pairs | Objects[Raw]:
    texts = [one for one in inputs if isinstance(one, str)]
    if len(texts) == len(inputs):
        return texts_column(texts)
    pairs = [one for one in inputs if isinstance(one, tuple)]
    halves = [[str(half) for half in one if isinstance(half, str)] for one in pairs]
    if len(pairs) == len(inputs) and all(len(one) == len(pair) for one, pair in zip(halves, pairs, strict=True)):
        return Pairs(*(texts_column(one[place] for one in halves) for place in (0, 1)))
    return Objects(inputs)


def _targets(targets: Sequence[Target]) -> Codes[str | tuple[str, ...] | Annotation] | Numbers:
    known = [target for target in targets if target is not None]
    rows = [target for target in known if isinstance(target, tuple) and target and not isinstance(target[0], str)]
    if not rows or len(rows) < len(known):
        return codes_column(targets)  # type: ignore[arg-type]
    width = len(rows[0])
    values = [(np.nan,) * width if target is None else target for target in targets]
    return Numbers(np.array(values, dtype=np.float64), np.array([target is not None for target in targets]))
