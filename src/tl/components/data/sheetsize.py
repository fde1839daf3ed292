"""How much a spreadsheet asks for once it is read: every cell that it repeats, every text that cells share.

Its reader, in Rust, holds them all, and ends this process where there is no memory for them. So they are counted first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from xml.parsers.expat import ParserCreate
from zipfile import ZipFile

from tl.boundary.foreign import reading
from tl.components.data.packed import MOST_RATIO, MOST_UNPACKED, check_unpacked
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

_MOST_CELLS = 1 << 23
# Cells that share or repeat a text take next to no room in the file, so more is allowed than of a packed text.
_MOST_TEXT = 1 << 28
_PLACE = re.compile(rb"""\br=["']([A-Z]{0,3})(\d{1,7})["']""")
_SHARED = re.compile(rb"<(?:\w+:)?si\b.*?</(?:\w+:)?si>", re.DOTALL)
_USE = re.compile(rb"""\bt=["']s["'][^>]*>\s*<(?:\w+:)?v>\s*(\d{1,9})""")
_CELLS = ("table-cell", "covered-table-cell")


def check_size(file: Path) -> None:
    """TLError where a spreadsheet unpacks to far more than one would, or has a cell far away from all others."""
    size = file.stat().st_size
    left = max(MOST_UNPACKED, MOST_RATIO * size)
    with reading(short_path(file), "is no readable spreadsheet", "save or copy it again"), ZipFile(file) as archive:
        for one in archive.infolist():
            left -= one.file_size
            check_unpacked(file, left)
        names = archive.namelist()
        shared = archive.read("xl/sharedStrings.xml") if "xl/sharedStrings.xml" in names else b""
        lengths = [len(found[0]) for found in _SHARED.finditer(shared)]
        rows = columns = 1
        text = 0
        for name in names:
            if name == "content.xml":
                repeated = _Repeated()
                repeated.parser.Parse(archive.read(name), True)
                rows, columns, text = repeated.rows, repeated.columns, repeated.text
            elif name.startswith("xl/") and name != "xl/sharedStrings.xml":  # sheets may have any name there
                sheet = archive.read(name)
                for place in _PLACE.finditer(sheet):
                    columns, rows = max(columns, _column(place[1])), max(rows, int(place[2]))
                text += sum(lengths[number] for use in _USE.finditer(sheet) if (number := int(use[1])) < len(lengths))
    if rows * columns > max(_MOST_CELLS, size):
        raise TLError(
            f"{short_path(file)}: a sheet reaches to row {rows} and column {columns}: remove what stands far away."
        )
    check_unpacked(file, max(_MOST_TEXT, MOST_RATIO * size) - text)


class _Repeated:
    """Counts rows, columns and texts of the tables of an .ods file, where a row or cell says how often it stands there.

    Empty cells at the end of a row, and empty rows at the end of a table, are as good as none.
    """

    def __init__(self) -> None:
        self.parser = ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.rows = self.columns = 1
        self.text = 0
        self._row = self._column = self._width = self._times = self._repeats = 0

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "table":
            self._row = 0
        elif local == "table-row":
            self._times, self._column, self._width = _times(attributes, "number-rows-repeated"), 0, 0
            self._row += self._times
        elif local in _CELLS:
            self._repeats = _times(attributes, "number-columns-repeated")
            self._column += self._repeats
            if any(key.rpartition(":")[2] in ("value-type", "formula") for key in attributes):
                self._filled(sum(map(len, attributes.values())))

    def _characters(self, text: str) -> None:
        if self._repeats and not text.isspace():
            self._filled(len(text))

    def _filled(self, length: int) -> None:
        self._width = self._column
        self.text += length * self._repeats * self._times

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local in _CELLS:
            self._repeats = 0
        elif local == "table-row" and self._width:
            self.rows, self.columns = max(self.rows, self._row), max(self.columns, self._width)


def _times(attributes: Mapping[str, str], wanted: str) -> int:
    """How often a row or cell stands there."""
    return next((int(value) for key, value in attributes.items() if key.rpartition(":")[2] == wanted), 1)


def _column(letters: bytes) -> int:
    """The number of a column from its letters: A is 1, AA is 27."""
    return reduce(lambda number, letter: 26 * number + letter - ord("A") + 1, letters, 0)
