"""What a task's section of the report is made from, and how a sample is shown there."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tl.components.picture import open_image
from tl.components.preprocess import Preprocess
from tl.components.sample import Sample, halves_of
from tl.errors import TLError
from tl.metrics.measured import Measured

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SHOWN = 12
"""So many mistakes are shown at most."""

_THUMBNAIL = 192


class Kept(NamedTuple):
    """What evaluation keeps of N samples: `rows` (N, ...) are outputs, or counts that add up over samples.

    `truth` (N, ...) are the targets, where rows do not hold what metrics need of them. `answers` has what was answered
    to each sample, as plain values, where rows do not say it; else ().
    """

    rows: Tensor
    truth: Tensor
    answers: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A split that judges a run: what is kept of it, and what metrics see, also before temperature scaling (`raw`).

    `temperature` is None where none was fitted, and `unfitted` says why; '' where there is nothing to say. A picture
    that `may_show` is false for is left out, and its place says so. `preprocess` is how evaluation saw the samples.
    """

    samples: Sequence[Sample]
    kept: Kept
    found: Measured
    raw: Measured
    temperature: float | None
    unfitted: str
    may_show: Callable[[Sample], bool]
    preprocess: Preprocess


def shown(sample: Sample, may_show: Callable[[Sample], bool]) -> dict[str, Any]:
    """The text or the thumbnail of a card about a sample, as keyword arguments of `Card`."""
    halves = halves_of(sample.input)
    if isinstance(halves[0], str):
        return {"text": " / ".join(map(str, halves))}
    if not may_show(sample):
        return {"text": "lies outside the data's folder and is not shown (report.elsewhere)"}
    try:
        pictures = [open_image(half) for half in halves]
    except TLError:
        return {"text": f"{sample.where} cannot be opened any more"}
    for one in pictures:
        one.thumbnail((_THUMBNAIL // len(pictures),) * 2)
    image = pictures[0] if len(pictures) == 1 else _side_by_side(pictures)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return {"picture": buffer.getvalue()}


def _side_by_side(pictures: Sequence[Image]) -> Image:
    from PIL.Image import new

    whole = new("RGB", (sum(one.width for one in pictures), max(one.height for one in pictures)), "white")
    left = 0
    for one in pictures:
        whole.paste(one, (left, 0))
        left += one.width
    return whole
