"""What is predicted: from the targets of samples to an output space, and from a head's outputs to a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from tl.components.columns import Ragged
from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import SplitLists, label_map, names_of, with_classes
from tl.components.preprocess import Preprocess
from tl.components.sample import Sample, Samples, Target
from tl.components.task.judged import Judged, Kept
from tl.errors import TLError, did_you_mean
from tl.family import LossOptions
from tl.metrics.measured import Measured, Prior
from tl.report.blocks import Section
from tl.space import IGNORED, Form, Kind, Space

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from tl.components.head.base import Head
    from tl.components.overlay import Overlay


Offsets = Iterable[Sequence[tuple[int, int]]]
"""For each text the characters (begin, end) of its tokens."""


MOST_COLUMNS = 1000
"""A table of answers has a column for each class only up to this number of classes."""


class AnswerTable(NamedTuple):
    """The names of columns, and rows of as many values."""

    header: list[str]
    rows: list[list[Any]]


class Common(TypedDict):
    """The keys that tasks with classes share."""

    label_smoothing: Annotated[float, "0 to below 1"]
    focal_gamma: Annotated[float, "at least 0"]


class Task(ABC):
    """What a run predicts; `space` is what its heads answer in, known after `fit` or `restore`.

    `takes` is the kind of target that the data must give, and `word` what each sample then has, as messages say it.
    Where `usual` is true, `task: auto` means this task for such data. `gives` is the kind of the output space, `reads`
    the form of the features that a head gets. `noun` is what is counted in the targets: classes, labels, numbers.

    Nothing here imports torch before there is a tensor: `tl check` must stay quick.
    """

    takes: ClassVar[str]
    usual: ClassVar[bool]
    gives: ClassVar[Kind]
    reads: ClassVar[Form]
    word: ClassVar[str]
    draws: ClassVar[bool] = False
    """True where `drawn` draws what was answered over a picture."""
    asks: ClassVar[str] = "outputs"
    """What a head must give: outputs of the space, at each place or token; or what only some heads do (`answers`)."""
    noun: ClassVar[str]
    one_class: ClassVar[bool]
    """True where each sample has exactly one class, so that samples can be counted and drawn by class."""
    has_classes: ClassVar[bool]
    """True where targets hold names of classes, so that they can be counted and chosen."""
    measures: ClassVar[type[Measured]]
    """The type of answer, with its metrics."""
    weighs: ClassVar[bool]
    """True where data.balance=weights has a meaning."""
    untrained: ClassVar[bool] = False
    """True where a pretrained backbone can answer without a step (zero-shot), so that a run says how well it does."""
    compares: ClassVar[bool] = False
    """True where the loss compares the samples of a piece with each other, so that the size of a piece counts."""
    width: int = 0
    """The number of features of a vector; known once a model is built for the task."""
    space: Space

    def __init__(self, options: LossOptions) -> None:
        self.options = options

    # The inputs and the targets of samples.

    def prepared(self, preprocess: Preprocess) -> Preprocess:
        """How inputs are prepared for this task; the default is as the backbone was trained."""
        return preprocess

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

    @property
    def counted(self) -> tuple[str, ...]:
        """The classes that targets are counted by; by default the names of the outputs."""
        return self.space.names

    def check_known(self, target: Target) -> None:
        """TLError where a target names a class that was not learnt."""
        strange = next((name for name in names_of(target) if name not in self.counted), None)
        if strange is not None:
            raise TLError(f"The class '{strange}' is none that was learnt.{did_you_mean(strange, self.counted)}")

    @abstractmethod
    def targets(self, samples: Samples, offsets: Offsets = ()) -> npt.NDArray[Any] | Ragged:
        """The targets (n, ...) of all samples as the loss takes them; TLError for a class that was not learnt.

        `offsets` are the characters of each text's tokens, for tasks that read tokens.
        """

    def overlay(self, sample: Sample) -> Overlay:
        """What is cropped and augmented with a sample's picture, where a task has such a thing: a mask or boxes.

        A mask has a byte for each pixel: 1 + its class, 0 where none is known.
        """
        raise NotImplementedError

    @property
    def overlaid(self) -> bool:
        """True where the task defines `overlay`; else its targets are those of `targets`."""
        return type(self).overlay is not Task.overlay

    def placed(self, sample: Sample, overlay: Overlay) -> Tensor:
        """The target of a sample whose overlay was moved with its picture; the default is that of masks.

        These give the class of each pixel (H, W), IGNORED where none is known.
        """
        import torch

        classes = torch.from_numpy(np.asarray(overlay, np.int64)) - 1
        return classes.masked_fill_(classes < 0, IGNORED)

    def count(self, sample: Sample) -> int | None:
        """How many targets the loss counts in a picture; None where each counts as one.

        The share of its pieces in a step's loss follows from that, so the loss of a piece is a mean over its targets.
        """
        return None

    # Learning.

    def loss(self, head: Head, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Named terms of the loss, each a mean over the batch, whose sum is minimised; the default is the head's."""
        return {"task": head.loss(output, target)}

    def flat(self, features: Any, target: Tensor) -> tuple[Tensor, Tensor]:
        """Features (M, D) and targets (M, ...) of every single target of a batch, for a head's closed-form start.

        Of maps, `features` are a tuple, and those of a target are side by side.
        """
        return features, target

    # Judging.

    def keep(self, head: Head, output: Tensor, target: Tensor, samples: Samples) -> Kept:
        """What evaluation keeps of a batch's outputs; the default is the outputs and the targets."""
        return Kept(output.float().cpu(), target.cpu())

    def nothing(self, head: Head) -> Kept:
        """What evaluation keeps of no sample."""
        import torch

        return Kept(torch.empty(0, self.space.dim), head.family.no_target(self.space.dim))

    @abstractmethod
    def measured(self, head: Head, kept: Kept, temperature: float = 1.0) -> Measured:
        """What metrics see of the kept samples."""

    def fit_temperature(self, head: Head, kept: Kept) -> float:
        """The temperature that fits confidence to accuracy on these samples; 1 where there is none to fit."""
        return 1.0

    def prior(self, parts: Sequence[Samples]) -> Prior:
        """What the true answers are like, from samples that are not judged: all that a guess may know."""
        return Prior.of_nothing()

    def lone_answer(self, found: Measured) -> str:
        """The class that all samples are answered with, though they have several; '' where there is none."""
        return ""

    def never_answered(self, found: Measured) -> Iterator[tuple[str, int]]:
        """Classes that occur and are never answered, with how often they occur; the most frequent ones first."""
        support, said = self.answer_counts(found)
        for i in (-support).argsort(kind="stable"):
            if support[i] and not said[i]:
                yield self.counted[int(i)], int(support[i])

    @abstractmethod
    def answer_counts(self, found: Measured) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """How often each of the `counted` is true, and how often it is answered, (C,) each; empty without classes."""

    # Answers, as tables and as plain data.

    @abstractmethod
    def table(self, samples: Sequence[Sample], kept: Kept, found: Measured, most: float) -> AnswerTable:
        """For each sample its id, what is true, what is answered, and scores: one for each of up to `most` outputs."""

    @abstractmethod
    def columns(self) -> list[str]:
        """The columns of a file of answers, of which the first is the id."""

    @abstractmethod
    def cells(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[list[Any]]:
        """For each sample the values of `columns`."""

    @abstractmethod
    def answers(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[dict[str, Any]]:
        """For each sample what is answered, by name; `predicted` is always there."""

    def drawn(self, sample: Sample, answer: Any, preprocess: Preprocess) -> Image:
        """A sample's picture with what was kept as its answer (`Kept.answers`) drawn over it, where `draws` is true."""
        raise TLError(f"{type(self).__name__} draws nothing over pictures.")

    # The report.

    @abstractmethod
    def skill(self) -> str:
        """What a model was to do, as the verdict says it; '' where there is nothing to tell apart."""

    @abstractmethod
    def findings(self, judged: Judged | None) -> list[Section]:
        """The report's sections about single answers; `judged` is None where no split judges the run."""
