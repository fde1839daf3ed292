"""A class for each pixel of a picture."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack, final

import numpy as np
import numpy.typing as npt

from tl.components.columns import Ragged, ragged_column
from tl.components.data.base import Common as DataCommon
from tl.components.data.labels import with_marks
from tl.components.data.masks import MOST_CLASSES, Mask
from tl.components.picture import open_image
from tl.components.preprocess import ImagePreprocess, Preprocess
from tl.components.sample import Sample, Samples
from tl.components.task.base import AnswerTable, Common, Offsets, Task
from tl.components.task.drawn import with_classes
from tl.components.task.judged import SHOWN, Judged, Kept
from tl.components.task.overlay import overlay_card
from tl.components.task.sections import class_table
from tl.errors import TLError
from tl.family import LossOptions
from tl.metrics.measured import Measured, Prior
from tl.metrics.pixels import MeasuredPixels
from tl.report.blocks import Block, Gallery, Heading, Section, Words
from tl.report.words import counted
from tl.space import IGNORED, Form, Kind, Space

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from tl.components.head.base import Head


@final
class Segmentation(Task):
    """A head answers at the places of a map; its outputs are interpolated to the pixels of the cropped picture.

    The loss is the mean over the judged pixels of a picture, and then over pictures: so a picture counts as much as
    another, however much of it is judged, and pieces of a batch add up. What is scored is what evaluation sees of a
    picture, its centre crop.
    """

    takes: ClassVar[str] = "mask"
    usual: ClassVar[bool] = True
    gives: ClassVar[Kind] = "single"
    reads: ClassVar[Form] = "maps"
    word: ClassVar[str] = "a mask"
    draws: ClassVar[bool] = True
    noun: ClassVar[str] = "class"
    one_class: ClassVar[bool] = False
    has_classes: ClassVar[bool] = True
    weighs: ClassVar[bool] = False
    measures: ClassVar[type[Measured]] = MeasuredPixels

    def __init__(self, **common: Unpack[Common]) -> None:
        super().__init__(LossOptions(common["label_smoothing"], common["focal_gamma"]))

    def choose(self, samples: Samples, classes: Sequence[str]) -> Samples:
        """All samples, of whose masks only the pixels of these classes are judged."""
        return with_marks(samples, classes)

    def check_enough(self, names: Sequence[str]) -> None:
        if len(names) < 2:
            found = f"only '{names[0]}'" if names else "no class"
            raise TLError(f"The training masks hold {found}, but to tell pixels apart needs two classes or more.")
        if len(names) > MOST_CLASSES:
            raise TLError(
                f"The training masks hold {len(names)} classes, of which {MOST_CLASSES} can be told apart: list those "
                "that masks are to have in data.pixels."
            )

    def fit(self, names: tuple[str, ...], train: Samples, common: DataCommon) -> Space:
        self.space = Space("single", names)
        return self.space

    def targets(self, samples: Samples, offsets: Offsets = ()) -> Ragged:
        """The classes of all pixels of each whole mask, row by row; IGNORED where they are not judged."""

        def row(sample: Sample) -> npt.NDArray[np.int64]:
            classes = np.asarray(self.overlay(sample), np.int64).reshape(-1) - 1
            return np.where(classes < 0, IGNORED, classes)

        return ragged_column(map(row, samples))

    def overlay(self, sample: Sample) -> Image:
        from PIL import Image

        self.check_known(sample.target)
        if isinstance(sample.target, Mask):
            return sample.target.image(self.space.names)
        return Image.new("L", (1, 1))

    # Learning.

    def loss(self, head: Head, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"task": head.loss(_at_pixels(output, target), target)}

    def flat(self, features: tuple[Tensor, ...], target: Tensor) -> tuple[Tensor, Tensor]:
        """What maps (..., H, W, D) have at the centres of the last one's places, and the classes of the pixels there.

        Places whose pixel is not judged are left out.
        """
        import torch

        grid = features[-1].shape[-3:-1]
        target = _at_centres(target, grid, (-2, -1))
        known = target != IGNORED
        joined = torch.cat([_at_centres(one, grid, (-3, -2)) for one in features], dim=-1)
        return joined[known], target[known]

    # Judging.

    def keep(self, head: Head, output: Tensor, target: Tensor, samples: Samples) -> Kept:
        """Rows (N, C + 1, C): how many pixels of each class, and in the last row of none, got each class.

        The answers are PNGs of the answered classes, with 1 + the true class, or 0, in a second channel.
        """
        import torch

        classes = self.space.dim
        best = _at_pixels(output, target).argmax(1)
        true = torch.where(target == IGNORED, classes, target)
        pairs = (true * classes + best).flatten(1)
        rows = torch.stack([one.bincount(minlength=(classes + 1) * classes) for one in pairs.cpu()])
        both = torch.stack([best, torch.where(target == IGNORED, 0, target + 1)], -1).to(torch.uint8).cpu().numpy()
        return Kept(rows.view(-1, classes + 1, classes), torch.zeros(len(rows)), tuple(map(_png, both)))

    def nothing(self, head: Head) -> Kept:
        import torch

        return Kept(torch.zeros(0, self.space.dim + 1, self.space.dim, dtype=torch.long), torch.zeros(0))

    def measured(self, head: Head, kept: Kept, temperature: float = 1.0) -> MeasuredPixels:
        return MeasuredPixels(kept.rows.numpy()[:, :-1], self.space.names)

    def answer_counts(self, found: Measured) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        assert isinstance(found, MeasuredPixels)
        summed = found.confusions.sum(axis=0)
        return summed.sum(axis=1), summed.sum(axis=0)

    def prior(self, parts: Sequence[Samples]) -> Prior:
        """The shares of the classes among the pixels of whole masks."""
        masks = [target for part in parts for target in part.targets if isinstance(target, Mask)]
        pixels = np.array([sum(mask.pixels(name) for mask in masks) for name in self.space.names], np.float64)
        return MeasuredPixels.prior(pixels)

    def table(self, samples: Sequence[Sample], kept: Kept, found: Measured, most: float) -> AnswerTable:
        """The true and the answered pixels of each class, as JSON."""
        rows = zip(samples, kept.rows.numpy(), strict=True)
        written = [[s.id, self._written(row[:-1].sum(axis=1)), self._written(row.sum(axis=0))] for s, row in rows]
        return AnswerTable(["id", "true", "predicted"], written)

    def _written(self, pixels: npt.NDArray[np.int64]) -> str:
        return json.dumps(self._pixels(pixels), ensure_ascii=False)

    def _pixels(self, pixels: npt.NDArray[np.int64]) -> dict[str, int]:
        """How many pixels each class has that has any, the most frequent one first."""
        order = [int(i) for i in np.argsort(-pixels, kind="stable") if pixels[i]]
        return {self.space.names[i]: int(pixels[i]) for i in order}

    def columns(self) -> list[str]:
        return ["id", "predicted", *(f"share_{name}" for name in self.space.names)]

    def cells(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[list[Any]]:
        for sample, answer in zip(samples, self.answers(samples, kept, found), strict=True):
            yield [sample.id, answer["predicted"], *answer["scores"].values()]

    def answers(self, samples: Sequence[Sample], kept: Kept, found: Measured) -> Iterator[dict[str, Any]]:
        """The answered classes, the most frequent first, the pixels of each, and as scores the share of every class."""
        for row in kept.rows.numpy():
            pixels = row.sum(axis=0)
            known = zip(self.space.names, (pixels / pixels.sum()).tolist(), strict=True)
            yield {"predicted": [*self._pixels(pixels)], "pixels": self._pixels(pixels), "scores": dict(known)}

    def drawn(self, sample: Sample, answer: Any, preprocess: Preprocess) -> Image:
        from PIL import Image

        assert isinstance(preprocess, ImagePreprocess), "only pictures have masks"
        picture = preprocess.crop(open_image(sample.input, preprocess.min_side))
        classes = np.asarray(Image.open(io.BytesIO(answer)))[..., 0].astype(np.int64)
        return with_classes(picture, classes, self.space.names)

    def skill(self) -> str:
        return f"tell {counted(self.space.dim, 'kinds of pixels')} apart"

    def findings(self, judged: Judged | None) -> list[Section]:
        """Scores by class, and the pictures with the most wrong pixels, these marked."""
        if judged is None:
            return [Section("errors", "Errors", "Where it errs", [Words("No picture was judged.", "empty")])]
        assert isinstance(judged.found, MeasuredPixels)
        confusions = judged.found.confusions
        pixels = confusions.sum(axis=(1, 2))
        wrong = pixels - np.einsum("nii->n", confusions)
        shares = wrong / np.maximum(pixels, 1)
        worst = [int(i) for i in np.argsort(-shares, kind="stable")[:SHOWN] if wrong[i]]
        blocks: list[Block] = [*class_table(judged.found.per_class(), self.noun, "pixels"), Heading("Mistakes")]
        if worst:
            lead = f"The {counted(len(worst), 'pictures')} with the largest share of wrong pixels, which are coloured."
            blocks += [Words(lead, "lead"), Gallery([overlay_card(judged, i, float(shares[i])) for i in worst])]
        else:
            blocks.append(Words("Not one wrong pixel on this split.", "empty"))
        return [Section("errors", "Errors", "Where it errs", blocks)]


def _at_pixels(output: Tensor, target: Tensor) -> Tensor:
    """Outputs (B, h, w, C) interpolated to the pixels of targets (B, H, W), as (B, C, H, W)."""
    from torch.nn.functional import interpolate

    maps = output.permute(0, 3, 1, 2).contiguous()  # a third less time for few classes than with the channels last
    return interpolate(maps, target.shape[1:], mode="bilinear", align_corners=False)


def _at_centres(values: Tensor, grid: Sequence[int], axes: tuple[int, int]) -> Tensor:
    """The values at the centres of the places of a coarser grid that lies over the same picture."""
    import torch

    for axis, places in zip(axes, grid, strict=True):
        centres = (2 * np.arange(places) + 1) * values.shape[axis] // (2 * places)
        values = values.index_select(axis, values.new_tensor(centres, dtype=torch.long))
    return values


def _png(channels: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(channels, "LA").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
