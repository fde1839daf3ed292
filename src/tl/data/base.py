"""What every data option gives: samples with targets, which one place turns into splits and one label map."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from tl.preprocess import Modality
from tl.space import Kind, Space

Raw = Path | str | tuple[str, str]
Target = str | tuple[str, ...] | tuple[float, ...] | None


@dataclass(frozen=True)
class Sample:
    """One row: `input` is an image path, a text or a pair of texts; `where` says where it was read for messages.

    `target` is a class name, a tuple of label names, a tuple of numbers, or None where it is not known. `split` is None
    where the source names none, `group` keeps samples that belong together in one split.
    """

    id: str
    input: Raw
    target: Target
    where: str
    split: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Split:
    """How samples without a split are divided: shares for val and test, stratified by class, whole groups together."""

    val: float
    test: float
    stratify: bool
    seed: int


class Common(TypedDict):
    """The keys that all data options share."""

    split: Split
    limit: int | None
    per_class: int | None
    classes: tuple[str, ...] | None
    balance: Literal["none", "weights", "sampling"]


@dataclass(frozen=True)
class Data:
    """Samples by split (train, val, test, and any other that the source names, such as target) and the output space."""

    modality: Modality
    space: Space
    splits: Mapping[str, tuple[Sample, ...]]
    balanced_sampling: bool
    fingerprint: str
    notes: tuple[str, ...]


class DataSource(ABC):
    """Where samples come from. `read` is cheap: it lists, and opens no picture."""

    modality: Modality
    kind: Kind

    def __init__(self, common: Common) -> None:
        self.common = common

    @abstractmethod
    def read(self) -> list[Sample]:
        """Every sample with a usable target, in a stable order; TLError names column, file and remedy."""

    def target_names(self) -> tuple[str, ...]:
        """The names of the numbers to predict, where the kind is number."""
        return ()


def digest(samples: Sequence[Sample]) -> str:
    """A hash over ids, inputs, targets and splits (contents of pictures by size, not by bytes)."""
    total = hashlib.sha256()
    for s in samples:
        size = s.input.stat().st_size if isinstance(s.input, Path) else 0
        name = s.input.name if isinstance(s.input, Path) else s.input
        total.update(repr((s.id, name, size, s.target, s.split)).encode())
    return total.hexdigest()[:16]
