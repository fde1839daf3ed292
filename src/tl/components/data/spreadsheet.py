"""Rows of a sheet of an .xlsx or .ods file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tl.boundary.foreign import reading
from tl.components.data.packed import MOST_RATIO, MOST_UNPACKED, check_unpacked, refuse_packed
from tl.errors import TLError, did_you_mean
from tl.recipe.yamlfile import short_path

SHEETS = (".xlsx", ".ods")
_MOST_CELLS = 1 << 23
_PLACE = re.compile(rb"""\br=["']([A-Z]{0,3})(\d{1,7})["']""")


def read_sheet(file: Path, sheet: str | None) -> tuple[Callable[[], Iterator[tuple[int, list[Any]]]], list[str]]:
    """A function that gives the rows of a sheet, each with its number, and lines for the user; null is the first sheet.

    Empty rows are passed over. Dates are dates, and whole numbers are float.
    """
    try:
        from python_calamine import CalamineWorkbook
    except ImportError as error:
        raise TLError(f"{short_path(file)}: reading spreadsheets needs pip install 'tl-toolkit[sheets]'.") from error
    refuse_packed(file, "spreadsheets are")
    _check_size(file)
    with (
        reading(short_path(file), "is no readable spreadsheet", "save or copy it again"),
        CalamineWorkbook.from_path(file) as book,
    ):
        names = list(book.sheet_names)
        if sheet is not None and sheet not in names:
            raise TLError(f"data.sheet: {short_path(file)} has no sheet '{sheet}'.{did_you_mean(sheet, names)}")
        chosen = sheet or names[0]
        cells = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
    rows = [(number, row) for number, row in enumerate(cells, start=1) if any(cell != "" for cell in row)]
    if not rows:
        raise TLError(f"{short_path(file)}: the sheet '{chosen}' holds no rows: name another in data.sheet.")
    several = f"{short_path(file)}: the sheet '{chosen}' is read, of {len(names)} (data.sheet)."
    return lambda: iter(rows), [several] if len(names) > 1 and sheet is None else []


def _check_size(file: Path) -> None:
    """TLError where a spreadsheet unpacks to far more than one would, or has a cell far away from all others.

    Its reader holds every cell of the rectangle from the first cell to the last, and ends this process without memory.
    """
    left = max(MOST_UNPACKED, MOST_RATIO * file.stat().st_size)
    rows = columns = 1
    with reading(short_path(file), "is no readable spreadsheet", "save or copy it again"), ZipFile(file) as archive:
        for one in archive.infolist():
            left -= one.file_size
            check_unpacked(file, left)
            if one.filename.startswith("xl/worksheets/"):
                for found in _PLACE.finditer(archive.read(one)):
                    columns, rows = max(columns, _column(found[1])), max(rows, int(found[2]))
    if rows * columns > max(_MOST_CELLS, file.stat().st_size):
        raise TLError(
            f"{short_path(file)}: a sheet reaches to row {rows} and column {columns}: remove what stands far away."
        )


def _column(letters: bytes) -> int:
    """The number of a column from its letters: A is 1, AA is 27."""
    return reduce(lambda number, letter: 26 * number + letter - ord("A") + 1, letters, 0)
