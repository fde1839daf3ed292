"""Rows of a sheet of an .xlsx or .ods file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tl.boundary.foreign import reading
from tl.components.data.packed import refuse_packed
from tl.components.data.sheetsize import check_size
from tl.errors import TLError, did_you_mean
from tl.recipe.yamlfile import short_path

SHEETS = (".xlsx", ".ods")


def read_sheet(file: Path, sheet: str | None) -> tuple[Callable[[], Iterator[tuple[int, list[Any]]]], list[str]]:
    """A function that gives the rows of a sheet, each with its number, and lines for the user; null is the first sheet.

    Empty rows are passed over. Dates are dates, and whole numbers are float.
    """
    try:
        from python_calamine import CalamineWorkbook
    except ImportError as error:
        raise TLError(f"{short_path(file)}: reading spreadsheets needs pip install 'tl-toolkit[sheets]'.") from error
    refuse_packed(file, "spreadsheets are")
    check_size(file)
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
