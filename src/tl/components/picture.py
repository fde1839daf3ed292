"""Pictures as Pillow images, whatever their file's mode, orientation or mistakes."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tl.components.sample import Picture, Raw
from tl.errors import TLError
from tl.recipe.yamlfile import shown

if TYPE_CHECKING:
    from numpy import ndarray
    from PIL.Image import Image

HEADER = 8
"""Bytes before the pixels of a packed picture: its height and its width."""

SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")  # Pillow starts programs to read some others
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError, struct.error, zlib.error)


def open_image(source: Raw, least: int | None = None) -> Image:
    """An upright RGB image; what is transparent becomes white; TLError names a picture that cannot be read.

    With `least`, a JPEG comes at the smallest of 1, 1/2, 1/4 and 1/8 of its size whose short side has so many pixels.
    """
    from PIL import ImageOps

    image = decoded(source, least)
    with _named(source):
        ImageOps.exif_transpose(image, in_place=True)
        return _rgb(image)


def decoded(source: Raw, least: int | None = None) -> Image:
    """The picture as it is stored, decoded as `open_image` says; TLError names one that cannot be read."""
    with _named(source):
        image = _opened(source, least)
        image.load()
    return image


def animated(source: Raw) -> bool:
    """Whether a picture has several frames or pages, of which `open_image` gives the first."""
    with _named(source):
        image = _opened(source, None)
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))  # MPO: a photo and its previews


def size_of(source: Raw, least: int) -> tuple[int, int]:
    """Two sides of what `open_image` gives, in either order, from the file's header; TLError as there."""
    with _named(source):
        return _opened(source, least).size


def _opened(source: Raw, least: int | None) -> Image:
    from PIL import Image

    image = Image.open(BytesIO(content(source)), formats=_FORMATS)
    if least is not None:
        # Pillow keeps both sides at or above what is asked, and a square does not mind how the picture is turned.
        image.draft(None, (least, least))
    return image


@contextmanager
def _named(source: Raw) -> Iterator[None]:
    """A picture that cannot be read is the user's mistake, and named."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except FileNotFoundError as error:
        raise TLError(f"{name_of(source)}: there is no such picture.") from error
    except UnidentifiedImageError as error:
        raise TLError(f"{name_of(source)}: is no picture that can be read: replace or remove it.") from error
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise TLError(f"{name_of(source)}: the picture cannot be read ({error}): replace or remove it.") from error


def packed(image: Image) -> ndarray:
    """An RGB image as one row of bytes: its height and width, then its pixels."""
    import numpy as np

    size = np.array([image.height, image.width], np.int32)
    return np.concatenate([size.view(np.uint8), np.asarray(image).reshape(-1)])


def unpacked(row: ndarray) -> Image:
    """The inverse of `packed`."""
    import numpy as np
    from PIL import Image

    height, width = row[:HEADER].copy().view(np.int32)  # copied, since rows begin at any byte
    return Image.fromarray(row[HEADER:].reshape(height, width, 3))


def content(source: Raw) -> bytes:
    """The picture's file content."""
    match source:
        case Path():
            return source.read_bytes()
        case Picture():
            return source.read()
        case _:
            raise TypeError("a text has no picture")


def contents_digest(inputs: Sequence[Raw]) -> str:
    """A hash over the contents of samples, in order: texts, and the bytes of pictures."""
    total = hashlib.blake2b(digest_size=16)
    for one in inputs:
        match one:
            case Path():
                part = _bytes(one)
            case Picture():
                part = one.content_key.encode()
            case _:
                part = repr(one).encode()
        total.update(len(part).to_bytes(8, "little"))
        total.update(part)
    return total.hexdigest()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise TLError(f"{shown(file)}: the picture cannot be read ({error.strerror}).") from error


def name_of(source: Raw) -> str:
    """The picture's path or name, for messages."""
    return shown(source) if isinstance(source, Path) else source.name if isinstance(source, Picture) else str(source)


def _rgb(image: Image) -> Image:
    from PIL import Image as Images

    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white = Images.new("RGBA", layered.size, "white")
        return Images.alpha_composite(white, layered).convert("RGB")
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image) -> Image:
    """16-bit grey by its upper byte; 32-bit values that fit into 8 bits as they are."""
    import numpy as np
    from PIL import Image as Images

    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    scale = 256 if image.mode.startswith("I;16") or (values.size and values.max() > 255) else 1
    return Images.fromarray(np.clip(values / scale, 0, 255).astype(np.uint8))
