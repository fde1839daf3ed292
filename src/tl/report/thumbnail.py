"""Pictures inside the page: PNG and JPEG as data URIs, made smaller where they are large."""

from __future__ import annotations

import base64
import io

from PIL import Image

from tl.boundary.foreign import reading
from tl.errors import TLError

LARGEST_BYTES = 20_000
SIDE = 192
"""Pixels of the longer side of a picture that was made smaller: twice the 96 CSS pixels that it is shown at."""

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}


def data_uri(picture: bytes) -> str | None:
    """The picture as a data URI; None for bytes that are neither a PNG nor a JPEG."""
    kind = next((kind for start, kind in _SIGNATURES.items() if picture.startswith(start)), None)
    if kind is None:
        return None
    if len(picture) > LARGEST_BYTES:
        try:
            with reading("picture", "cannot be made smaller", "replace or remove it"):
                picture, kind = _shrunk(picture)
        except TLError:
            return None
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def _shrunk(picture: bytes) -> tuple[bytes, str]:
    with Image.open(io.BytesIO(picture)) as image:
        image.thumbnail((SIDE, SIDE))
        image.info = {key: value for key, value in image.info.items() if key == "transparency"}  # else it is saved too
        transparent = image.mode in ("RGBA", "LA", "P", "PA")
        out = io.BytesIO()
        if transparent:
            image.convert("RGBA").save(out, "PNG", optimize=True)
            return out.getvalue(), "png"
        image.convert("RGB").save(out, "JPEG", quality=85)
        return out.getvalue(), "jpeg"
