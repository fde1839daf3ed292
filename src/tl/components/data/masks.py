"""The mask of a picture: a file with a class number for each of the picture's pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tl.boundary.foreign import reading
from tl.components.picture import file_bytes, picture_name, upright_size
from tl.components.sample import Annotation, Raw
from tl.errors import TLError

if TYPE_CHECKING:
    from numpy import ndarray
    from PIL.Image import Image

MOST_CLASSES = 254
"""A mask in memory has a byte for each pixel: 0 for a pixel that is not judged, else 1 + the number of its class."""

_FORMATS = ("PNG", "TIFF", "BMP")
_SHOWN = 5
_LARGEST = 65_535


@dataclass(frozen=True)
class Mask(Annotation):
    """A mask's file; `digest` is a hash of its content, which stands for it in fingerprints, where paths do not count.

    `numbers` are the numbers in the file that stand for a class; pixels with others are not judged. `present` are the
    classes that occur, and `counts` says how many pixels each of them has.
    """

    path: Path = field(repr=False)
    digest: str
    present: tuple[str, ...]
    counts: tuple[int, ...]
    numbers: tuple[tuple[int, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return self.present

    def plain(self) -> dict[str, Any]:
        """The file, and the classes that occur in it."""
        return {"mask": str(self.path), "classes": [*self.present]}

    def of_classes(self, classes: Sequence[str]) -> Mask:
        """The same mask, in which only pixels of these classes are judged."""
        kept = [(name, count) for name, count in zip(self.present, self.counts, strict=True) if name in classes]
        present, counts = tuple(name for name, _ in kept), tuple(count for _, count in kept)
        return Mask(self.path, self.digest, present, counts, tuple(one for one in self.numbers if one[1] in classes))

    def pixels(self, name: str) -> int:
        """How many pixels a class has."""
        return dict(zip(self.present, self.counts, strict=True)).get(name, 0)

    def image(self, names: Sequence[str]) -> Image:
        """The mask as an image of bytes: 1 + the place of a pixel's class among `names`, 0 where it is not judged.

        TLError where the file is not the one that was read first.
        """
        import numpy as np
        from PIL import Image

        content = file_bytes(self.path)
        if _digest(content) != self.digest:
            raise TLError(f"{picture_name(self.path)}: the mask changed while the run read it: start the run again.")
        values = _values(self.path, content)
        places = np.zeros(int(values.max(initial=0)) + 1, np.uint8)
        for number, name in self.numbers:
            if number < len(places) and name in names:
                places[number] = 1 + names.index(name)
        return Image.fromarray(places[values])


def read_mask(path: Path, picture: Raw, numbers: Mapping[int, str] | None, ignore: int | None) -> Mask:
    """The mask in a file, for a picture; without `numbers`, each number in it is a class of its own name.

    TLError where it holds other numbers, or its size is not the picture's.
    """
    import numpy as np

    content, name = file_bytes(path), picture_name(path)
    size = _opened(path, content).size  # of the header: what is not of the picture's size is not decoded
    if size != (wanted := upright_size(picture)):
        raise TLError(
            f"{name}: the mask has {size[0]} x {size[1]} pixels, but its picture {picture_name(picture)} has "
            f"{wanted[0]} x {wanted[1]}: save the mask at the picture's size."
        )
    values = _values(path, content)
    counts = np.bincount(values.reshape(-1))
    found = [number for number in np.flatnonzero(counts).tolist() if number != ignore]
    known = {number: str(number) for number in found} if numbers is None else numbers
    if strange := [number for number in found if number not in known]:
        some = ", ".join(map(str, strange[:_SHOWN])) + (" ..." if len(strange) > _SHOWN else "")
        listed = ", ".join(f"{known[number]}: {number}" for number in [*known][:_SHOWN])
        raise TLError(
            f"{name}: the mask holds {some}, but data.pixels knows {listed}, and data.ignore is {ignore}: add what "
            "these numbers stand for to data.pixels, or mend the mask."
        )
    present, pixels = tuple(known[number] for number in found), tuple(counts[found].tolist())
    return Mask(path, _digest(content), present, pixels, tuple(known.items()))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _opened(path: Path, content: bytes) -> Image:
    from PIL import Image, UnidentifiedImageError

    name = picture_name(path)
    with reading(name, "the mask cannot be read", "replace or remove it"):
        try:
            return Image.open(BytesIO(content), formats=_FORMATS)
        except UnidentifiedImageError as error:
            raise TLError(f"{name}: is no PNG, TIFF or BMP that can be read: replace the mask.") from error


def _values(path: Path, content: bytes) -> ndarray:
    """The numbers (H, W) of a mask; TLError where it is a picture in colours."""
    import numpy as np

    name = picture_name(path)
    opened = _opened(path, content)
    with reading(name, "the mask cannot be read", "replace or remove it"):
        values = np.asarray(opened)
    if values.ndim != 2 or values.dtype.kind not in "bui" or values.min(initial=0) < 0:
        raise TLError(f"{name}: a mask has one whole number for each pixel, not colours: save it in grey or a palette.")
    if (largest := int(values.max(initial=0))) > _LARGEST:
        raise TLError(f"{name}: the mask holds {largest}, but numbers go up to {_LARGEST}: number the classes from 0.")
    return values.astype(np.int64)
