"""Pictures that are read more than once: decoded once, and cropped too where they look the same at every reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor

from tl.batch import Batch, Inputs
from tl.components.picture import HEADER, name_of, packed, size_of
from tl.components.preprocess import ImagePreprocess, fingerprint
from tl.errors import TLError
from tl.inputs.cache import key
from tl.inputs.filling import Making, Wanted
from tl.inputs.items import Draw, Items, Reader, Source, channels_first
from tl.inputs.keeping import Keeper, versions
from tl.inputs.rows import Rows
from tl.inputs.streams import evenly
from tl.inputs.workers import spread
from tl.place import Place

_PROBED, _AT_ONCE = 64, 256


class Crops(Reader):
    """Pictures as evaluation sees them, before they are normalised: bytes (B, 3, size, size)."""

    def __init__(self, items: Items) -> None:
        super().__init__(items.samples, items.space, items.workers)
        self.items, self.targets = items, items.targets

    def batch(self, draws: list[Draw]) -> Batch:
        from torchvision.transforms.v2.functional import pil_to_tensor

        preprocess = cast(ImagePreprocess, self.items.preprocess)
        crops = [pil_to_tensor(preprocess.crop(self.items.picture(draw.number))) for draw in draws]
        return Batch(Inputs(torch.stack(crops)), self.targets[[draw.number for draw in draws]])


class Pixels(Reader):
    """The same read back from rows of bytes, and normalised."""

    def __init__(self, items: Items, rows: Rows) -> None:
        super().__init__(items.samples, items.space)
        self.rows, self.preprocess, self.targets = rows, cast(ImagePreprocess, items.preprocess), items.targets

    def batch(self, draws: list[Draw]) -> Batch:
        numbers = [draw.number for draw in draws]
        pixels = channels_first(self.rows.take(numbers))
        return Batch(Inputs(self.preprocess.normal(pixels)), self.targets[numbers])


class Pictures:
    """Where a run's pictures are read from."""

    def __init__(self, keeper: Keeper, place: Place) -> None:
        self.keeper, self.place = keeper, place

    def source(self, name: str, items: Items, reads: float) -> Source:
        """The items, read back where they are pictures that are read more than once."""
        if not (len(items) and isinstance(items.preprocess, ImagePreprocess)) or self.keeper.rules.use == "never":
            return items
        if reads <= 1 and not self.keeper.knows(items):
            return items
        draws = [Draw(number, 0) for number in range(len(items))]
        wanted = Wanted(f"the pictures of {name}", items, draws, self.place)
        return self._cropped(wanted, reads) if items.fixed else self._decoded(wanted, reads)

    def _cropped(self, wanted: Wanted, reads: float) -> Source:
        items = wanted.items
        preprocess = cast(ImagePreprocess, items.preprocess)
        label = key("pixels", self.keeper.digest(items), fingerprint(preprocess), versions())

        def computed() -> Rows | None:
            if not self.keeper.agreed(reads > 1 and self.keeper.cache.fits(3 * preprocess.size**2 * len(items))):
                return None
            return self.keeper.filled(wanted, {0: label}, _crops(items), "same")

        found = self.keeper.rows(wanted.name, label, computed)
        return items if found is None else Pixels(items, found)

    def _decoded(self, wanted: Wanted, reads: float) -> Source:
        """Each picture whole, since every reading crops it elsewhere."""
        items = wanted.items
        # Hashing and measuring all of a large set takes minutes: a few of its pictures tell whether it can fit at all.
        some = wanted.draws[:: -(-len(items) // _PROBED)]
        about = sum(_lengths(items, some)) / len(some) * len(items)
        if about > self.keeper.cache.max_bytes:
            self.keeper.tell_size(wanted.name, about)
            return items
        least = cast(ImagePreprocess, items.preprocess).least
        label = key("decoded", self.keeper.digest(items), least, versions())
        found = self.keeper.rows(wanted.name, label, lambda: self._bitmaps(wanted, label) if reads > 1 else None)
        return items if found is None else items.decoded(found)

    def _bitmaps(self, wanted: Wanted, label: str) -> Rows | None:
        items = wanted.items
        groups = iter(evenly(wanted.draws, _AT_ONCE))
        lengths = [n for some in spread(partial(_lengths, items), groups, items.workers) for n in some]
        if not self.keeper.agreed(self.keeper.cache.fits(sum(lengths))):
            self.keeper.tell_size(wanted.name, sum(lengths))
            return None
        rows = Wanted(wanted.name, items, wanted.draws, wanted.place, tuple(lengths))
        return self.keeper.filled(rows, {0: label}, partial(_bitmaps, items, lengths), "same")


def _crops(items: Items) -> Making:
    return lambda plans: ([list(batch.x.values)] for batch in Crops(items).batches(plans))


def _lengths(items: Items, draws: list[Draw]) -> list[int]:
    """Bytes of each picture's row; a header's width and height may be swapped, but not their product."""
    least = cast(ImagePreprocess, items.preprocess).least
    sizes = [size_of(items.samples[draw.number].input, least) for draw in draws]
    return [HEADER + 3 * width * height for width, height in sizes]


def _bitmaps(items: Items, lengths: Sequence[int], plans: Iterator[list[Draw]]) -> Iterator[list[list[Tensor]]]:
    return ([rows] for rows in spread(partial(_rows, items, lengths), plans, items.workers))


def _rows(items: Items, lengths: Sequence[int], draws: list[Draw]) -> list[Tensor]:
    rows = [torch.from_numpy(packed(items.picture(draw.number))) for draw in draws]
    for draw, row in zip(draws, rows, strict=True):
        if len(row) != lengths[draw.number]:
            name = name_of(items.samples[draw.number].input)
            raise TLError(f"{name}: its header and its content differ in size: replace it, or set cache.use=never.")
    return rows
