"""In which encoding a text file is written, found from its bytes."""

from __future__ import annotations

import codecs
from pathlib import Path

from tl.components.data.packed import unpacked
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

_CHUNK = 1 << 20
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def encoding_of(file: Path, wanted: str) -> str:
    """The encoding of a text file: the one that is `wanted`, or for auto what its bytes are, UTF-8 before cp1252.

    TLError where the bytes are neither, or where lines differ.
    """
    if wanted != "auto":
        try:
            return codecs.lookup(wanted).name
        except LookupError as error:
            raise TLError(f"data.encoding: '{wanted}' is no encoding; utf-8, cp1252 and utf-16 are.") from error
    with unpacked(file) as stream:
        start = stream.read(_CHUNK)
        for mark, name in _MARKS.items():
            if start.startswith(mark):
                return name
        if (unmarked := _without_mark(start)) is not None:
            return unmarked
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while start:
                decoder.decode(start)
                start = stream.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _one_byte(file)
    return "utf-8"


def _without_mark(start: bytes) -> str | None:
    """UTF-16 without a mark at its beginning: every other byte of Latin letters is 0."""
    sample = start[:4096]
    pairs = len(sample) // 2
    high, low = sample[1::2].count(0), sample[0::2].count(0)
    if pairs >= 4 and high > 0.4 * pairs and low < 0.1 * pairs:
        return "utf-16-le"
    return "utf-16-be" if pairs >= 4 and low > 0.4 * pairs and high < 0.1 * pairs else None


def _one_byte(file: Path) -> str:
    """cp1252, where every line that is not UTF-8 can be that, and no other line holds letters beyond ASCII."""
    first, unicode_line = None, None
    with unpacked(file) as stream:
        for number, line in enumerate(stream, start=1):
            if line.isascii():
                continue
            try:
                line.decode()
                unicode_line = unicode_line or number
            except UnicodeDecodeError as error:
                odd = f"byte 0x{line[error.start]:02x}"
                first = first or (number, odd)
                try:
                    line.decode("cp1252")
                except UnicodeDecodeError:
                    raise TLError(
                        f"{short_path(file)}:{number}: is not UTF-8 ({odd}), nor cp1252: name data.encoding, or save "
                        "the file as UTF-8."
                    ) from error
    if first is not None and unicode_line is not None:
        raise TLError(
            f"{short_path(file)}:{first[0]}: is not UTF-8 ({first[1]}), but line {unicode_line} is: save the whole "
            "file as UTF-8, or name data.encoding."
        )
    return "cp1252"
