"""One row of a data set: a picture, a text or a pair of texts, with its target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """A picture that has no file of its own, such as a cell of a table: `read` gives its bytes, as a file holds them.

    Pictures with the same `content_key` have the same bytes. `name` says in messages where the picture comes from.
    """

    name: str
    content_key: str
    read: Callable[[], bytes]


Raw = Path | Picture | str | tuple[str, str]
Target = str | tuple[str, ...] | tuple[float, ...] | None


@dataclass(frozen=True)
class Sample:
    """One row: `input` is a picture (a path or Picture), a text or a pair of texts.

    `target` is a class name, a tuple of label names, a tuple of numbers, or None where the target is not known. `where`
    says in messages where the sample comes from, such as a file and line. `split` is None where the source names no
    split. Samples of one `group` stay together in one split.
    """

    id: str
    input: Raw
    target: Target
    where: str
    split: str | None = None
    group: str | None = None


def texts_of(sample: Sample) -> tuple[str, ...]:
    """The text or the two texts of a sample; empty for a picture."""
    match sample.input:
        case str():
            return (sample.input,)
        case (str() as first, str() as second):
            return first, second
    return ()
