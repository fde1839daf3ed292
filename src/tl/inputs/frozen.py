"""Running the frozen stages of a backbone: the same code for the cache and for a step, so that both give equal bits.

The last bits of a text's activations depend on how far the text is padded, because softmax then sums in another order.
Therefore frozen stages read each text padded to the next multiple of eight tokens of the text itself, together with
texts of the same padded length, whatever batch the text is in; stages that learn read the batch padded to its longest
text. For pictures, a CPU may choose other kernels for a few samples than for many, and these differ in the last bits:
in batches below sixteen pictures, equal means equal up to rounding. So it does for texts of which few share a padded
length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import pad

from tl.batch import Batch, Inputs
from tl.components.backbone.base import Backbone
from tl.components.preprocess import Preprocess, TextPreprocess
from tl.inputs.rows import joined, with_maps
from tl.inputs.streams import Draw, Source
from tl.place import Place

_MULTIPLE = 8


class FrozenStages:
    """The stages of a backbone from where a batch starts up to each of `cuts`, shallow to deep."""

    def __init__(self, backbone: Backbone, cuts: Sequence[int], place: Place) -> None:
        self.backbone, self.cuts, self.place = backbone, cuts, place

    @torch.inference_mode()
    def rows(self, batch: Batch) -> list[list[Tensor]]:
        """For each cut the activations, a row for each row of inputs; those of texts hold real tokens only."""
        found: list[list[Tensor]] = [[torch.empty(0)] * len(batch.x.values) for _ in self.cuts]
        moved = batch.to(self.place.device).x
        with self.place.context():
            for numbers, x in _groups(moved, _longest(self.backbone.preprocess)):
                for place, values in zip(found, self._through(x, batch.start), strict=True):
                    for number, row in zip(numbers, values, strict=True):
                        place[number] = row
        return found

    def _through(self, x: Inputs, start: int) -> Iterator[list[Tensor]]:
        for cut in self.cuts:
            x = self.backbone.between(x, start, cut)
            start = cut
            lengths = None if x.mask is None else x.mask.sum(1).tolist()
            yield list(x.values) if lengths is None else [row[:n] for row, n in zip(x.values, lengths, strict=True)]


class ComputedActivations(Source):
    """Samples as activations that start at the last of the cuts, computed anew by the frozen stages at every reading.

    The other cuts are taps, whose activations come along.
    """

    def __init__(self, source: Source, frozen: FrozenStages) -> None:
        super().__init__(source.samples)
        self.source, self.frozen, self.targets = source, frozen, source.targets

    @property
    def lengths(self) -> tuple[int, ...] | None:
        return self.source.lengths

    def batches(self, plans: Iterator[list[Draw]]) -> Iterator[Batch]:
        return (self._batch(batch) for batch in self.source.batches(plans))

    def _batch(self, batch: Batch) -> Batch:
        cut = self.frozen.cuts[-1]
        ragged = batch.x.mask is not None and cut < self.frozen.backbone.depth
        # Autograd cannot save tensors that were made in inference mode for a backward pass; it can save a copy.
        found = [joined([row.clone() for row in rows], ragged=ragged) for rows in self.frozen.rows(batch)]
        return Batch(with_maps(found), batch.y, cut)


def _longest(preprocess: Preprocess) -> int:
    return preprocess.max_length if isinstance(preprocess, TextPreprocess) else 0


def _groups(x: Inputs, longest: int) -> Iterator[tuple[list[int], Inputs]]:
    """The samples in groups of one padded length, as sample numbers and inputs; all pictures are one group."""
    if x.mask is None:
        yield list(range(len(x.values))), x
        return
    lengths = x.mask.sum(1).tolist()
    sizes = [min(-(-length // _MULTIPLE) * _MULTIPLE, longest) for length in lengths]
    for size in sorted(set(sizes)):
        numbers = [number for number, each in enumerate(sizes) if each == size]
        yield numbers, x.take(numbers).changed(partial(_fitted, size=size))


def _fitted(values: Tensor, size: int) -> Tensor:
    """(B, T, ...) to (B, size, ...), cut or filled with zeros at the end."""
    missing = size - values.shape[1]
    return values[:, :size] if missing <= 0 else pad(values, (*(0, 0) * (values.ndim - 2), 0, missing))
