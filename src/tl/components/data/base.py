"""What a data option is: a class that lists samples. `splits.py` turns the samples into splits and one label map."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypedDict

import numpy as np
import numpy.typing as npt

from tl.components.columns import Ragged
from tl.components.data.order import natural_order
from tl.components.preprocess import Modality
from tl.components.sample import Picture, Sample, Samples
from tl.errors import MachineFault, TLError
from tl.metrics.measured import Measured
from tl.space import Form, Space

LABELLED_SPLITS = ("train", "val", "test")
Purpose = Literal["training", "evaluation", "prediction"]
"""What samples are read for. Evaluation needs inputs and targets, prediction needs inputs; groups and splits are
training's, and so are ids, which are read where the data has them."""
_SYNONYMS = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test", "eval": "test"}


@dataclass(frozen=True)
class Division:
    """How samples that name no split are divided: the shares of val and test, from 0 to 1; train gets the rest.

    With `test: val`, the split that the data calls val is the test, and val is cut from train. With `stratify`, each
    class is divided in these shares. A group of samples always stays together, and samples with the same input do
    unless `duplicates` says apart. Groups are dealt in a random order, or by size, the largest first: then these are
    always in train, as in older runs.
    """

    val: Annotated[float, "0 to below 1"]
    test: Annotated[float, "0 to below 1"] | Literal["val"]
    stratify: bool
    duplicates: Literal["together", "apart"]
    groups: Literal["shuffled", "by_size"]
    seed: Annotated[int, "any"]


class Common(TypedDict):
    """The keys that all data options share (recipes/data/_common.yaml)."""

    split: Division
    limit: Annotated[int, "at least 2"] | None
    per_class: Annotated[int, "at least 1"] | None
    classes: tuple[str, ...] | None
    missing: tuple[str, ...]
    balance: Literal["none", "weights", "sampling"]
    on_error: Literal["stop", "skip"]
    skip_limit: Annotated[float, "0 to 1"]


class Predicted(Protocol):
    """What the data asks of the task (components/task/base.py says more of each)."""

    @property
    def one_class(self) -> bool: ...

    @property
    def has_classes(self) -> bool: ...

    @property
    def measures(self) -> type[Measured]: ...

    @property
    def weighs(self) -> bool: ...

    @property
    def reads(self) -> Form: ...

    @property
    def word(self) -> str: ...

    @property
    def noun(self) -> str: ...

    @property
    def counted(self) -> tuple[str, ...]: ...

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples: ...

    def classes(self, splits: dict[str, Samples], columns: Sequence[str], notes: list[str]) -> tuple[str, ...]: ...

    def fit(self, names: tuple[str, ...], train: Samples, common: Common) -> Space: ...

    def targets(self, samples: Samples) -> npt.NDArray[Any] | Ragged: ...


@dataclass(frozen=True)
class Data:
    """What a run reads: the samples of each split, what is predicted of them, and its output space.

    `target` is the kind of the samples' targets. Splits are train, val, test, and any other split that the source
    names, such as target. `skipped` has a sentence on each sample that could not be used.
    """

    modality: Modality
    target: str
    task: Predicted = field(compare=False)
    space: Space
    splits: Mapping[str, Samples]
    balanced_sampling: bool
    fingerprint: str
    notes: tuple[str, ...]
    skipped: tuple[str, ...] = ()


class DataSource(ABC):
    """The base class of every data option: `read` lists its samples, with what `purpose` needs of each.

    `modality` is the type of input: image or text. `kind` is the type of target, which a task `takes`: one class
    (single), several labels (multi), or numbers (number). Both are class attributes; where they depend on keys of the
    recipe, `__init__` sets them. Other code looks for three keys by their names: the path of the data is `root` or
    `file`, which `tl evaluate --data` replaces, and where `pair` is set, `tl predict` takes pairs of texts.
    """

    modality: Modality
    kind: str

    def __init__(self, common: Common) -> None:
        self.common = common
        self.purpose: Purpose = "training"
        self.notes: list[str] = []
        self.skipped: list[str] = []
        self.skipped_classes: set[str] = set()

    @abstractmethod
    def read(self) -> Sequence[Sample]:
        """Every sample, in the same order each time, with an id that no other sample has; opens no picture.

        Files that are no samples are passed over with a sentence in `notes`. TLError where the data cannot be read.
        """

    def parts(self, size: int) -> Iterator[Sequence[Sample]]:
        """The samples of `read` in parts of this size, the last one smaller; not all need be in memory at once."""
        samples = self.read()
        return (samples[first : first + size] for first in range(0, len(samples), size))

    def sample_or_skip(
        self, make: Callable[[], Sample], classes: Callable[[], Iterable[str]] = tuple
    ) -> Iterator[Sample]:
        """The sample that `make` makes; no sample where `make` raises TLError and the recipe says data.on_error=skip.

        A fault of the machine is raised all the same, since the sample may be sound.
        `classes` then gives the classes of the skipped sample, as far as they can be told; the default gives none.
        """
        try:
            made = make()
        except MachineFault:
            raise
        except TLError as error:
            if self.common["on_error"] == "stop":
                raise
            self.skipped.append(str(error))
            self.skipped_classes.update(classes())
        else:
            yield made

    def target_names(self) -> tuple[str, ...]:
        """The names of the numbers to predict; empty for any other target."""
        return ()


def data_fingerprint(splits: Mapping[str, Samples]) -> str:
    """A hash over ids, inputs, targets and splits; of a picture file, name and size are hashed instead of its bytes.

    The samples of each split are in natural order.
    """
    total = hashlib.sha256()
    rows = [zip(s.ids, s.inputs, s.targets, strict=True) for s in splits.values()]
    order = natural_order(*(samples.ids for samples in splits.values()))
    of_row = np.repeat(np.arange(len(rows), dtype=np.uint16), [len(samples) for samples in splits.values()])[order]
    names = [*splits]
    for number in of_row:
        name, source, target = next(rows[number])
        match source:
            case Path() | Picture():
                content: object = _of_picture(source)
            case (Path() | Picture(), _):
                content = tuple(_of_picture(half) for half in source)
            case _:
                content = source
        total.update(repr((name, content, target, names[number])).encode())
    return total.hexdigest()[:16]


def _of_picture(picture: Path | Picture) -> object:
    """What is hashed of a picture instead of its bytes."""
    return (picture.name, picture.stat().st_size) if isinstance(picture, Path) else picture.content_key


def standard_split_name(split: str) -> str:
    """The name of a split as `tl` uses it: train, val or test for their synonyms, any other name as it is."""
    name = split.strip().lower()
    name = _SYNONYMS.get(name, name)
    return name if name in LABELLED_SPLITS else split.strip()
