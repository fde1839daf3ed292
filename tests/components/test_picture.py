from __future__ import annotations

import io
import math
import random
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tl.components.picture import decoded, decoded_size, is_animated, open_image
from tl.components.sample import Picture
from tl.errors import TLError


def pixel(path: Path) -> tuple[int, ...]:
    image = open_image(path)
    assert image.mode == "RGB"
    return tuple(int(v) for v in np.asarray(image)[0, 0])


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for mode, colour, seen in (
        ("RGBA", (200, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (200, 0, 0, 255), (200, 0, 0)),
        ("LA", (10, 0), (255, 255, 255)),
        ("L", 10, (10, 10, 10)),
        ("1", 1, (255, 255, 255)),
    ):
        Image.new(mode, (2, 2), colour).save(path)
        assert pixel(path) == seen


def test_palettes_with_a_transparent_colour(tmp_path: Path) -> None:
    image = Image.new("P", (2, 2), 0)
    image.putpalette([9, 8, 7, 1, 2, 3])
    image.save(tmp_path / "solid.png")
    image.save(tmp_path / "clear.png", transparency=0)
    assert pixel(tmp_path / "solid.png") == (9, 8, 7)
    assert pixel(tmp_path / "clear.png") == (255, 255, 255)


def test_cmyk_and_sixteen_bits(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 0, 0, 255)).save(tmp_path / "a.jpg", quality=100)
    assert max(pixel(tmp_path / "a.jpg")) < 8
    Image.fromarray(np.full((2, 2), 40_000, np.uint16)).save(tmp_path / "a.png")
    assert pixel(tmp_path / "a.png") == (156, 156, 156)
    Image.fromarray(np.full((2, 2), 90, np.int32)).save(tmp_path / "a.tif")
    assert pixel(tmp_path / "a.tif") == (90, 90, 90)


def grey(path: Path, values: list[float], kind: type) -> Path:
    Image.fromarray(np.array([values], kind)).save(path)
    return path


def test_numbers_of_one_kind_have_one_range(tmp_path: Path) -> None:
    """Fractions count from 0 to 1, 16 bits from 0 to 65535, whatever the brightest number of the picture is."""
    fractions = grey(tmp_path / "a.tif", [0, 0.25, 1.0, 1.04, math.nan], np.float32)
    assert np.asarray(open_image(fractions))[0, :, 0].tolist() == [0, 64, 255, 255, 0]
    assert np.asarray(open_image(grey(tmp_path / "b.tif", [0, 0.1], np.float32)))[0, :, 0].tolist() == [0, 26]
    assert np.asarray(open_image(grey(tmp_path / "c.tif", [255, 256, 65535], np.uint16)))[0, :, 0].tolist() == [
        0,
        1,
        255,
    ]
    for brightest, seen in ((65_535, 255), (300, 1), (200, 0)):  # Pillow says nothing of the 16 bits of a PGM
        (tmp_path / "d.pgm").write_bytes(b"P5 1 1 65535\n" + brightest.to_bytes(2, "big"))
        assert pixel(tmp_path / "d.pgm") == (seen,) * 3


@pytest.mark.parametrize(
    "values, kind, said",
    [
        ([0, 300], np.int32, "with a sign, from 0 to 300, of which only 0 to 255 are known"),
        ([-1000, 200], np.int16, "with a sign, from -1000 to 200, of which"),
        ([0, 180.5], np.float32, "fractions from 0 to 180.5, of which only 0 to 1 are known"),
        ([-1, 1], np.float64, "fractions from -1 to 1, of which"),
        ([0, math.inf], np.float32, "fractions from 0 to inf, of which"),
    ],
)
def test_numbers_without_a_range_are_refused(values: list[float], kind: type, said: str, tmp_path: Path) -> None:
    path = grey(tmp_path / "a.tif", values, kind)
    for read in (open_image, decoded):
        with pytest.raises(
            TLError, match=rf"^{path}: the picture holds .*{said}.* save all pictures with 8 or 16 bits"
        ):
            read(path)


def test_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 3)).save(tmp_path / "a.jpg", exif=exif)
    assert open_image(tmp_path / "a.jpg").size == (3, 6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
def test_a_picture_is_saved_without_what_its_file_told(kind: str) -> None:
    exif, text = Image.Exif(), PngInfo()
    exif[0x010E] = "SECRET"
    text.add_text("comment", "SECRET")
    told = {
        "JPEG": {"exif": exif, "comment": b"SECRET", "icc_profile": b"SECRET", "xmp": b"SECRET"},
        "PNG": {"exif": exif, "pnginfo": text, "icc_profile": b"SECRET"},
        "WEBP": {"exif": exif, "icc_profile": b"SECRET", "xmp": b"SECRET"},
        "TIFF": {"exif": exif, "icc_profile": b"SECRET"},
        "GIF": {"comment": b"SECRET"},
    }[kind]
    file = io.BytesIO()
    Image.effect_noise((40, 30), 60).convert("RGB").save(file, kind, **told)
    file.write(b"SECRET")
    assert b"SECRET" in file.getvalue()[:-6]
    image = open_image(Picture("x", "x", file.getvalue))
    for saved_as in ("JPEG", "PNG", "WEBP", "TIFF", "GIF"):
        out = io.BytesIO()
        image.save(out, saved_as)
        assert b"SECRET" not in out.getvalue(), saved_as


def test_pictures_that_are_no_files() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (3, 2), "blue").save(stream, "PNG")
    assert open_image(Picture("row 1", "x", partial(bytes, stream.getvalue()))).size == (3, 2)
    with pytest.raises(TLError, match="row 2: is no picture"):
        open_image(Picture("row 2", "y", partial(bytes, b"nothing")))


def test_broken_pictures_are_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    for name in ("a.jpg", "a.png"):
        path = tmp_path / name
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(TLError, match=rf"{path}: the picture cannot be read \(.*\): replace or remove it\."):
            open_image(path)
    with pytest.raises(TLError, match=r"gone\.jpg: there is no such picture"):
        open_image(tmp_path / "gone.jpg")


def test_a_format_that_needs_another_program_is_refused(tmp_path: Path) -> None:
    """Pillow gives a PostScript file to Ghostscript, even if the file is named .png."""
    stream = io.BytesIO()
    Image.new("RGB", (3, 2)).save(stream, "EPS")
    (tmp_path / "a.png").write_bytes(stream.getvalue())
    with pytest.raises(TLError, match=r"a\.png: is no picture that can be read"):
        open_image(tmp_path / "a.png")


def changed(content: bytes, draw: random.Random) -> bytes:
    """A file with a few bytes changed, lost or added."""
    new = bytearray(content)
    for _ in range(draw.choice((1, 2, 5, 20))):
        place, how = draw.randrange(len(new)), draw.random()
        if how < 0.7:
            new[place] = draw.randrange(256)
        else:
            new[place : place + draw.randrange(9)] = draw.randbytes(draw.randrange(1, 9))
    return bytes(new)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
@pytest.mark.filterwarnings("ignore")
def test_changed_bytes_give_a_picture_or_an_error_message(kind: str) -> None:
    draw, frames, stream = random.Random(kind), [Image.new("P", (30, 20), n) for n in (1, 2)], io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:]} if kind in ("PNG", "GIF", "WEBP", "TIFF") else {}
    frames[0].convert("RGB" if kind in ("JPEG", "PPM") else "P").save(stream, kind, **more)
    refused = []
    for _ in range(400):
        one = Picture("row 1", "x", partial(changed, stream.getvalue(), draw))
        for look in (partial(open_image, min_side=8), partial(decoded_size, min_side=8), is_animated):
            try:
                look(one)
            except TLError as error:
                refused.append(str(error))
    assert 0 < len(refused) < 1200
    assert all(text.startswith("row 1: ") for text in refused)


def stripes() -> Image.Image:
    """Broad stripes, which survive a compression that loses details."""
    rows = np.repeat(np.array([[250, 20, 20], [20, 240, 30], [30, 20, 230]], dtype=np.uint8), 16, axis=0)
    return Image.fromarray(np.repeat(rows[:, None], 40, axis=1))


def test_avif_is_read(tmp_path: Path) -> None:
    stripes().save(tmp_path / "a.avif", quality=95)
    found = np.asarray(open_image(tmp_path / "a.avif")).astype(int)
    assert abs(found - np.asarray(stripes())).mean() < 5


def test_heic_is_read_by_an_extra_that_the_message_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(stripes()).save(tmp_path / "a.heic", quality=95)
    found = np.asarray(open_image(tmp_path / "a.heic")).astype(int)
    assert abs(found - np.asarray(stripes())).mean() < 8
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.heic").read_bytes())  # the content counts, not the name
    assert open_image(tmp_path / "b.jpg").size == (40, 48)
    (tmp_path / "c.heic").write_bytes((tmp_path / "a.heic").read_bytes()[:300])
    with pytest.raises(TLError, match=r"c\.heic: .*: replace or remove it"):
        open_image(tmp_path / "c.heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(TLError, match=r"a\.heic: reading HEIC pictures needs pip install 'tl-toolkit\[heif\]'\."):
        open_image(tmp_path / "a.heic")
    stripes().save(tmp_path / "plain.jpg")
    assert open_image(tmp_path / "plain.jpg").size == (40, 48)
