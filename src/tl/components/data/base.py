"""What every data option gives: samples with targets, which one place turns into splits and one label map."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

from tl.components.preprocess import Modality
from tl.components.sample import Picture, Sample
from tl.errors import TLError
from tl.space import Kind, Space

LABELLED = ("train", "val", "test")
_CANONICAL = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test", "eval": "test"}


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
    on_error: Literal["stop", "skip"]
    skip_limit: float


@dataclass(frozen=True)
class Data:
    """Samples by split (train, val, test, and any other that the source names, such as target) and the output space.

    `skipped` has a sentence on each sample that could not be used.
    """

    modality: Modality
    space: Space
    splits: Mapping[str, tuple[Sample, ...]]
    balanced_sampling: bool
    fingerprint: str
    notes: tuple[str, ...]
    skipped: tuple[str, ...] = ()


class DataSource(ABC):
    """Where samples come from. `read` is cheap: it lists, and opens no picture."""

    modality: Modality
    kind: Kind

    def __init__(self, common: Common) -> None:
        self.common = common
        self.notes: list[str] = []
        self.skipped: list[str] = []
        self.skipped_names: set[str] = set()

    @abstractmethod
    def read(self) -> list[Sample]:
        """Every sample, ids unique, in a stable order; `notes` gets what was skipped; TLError names the remedy."""

    def attempt(self, make: Callable[[], Sample], names: Callable[[], Iterable[str]]) -> Iterator[Sample]:
        """The sample that `make` makes; none where that fails and the recipe leaves out what cannot be used.

        `names` then gives the classes of what is left out, as far as they can be told.
        """
        try:
            made = make()
        except TLError as error:
            if self.common["on_error"] == "stop":
                raise
            self.skipped.append(str(error))
            self.skipped_names.update(names())
        else:
            yield made

    def target_names(self) -> tuple[str, ...]:
        """The names of the numbers to predict, where the kind is number."""
        return ()


def digest(samples: Sequence[Sample]) -> str:
    """A hash over ids, inputs, targets and splits (contents of picture files by size, not by bytes)."""
    total = hashlib.sha256()
    for s in samples:
        match s.input:
            case Path():
                content: object = (s.input.name, s.input.stat().st_size)
            case Picture():
                content = s.input.content_key
            case _:
                content = s.input
        total.update(repr((s.id, content, s.target, s.split)).encode())
    return total.hexdigest()[:16]


def canonical(split: str) -> str:
    """The name of a split as `tl` uses it: train, val or test for their synonyms, any other name as it is."""
    name = split.strip().lower()
    name = _CANONICAL.get(name, name)
    return name if name in LABELLED else split.strip()
