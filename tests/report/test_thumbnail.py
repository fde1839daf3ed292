"""Thumbnails: small ones verbatim, large ones shrunk, anything else refused."""

from __future__ import annotations

import base64
import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tl.report.thumbnail import LARGEST_BYTES, data_uri


def png(side: int) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 80).convert("RGB").save(out, "PNG")
    return out.getvalue()


def test_thumbnails_become_data_uris() -> None:
    small = png(8)
    assert data_uri(small) == f"data:image/png;base64,{base64.b64encode(small).decode()}"
    large = png(400)
    assert len(large) > LARGEST_BYTES
    uri = data_uri(large) or ""
    assert uri.startswith("data:image/jpeg;base64,")
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as image:
        assert image.size == (192, 192)
    see_through = io.BytesIO()
    noise = Image.effect_noise((300, 200), 80)
    Image.merge("RGBA", (noise, noise, noise, noise)).save(see_through, "PNG")
    assert (data_uri(see_through.getvalue()) or "").startswith("data:image/png")


def test_what_is_made_smaller_keeps_no_metadata() -> None:
    for kind, mode in (("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "P")):
        out = io.BytesIO()
        facts: dict[str, object] = {"exif": exif(), "comment": b"SECRET", "icc_profile": b"SECRET", "xmp": b"SECRET"}
        if kind == "PNG":
            text = PngInfo()
            text.add_text("comment", "SECRET")
            facts = {"exif": exif(), "pnginfo": text, "icc_profile": b"SECRET"}
        Image.effect_noise((500, 400), 80).convert(mode).save(out, kind, **facts)
        assert b"SECRET" in out.getvalue()
        uri = data_uri(out.getvalue()) or ""
        assert b"SECRET" not in base64.b64decode(uri.split(",")[1])


def exif() -> Image.Exif:
    made = Image.Exif()
    made[0x010E] = "SECRET"
    return made


def test_bytes_that_are_no_picture_are_left_out() -> None:
    assert data_uri(b"<svg onload=alert(1)>") is None
    assert data_uri(b"\x89PNG\r\n\x1a\n" + b"rubbish" * LARGEST_BYTES) is None
