"""What is predicted: from the targets of samples to an output space, and from a head's outputs to a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypedDict

import numpy.typing as npt

from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import SplitLists, label_map, names_of, with_classes
from tl.components.sample import Samples, Target
from tl.errors import TLError, did_you_mean
from tl.family import LossOptions
from tl.space import Kind, Space

if TYPE_CHECKING:
    from torch import Tensor

    from tl.components.head.base import Head


class Common(TypedDict):
    """The keys that tasks with classes share."""

    label_smoothing: Annotated[float, "0 to below 1"]
    focal_gamma: Annotated[float, "at least 0"]


class Task(ABC):
    """What a run predicts; `space` is what its heads answer in, known after `fit` or `restore`.

    `takes` is the kind of target that the data must give, and `word` what each sample then has, as messages say it.
    Where `usual` is true, `task: auto` means this task for such data. `gives` is the kind of the output space, `reads`
    the form of the features that a head gets: one vector for each sample is `pooled`. `noun` is what one output stands
    for: a class, a label, a number.

    Nothing here imports torch before there is a tensor: `tl check` must stay quick.
    """

    takes: ClassVar[str]
    usual: ClassVar[bool]
    gives: ClassVar[Kind]
    reads: ClassVar[Literal["pooled"]]
    word: ClassVar[str]
    noun: ClassVar[str]
    one_class: ClassVar[bool]
    """True where each sample has exactly one class, so that samples can be counted and drawn by class."""
    has_classes: ClassVar[bool]
    """True where targets hold names of classes, so that they can be counted, chosen and weighed."""
    space: Space

    def __init__(self, options: LossOptions) -> None:
        self.options = options

    # The targets of samples.

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples:
        """The samples of these classes (data.classes), and those without a target; TLError for an unknown class."""
        return with_classes(samples, classes)

    def classes(self, splits: SplitLists, columns: Sequence[str], notes: list[str]) -> tuple[str, ...]:
        """The names of the outputs, in order, from the training targets; `columns` are the names of numbers.

        TLError where there are too few, or where val or test holds a class that train lacks.
        """
        return label_map(splits, self.check_enough, notes)

    @abstractmethod
    def check_enough(self, names: Sequence[str]) -> None:
        """TLError where there are too few classes to learn."""

    @abstractmethod
    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        """Set and give the space of these names, with what the training targets tell of it."""

    def restore(self, space: Space) -> None:
        """Set the space of a run that was trained before."""
        self.space = space

    def check_known(self, target: Target) -> None:
        """TLError where a target names a class that was not learnt."""
        strange = next((name for name in names_of(target) if name not in self.space.names), None)
        if strange is not None:
            raise TLError(f"The class '{strange}' is none that was learnt.{did_you_mean(strange, self.space.names)}")

    @abstractmethod
    def targets(self, samples: Samples) -> npt.NDArray[Any]:
        """The targets (n, ...) of all samples as the loss takes them; TLError for a class that was not learnt."""

    @property
    @abstractmethod
    def unknown(self) -> float:
        """What stands in a table of targets for that of a sample without one."""

    # Learning.

    def loss(self, head: Head, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Named terms of the loss, each a mean over the batch, whose sum is minimised; the default is the head's."""
        return {"task": head.loss(output, target)}
