"""Pictures that a run reads more than once: decoded once and cached; cropped too where every reading crops alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor

from tl.components.picture import HEADER_BYTES, decoded_size, image_to_row, picture_name
from tl.components.preprocess import ImagePreprocess
from tl.components.preprocess_file import fingerprint
from tl.errors import TLError
from tl.inputs.cache import key
from tl.inputs.filling import RowMaker, RowRequest
from tl.inputs.items import CachedPictures, CroppedPictures, Items, described
from tl.inputs.keeper import Keeper, versions
from tl.inputs.layout import BYTES, Wanted
from tl.inputs.rows import Rows
from tl.inputs.streams import Draw, EachOnce, Source, even_spans
from tl.inputs.workers import spread
from tl.place import Place

_PROBED, _AT_ONCE = 64, 256


class Pictures:
    """Decides where the pictures of a run are read from: files, or the cache."""

    def __init__(self, keeper: Keeper, place: Place) -> None:
        self.keeper, self.place = keeper, place

    def source(self, name: str, items: Items, reads: float) -> Source:
        """The items, read from the cache where they are pictures that a run reads more than once."""
        if not (len(items) and isinstance(items.preprocess, ImagePreprocess)) or self.keeper.rules.use == "never":
            return items
        if reads <= 1 and not self.keeper.knows(items):
            return items
        request = RowRequest(f"the pictures of {name}", items, EachOnce(len(items)), self.place)
        return self._cropped(request, reads) if items.fixed else self._decoded(request, reads)

    def _cropped(self, request: RowRequest, reads: float) -> Source:
        items = request.items
        preprocess = cast(ImagePreprocess, items.preprocess)
        entry = key("pixels", self.keeper.digest(items), fingerprint(preprocess), versions())

        def compute() -> Rows | None:
            if not self.keeper.agreed(reads > 1 and self.keeper.cache.fits(3 * preprocess.size**2 * len(items))):
                return None
            rows = self.keeper.fill(request, {0: entry}, _crops(self.keeper.as_hashed(items)), "same")
            return None if rows is None else rows[0]

        wanted = Wanted(len(items), BYTES, shape=(preprocess.size, preprocess.size, 3))
        found = self.keeper.rows(request.name, entry, wanted, compute)
        return items if found is None else CachedPictures(items, found)

    def _decoded(self, request: RowRequest, reads: float) -> Source:
        """The decoded pictures as a whole, because every reading crops them elsewhere."""
        items = request.items
        # To hash and measure a large set takes minutes: a few pictures tell whether the set can fit at all.
        some = request.draws[:: -(-len(items) // _PROBED)]
        about = sum(_lengths(items, some)) / len(some) * len(items)
        if about > self.keeper.cache.max_bytes:
            self.keeper.tell_size(request.name, about)
            return items
        min_side = cast(ImagePreprocess, items.preprocess).min_side
        entry = key("decoded", self.keeper.digest(items), min_side, versions())
        wanted = Wanted(len(items), BYTES, shape=())
        compute = partial(self._bitmaps, request, entry) if reads > 1 else lambda: None
        found = self.keeper.rows(request.name, entry, wanted, compute)
        return items if found is None else items.decoded(found)

    def _bitmaps(self, request: RowRequest, entry: str) -> Rows | None:
        items = self.keeper.as_hashed(request.items)
        groups = (request.draws[a:b] for a, b in even_spans(len(request.draws), _AT_ONCE))
        measured = spread(partial(_lengths, items), groups, items.workers, describe=partial(described, items.samples))
        lengths = [n for some in measured for n in some]
        if not self.keeper.agreed(self.keeper.cache.fits(sum(lengths))):
            self.keeper.tell_size(request.name, sum(lengths))
            return None
        rows = RowRequest(request.name, items, request.draws, request.place, tuple(lengths))
        found = self.keeper.fill(rows, {0: entry}, partial(_bitmaps, items, lengths), "same")
        return None if found is None else found[0]


def _crops(items: Items) -> RowMaker:
    return lambda plans: ([list(batch.x.values)] for batch in CroppedPictures(items).batches(plans))


def _lengths(items: Items, draws: Sequence[Draw]) -> list[int]:
    """The bytes of each picture's row; a header may swap width and height, but their product stays."""
    min_side = cast(ImagePreprocess, items.preprocess).min_side
    sizes = [decoded_size(items.samples.inputs[draw.number], min_side) for draw in draws]
    return [HEADER_BYTES + 3 * width * height for width, height in sizes]


def _bitmaps(items: Items, lengths: Sequence[int], plans: Iterator[list[Draw]]) -> Iterator[list[list[Tensor]]]:
    made = spread(partial(_rows, items, lengths), plans, items.workers, describe=partial(described, items.samples))
    return ([rows] for rows in made)


def _rows(items: Items, lengths: Sequence[int], draws: list[Draw]) -> list[Tensor]:
    rows = [torch.from_numpy(image_to_row(items.picture(draw.number))) for draw in draws]
    for draw, row in zip(draws, rows, strict=True):
        if len(row) != lengths[draw.number]:
            name = picture_name(items.samples.inputs[draw.number])
            raise TLError(f"{name}: its header and its content differ in size: replace it, or set cache.use=never.")
    return rows
