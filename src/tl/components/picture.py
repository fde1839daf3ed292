"""Picture files of every mode and orientation as upright RGB images of Pillow; broken files as errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tl.boundary.foreign import reading
from tl.components.sample import Picture, Raw
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

if TYPE_CHECKING:
    from numpy import ndarray
    from PIL.Image import Image

HEADER_BYTES = 8
"""The bytes before the pixels of a row that `image_to_row` makes: they hold the height and the width."""

SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".avif", ".heic", ".heif"),
    *(".tif", ".tiff", ".ppm", ".pgm"),
)
# Some of Pillow's other formats are read by programs that Pillow starts.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "AVIF", "TIFF", "PPM")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_WHITE_16 = 65_535
# The EXIF tag of the orientation, and its values for pictures whose rows are columns.
_ORIENTATION, _LYING = 0x0112, (5, 6, 7, 8)


def open_image(source: Raw, min_side: int | None = None) -> Image:
    """An upright RGB image whose transparent pixels are white; TLError names a picture that cannot be read.

    With `min_side`, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size: at the smallest size whose short side has at
    least `min_side` pixels, or whole if there is no such size.
    """
    from PIL import ImageOps

    image = decoded(source, min_side)
    with _naming_errors(source):
        ImageOps.exif_transpose(image, in_place=True)
        upright = _rgb(image)
        upright.info.clear()  # what the file tells beside its pixels would be saved with the picture
        return upright


def decoded(source: Raw, min_side: int | None = None) -> Image:
    """The picture, decoded at the size that `open_image` says, with the mode and orientation of its file."""
    with _naming_errors(source):
        image = _open(source, min_side)
        image.load()
    _check_range(image, source)
    return image


def is_animated(source: Raw) -> bool:
    """Whether a picture has several frames or pages, of which `open_image` gives the first."""
    with _naming_errors(source):
        image = _open(source, None)
        # An MPO file holds a photo and its previews.
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))


def decoded_size(source: Raw, min_side: int) -> tuple[int, int]:
    """The two sides of the image that `open_image` gives, read from the file's header only; their order may differ."""
    with _naming_errors(source):
        return _open(source, min_side).size


def upright_size(source: Raw) -> tuple[int, int]:
    """The width and height of the picture that `open_image` gives, read from the file's header only."""
    with _naming_errors(source):
        image = _open(source, None)
        width, height = image.size
        return (height, width) if image.getexif().get(_ORIENTATION, 1) in _LYING else (width, height)


def _open(source: Raw, min_side: int | None) -> Image:
    from PIL import Image

    content = file_bytes(source)
    formats = (*_FORMATS, *(_heif(source) if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS else ()))
    image = Image.open(BytesIO(content), formats=formats)
    if min_side is not None:
        # Pillow keeps both sides at or above these. The two are equal, so the file's orientation makes no difference.
        image.draft(None, (min_side, min_side))
    return image


def _heif(source: Raw) -> tuple[str, ...]:
    """The name of the format HEIF, once Pillow can read it; TLError where that extra is not installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise TLError(f"{picture_name(source)}: reading HEIC pictures needs pip install 'tl-toolkit[heif]'.") from error
    register_heif_opener()
    return ("HEIF",)


@contextmanager
def _naming_errors(source: Raw) -> Iterator[None]:
    """Turn the errors of a picture that cannot be read into a TLError that names the picture."""
    from PIL import UnidentifiedImageError

    name = picture_name(source)
    with reading(name, "the picture cannot be read", "replace or remove it"):
        try:
            yield
        except FileNotFoundError as error:
            raise TLError(f"{name}: there is no such picture.") from error
        except UnidentifiedImageError as error:
            raise TLError(f"{name}: is no picture that can be read: replace or remove it.") from error


def image_to_row(image: Image) -> ndarray:
    """An RGB image as one row of bytes: its height and width (int32), then its pixels."""
    import numpy as np

    size = np.array([image.height, image.width], np.int32)
    return np.concatenate([size.view(np.uint8), np.asarray(image).reshape(-1)])


def row_to_image(row: ndarray) -> Image:
    """The inverse of `image_to_row`; TLError where the row is none of its rows."""
    import numpy as np
    from PIL import Image

    # Copied, because a view as int32 needs an address that is a multiple of 4, and a row may begin at any byte.
    height, width = map(int, row[:HEADER_BYTES].copy().view(np.int32))
    if min(height, width) < 1 or len(row) != HEADER_BYTES + 3 * height * width:
        raise TLError("A decoded picture in the cache has another size than its header says: run `tl cache --clear`.")
    return Image.fromarray(row[HEADER_BYTES:].reshape(height, width, 3))


def file_bytes(source: Raw) -> bytes:
    """The bytes of a picture's file, not decoded; TLError where it cannot be read."""
    assert isinstance(source, (Path, Picture)), "a text has no picture"
    with _naming_errors(source):
        return source.read_bytes() if isinstance(source, Path) else source.read()


def picture_name(source: Raw) -> str:
    """The picture's path or name, for messages."""
    return (
        short_path(source) if isinstance(source, Path) else source.name if isinstance(source, Picture) else str(source)
    )


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
    """A grey image in 8 bits, by the range of its kind: never by the values of the picture alone."""
    import numpy as np
    from PIL import Image as Images

    _, white, _ = _range(image)
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    # 65535 / 257 is 255, but 256 is what every reader of 16 bits takes: the upper byte.
    scaled = values / 256 if white == _WHITE_16 else np.rint(values * (255 / white))
    return Images.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def _range(image: Image) -> tuple[str, float, float]:
    """What the numbers of a grey image are called, which of them is white, and how far outside of 0..white they may be.

    Numbers of 16 bits have a range. Others have none of their own: they are taken as 0..255, and fractions as 0..1.
    """
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return "numbers of 16 bits", _WHITE_16, 0
    # What interpolation adds to fractions at edges.
    return ("fractions", 1, 0.1) if image.mode == "F" else ("numbers of more than 16 bits, or with a sign,", 255, 0)


def _check_range(image: Image, source: Raw) -> None:
    """TLError where a grey image holds numbers of which nothing says how bright they are."""
    import numpy as np

    if not image.mode.startswith(("I", "F")):
        return
    what, white, around = _range(image)
    values = np.asarray(image, dtype=np.float64)
    values = values[~np.isnan(values)]
    if values.size and not -around <= values.min() <= values.max() <= white + around:
        raise TLError(
            f"{picture_name(source)}: the picture holds {what} from {values.min():g} to {values.max():g}, of which "
            f"only 0 to {white:g} are known as black to white: save all pictures with 8 or 16 bits, or as fractions."
        )
