"""One row of a data set: a picture, a text or a pair of texts, with its target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Picture:
    """A picture that is no file of its own: `read` gives the bytes of a PNG or JPEG, which `content_key` tells apart.

    `name` tells its origin in messages.
    """

    name: str
    content_key: str
    read: Callable[[], bytes]


Raw = Path | Picture | str | tuple[str, str]
Target = str | tuple[str, ...] | tuple[float, ...] | None


@dataclass(frozen=True)
class Sample:
    """One row: `input` is a picture (a path or Picture), a text or a pair of texts; `where` tells its origin.

    `target` is a class name, a tuple of label names, a tuple of numbers, or None where it is not known. `split` is None
    where the source names none, `group` keeps samples that belong together in one split.
    """

    id: str
    input: Raw
    target: Target
    where: str
    split: str | None = None
    group: str | None = None


def texts_of(sample: Sample) -> tuple[str, ...]:
    """The text or the two texts of a sample; none of a picture."""
    match sample.input:
        case str():
            return (sample.input,)
        case (str() as first, str() as second):
            return first, second
    return ()
