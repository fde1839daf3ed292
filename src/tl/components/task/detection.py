"""Boxes around the things in a picture, each with a class."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

import numpy as np
import numpy.typing as npt

from tl.components.columns import Ragged, ragged_column
from tl.components.data.base import Common as DataCommon
from tl.components.data.boxes import Boxes
from tl.components.data.labels import with_marks
from tl.components.picture import open_image, upright_size
from tl.components.preprocess import ImagePreprocess, Preprocess
from tl.components.sample import Sample, Samples
from tl.components.task.base import AnswerTable, Offsets, Task
from tl.components.task.boxed import boxes_card
from tl.components.task.drawn import DrawnBox, with_boxes
from tl.components.task.judged import SHOWN, Judged, Kept
from tl.components.task.sections import class_table
from tl.errors import TLError
from tl.family import LossOptions
from tl.metrics.boxes import MeasuredBoxes
from tl.metrics.measured import Measured, Prior
from tl.metrics.overlaps import Answered, Found, Truth, matched, wrong_boxes
from tl.report.blocks import Block, Gallery, Heading, Section, Words
from tl.report.words import counted
from tl.space import IGNORED, Form, Kind, Space

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from tl.components.head.base import Head
    from tl.components.overlay import Overlay

_FRAME, _UNJUDGED = -2, -1
_SEEN, _LEAST_SIDE = 1 / 3, 1.0


@final
class Detection(Task):
    """A head answers at anchors (components/anchored.py).

    A picture's target (1 + M, 5) has a row for each box: its sides, and its class.

    The first row is the frame of the whole picture, whose class is -2: by it, boxes that are found are put back to the
    pixels of the picture. The class of a box that is not judged is -1, also where an augmented picture shows less than
    a third of it. The loss of a picture weighs as much as it has rows, and that of a batch is the mean over all rows.

    Metrics see up to `most` boxes a picture of which no two of a class overlap by more than `overlap`; `sure` is the
    least score of those that are answers.
    """

    takes: ClassVar[str] = "boxes"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "multi"
    draws: ClassVar[bool] = True
    asks: ClassVar[str] = "boxes at anchors"
    reads: ClassVar[Form] = "maps"
    word: ClassVar[str] = "boxes"
    noun: ClassVar[str] = "class"
    one_class: ClassVar[bool] = False
    has_classes: ClassVar[bool] = True
    weighs: ClassVar[bool] = False
    measures: ClassVar[type[Measured]] = MeasuredBoxes

    def __init__(
        self,
        *,
        fit: Literal["whole", "letterbox"],
        alpha: Annotated[float, "above 0 to below 1"],
        gamma: Annotated[float, "at least 0"],
        least: Annotated[float, "0 to below 1"],
        overlap: Annotated[float, "above 0 to 1"],
        most: Annotated[int, "at least 1"],
        sure: Annotated[float, "0 to 1"],
    ) -> None:
        super().__init__(LossOptions())
        self.fitting, self.alpha, self.gamma = fit, alpha, gamma
        self.least, self.overlapping, self.most, self.sure = least, overlap, most, sure

    # The inputs and the targets of samples.

    def prepared(self, preprocess: Preprocess) -> Preprocess:
        """Pictures as a whole, since a crop of the centre would cut boxes away."""
        assert isinstance(preprocess, ImagePreprocess), "only pictures have boxes"
        return replace(preprocess, fit=self.fitting)

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples:
        """All samples, each with its boxes of these classes."""
        return with_marks(samples, classes)

    def check_enough(self, names: Sequence[str]) -> None:
        if not names:
            raise TLError("No training picture has a box: there is nothing to learn.")

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        self.space = Space("multi", names)
        return self.space

    def targets(self, samples: Samples, offsets: Offsets = ()) -> Ragged:
        """The class of each box of each picture."""
        return ragged_column(np.array(self._classes(sample), np.int64) for sample in samples)

    def _classes(self, sample: Sample) -> list[int]:
        """The class of each box, -1 for boxes that are not judged."""
        self.check_known(sample.target)
        numbers = {name: number for number, name in enumerate(self.space.names)}
        return [numbers[box.name] if box.judged else _UNJUDGED for box in boxes_of(sample)]

    def count(self, sample: Sample) -> int:
        return 1 + len(boxes_of(sample))

    def overlay(self, sample: Sample) -> Overlay:
        from tl.components.overlay import boxes_on

        width, height = size = size_of(sample)
        return boxes_on([(0, 0, width, height), *(box[:4] for box in boxes_of(sample))], size)

    def placed(self, sample: Sample, overlay: Overlay) -> Tensor:
        import torch
        from torchvision.tv_tensors import BoundingBoxes

        assert isinstance(overlay, BoundingBoxes), "this task lays boxes over pictures"
        sides = torch.as_tensor(overlay).as_subclass(torch.Tensor)
        height, width = overlay.canvas_size
        inside = sides.clamp(min=torch.zeros(4), max=torch.tensor([width, height, width, height]))
        classes = torch.tensor([_FRAME, *self._classes(sample)])
        small = (inside[:, 2:] - inside[:, :2]).amin(dim=1) < _LEAST_SIDE
        hidden = _area(inside) < _SEEN * _area(sides)
        inside[0] = sides[0]
        classes[(small | hidden) & (classes != _FRAME)] = _UNJUDGED
        return torch.cat([inside, classes[:, None].float()], dim=1)

    # Learning.

    def loss(self, head: Head, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        import torch

        from tl.components.anchored import Anchored, Focus, picture_loss

        losses, counts = [], (target[..., 4] != IGNORED).sum(dim=1)
        for answer, rows in zip(output, target, strict=True):
            sides, classes = rows[:, :4], rows[:, 4].long()
            true, unjudged = sides[classes >= 0], sides[classes == _UNJUDGED]
            focus = Focus(self.alpha, self.gamma)
            losses.append(picture_loss(Anchored.of(answer), true, classes[classes >= 0], unjudged, focus))
        return {"task": (torch.stack(losses) * counts).sum() / counts.sum()}

    # Judging.

    def keep(self, head: Head, output: Tensor, target: Tensor, samples: Samples) -> Kept:
        """The answers are what was found in each picture, matched with what is there; the rows (N,) are nan where an
        output of the model was not finite, and 0 elsewhere."""
        import torch

        from tl.components.anchored import Anchored, surest

        answers = []
        for sample, answer, frame in zip(samples, output.float(), target[:, 0, :4], strict=True):
            found = surest(Anchored.of(answer), frame, self.least, self.overlapping, self.most)
            sides, scores, classes = (one.cpu().numpy() for one in found)
            low, high = frame.cpu().numpy().reshape(2, 2).astype(np.float64)
            scale = np.array(size_of(sample)) / (high - low)
            sides = (sides.reshape(-1, 2, 2) - low) * scale
            there = self._truth(sample)
            pixels = there._replace(sides=there.sides * np.tile(size_of(sample), 2))
            said = matched(sides.reshape(-1, 4), scores.astype(np.float64), classes, *pixels)
            answers.append(Answered(said, there))
        finite = output.detach().flatten(1).isfinite().all(1).cpu()
        return Kept(
            torch.zeros(len(answers)).masked_fill(~finite, torch.nan), torch.zeros(len(answers)), tuple(answers)
        )

    def _truth(self, sample: Sample) -> Truth:
        boxes = boxes_of(sample)
        sides = np.array([box[:4] for box in boxes], np.float64).reshape(-1, 4) / np.tile(size_of(sample), 2)
        classes = np.array([self.space.names.index(box.name) for box in boxes], np.int64)
        return Truth(sides, classes, np.array([box.judged for box in boxes], bool))

    def nothing(self, head: Head) -> Kept:
        import torch

        return Kept(torch.zeros(0), torch.zeros(0))

    def measured(self, head: Head, kept: Kept, temperature: float = 1.0) -> MeasuredBoxes:
        return MeasuredBoxes(kept.answers, self.space.names, self.sure, bool(kept.rows.isfinite().all()))

    def prior(self, parts: Sequence[Samples]) -> Prior:
        return MeasuredBoxes.prior([self._truth(sample) for part in parts for sample in part if boxes_of(sample)])

    def answer_counts(self, found: Measured) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        assert isinstance(found, MeasuredBoxes)
        return found.true.sum(axis=0), found.answered()[0]

    def table(self, samples: Sequence[Sample], kept: Kept, found: Measured, most: float) -> AnswerTable:
        pairs = zip(samples, self.answers(samples, kept, found), strict=True)
        rows = [
            [s.id, *map(_written, (s.target.plain() if isinstance(s.target, Boxes) else [], one["predicted"]))]
            for s, one in pairs
        ]
        return AnswerTable(["id", "true", "predicted"], rows)

    def columns(self) -> list[str]:
        return ["id", "predicted"]

    def cells(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[list[Any]]:
        answers = self.answers(samples, kept, found)
        return ([sample.id, answer["predicted"]] for sample, answer in zip(samples, answers, strict=True))

    def answers(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[dict[str, Any]]:
        """The sure boxes, the surest first: class, score, and sides in pixels of the upright picture."""
        for one in kept.answers:
            yield {"predicted": [*self._answered(one.found)]}

    def _answered(self, found: Found) -> Iterator[dict[str, Any]]:
        for sides, score, number in zip(found.sides, found.scores, found.classes, strict=True):
            if score >= self.sure:
                box = [round(float(side), 2) for side in sides]
                yield {"class": self.space.names[int(number)], "score": round(float(score), 6), "box": box}

    def drawn(self, sample: Sample, answer: Any, preprocess: Preprocess) -> Image:
        found = answer.found
        sure = [i for i, score in enumerate(found.scores) if score >= self.sure]
        labels = (f"{self.space.names[int(found.classes[i])]} {found.scores[i]:.2f}" for i in sure)
        marks = [
            DrawnBox(found.sides[i].tolist(), label, int(found.classes[i]))
            for i, label in zip(sure, labels, strict=True)
        ]
        return with_boxes(open_image(sample.input), marks)

    def skill(self) -> str:
        return f"find {counted(self.space.dim, 'kinds of things')}"

    def findings(self, judged: Judged | None) -> list[Section]:
        """Scores by class, and the pictures with the most boxes that are missed or made up, these marked."""
        if judged is None:
            return [Section("errors", "Errors", "Where it errs", [Words("No picture was judged.", "empty")])]
        assert isinstance(judged.found, MeasuredBoxes)
        truth = [boxes_of(sample) for sample in judged.samples]
        wrong = [
            wrong_boxes(one, sum(box.judged for box in true), self.sure)
            for one, true in zip(judged.found.found, truth, strict=True)
        ]
        order = np.argsort(-np.array(wrong, np.int64), kind="stable")
        worst = [int(i) for i in order[:SHOWN] if wrong[i]]
        blocks: list[Block] = [*class_table(judged.found.per_class(), self.noun, "boxes"), Heading("Mistakes")]
        note = (
            f"A box counts from a score of {self.sure:g} on, and is right where it overlaps one of its class by half."
        )
        if worst:
            lead = f"The {counted(len(worst), 'pictures')} with the most boxes missed or made up. {note}"
            cards = [boxes_card(judged, i, boxes_of(judged.samples[i]), self.space.names, self.sure) for i in worst]
            blocks += [Words(lead, "lead"), Gallery(cards)]
        else:
            blocks.append(Words("Not one wrong box on this split.", "empty"))
        return [Section("errors", "Errors", "Where it errs", blocks)]


def boxes_of(sample: Sample) -> tuple[Any, ...]:
    """The true boxes of a picture; () where they are not known."""
    return sample.target.boxes if isinstance(sample.target, Boxes) else ()


def size_of(sample: Sample) -> tuple[int, int]:
    """The width and height of a sample's upright picture."""
    return sample.target.size if isinstance(sample.target, Boxes) else upright_size(sample.input)


def _area(sides: Tensor) -> Tensor:
    return (sides[:, 2:] - sides[:, :2]).clamp(min=0).prod(dim=1)


def _written(boxes: list[dict[str, Any]]) -> str:
    return json.dumps(boxes, ensure_ascii=False)
