"""A picture is decoded from the bytes that were hashed, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from tl.components.picture import open_image
from tl.components.sample import Picture
from tl.errors import TLError
from tl.inputs.contents import Contents


def photo(file: Path, shade: int) -> Path:
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(file)
    return file


def test_a_picture_that_changed_after_it_was_hashed_is_an_error(tmp_path: Path) -> None:
    """Also where its size and its times are those of before."""
    files = [photo(tmp_path / f"{i}.bmp", 10 * i) for i in range(3)]
    known = Contents(files)
    assert [open_image(known.read(i, file)).getpixel((0, 0)) for i, file in enumerate(files)] == [
        (shade, shade, shade) for shade in (0, 10, 20)
    ]
    before = files[1].stat()
    photo(files[1], 99)
    os.utime(files[1], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files[1].stat().st_size == before.st_size
    known.read(0, files[0])
    with pytest.raises(TLError, match=r"1\.bmp: the picture changed while the run read it"):
        known.read(1, files[1])
    assert Contents(files).digest != known.digest


def test_what_no_file_holds_is_read_as_it_is(tmp_path: Path) -> None:
    picture = Picture("cell", "key", b"...".__bytes__)
    known = Contents([picture, picture])
    assert known.read(1, picture) is picture
    assert Contents(["a", "bc"]).digest != Contents(["ab", "c"]).digest
    assert Contents([("a", "b")]).digest != Contents(["ab"]).digest
