"""What a task's section of the report is made from, and how a sample is shown there."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tl.components.picture import open_image
from tl.components.preprocess import Preprocess
from tl.components.sample import Sample
from tl.errors import TLError
from tl.metrics.measured import Measured

if TYPE_CHECKING:
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
    if isinstance(sample.input, str):
        return {"text": sample.input}
    if isinstance(sample.input, tuple):
        return {"text": " / ".join(sample.input)}
    if not may_show(sample):
        return {"text": "lies outside the data's folder and is not shown (report.elsewhere)"}
    try:
        image = open_image(sample.input)
    except TLError:
        return {"text": f"{sample.where} cannot be opened any more"}
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return {"picture": buffer.getvalue()}
