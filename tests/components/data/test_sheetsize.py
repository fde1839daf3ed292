"""A spreadsheet that asks for far more than it holds is refused before its reader makes all of it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.components.data.test_tablefile import cell, sheet
from tl.components.data.sheetsize import check_size
from tl.errors import TLError

FAR = "a sheet reaches to row {} and column {}: remove what stands far away."
MUCH = "unpacks to far more than a table would: unpack it and look at it."


def repeated(columns: int, value: str = "x") -> str:
    return cell(value).replace("<table:table-cell", f'<table:table-cell table:number-columns-repeated="{columns}"')


def empty(columns: int) -> str:
    return f'<table:table-cell table:number-columns-repeated="{columns}"/>'


def rows(file: Path, rows: int) -> Path:
    """The first row of a sheet, so many times."""
    sheet(file, ("s", [[repeated(3, "y" * 900)]]))
    return change(file, "<table:table-row>", f'<table:table-row table:number-rows-repeated="{rows}">')


def change(file: Path, old: str, new: str) -> Path:
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(old, new))
    return file


def refusal(file: Path) -> str:
    assert file.stat().st_size < 10_000
    with pytest.raises(TLError) as refused:
        check_size(file)
    return str(refused.value)


def test_repeated_cells_and_rows(tmp_path: Path) -> None:
    file = tmp_path / "a.ods"
    sheet(file, ("s", [[repeated(10**9)]]))
    assert refusal(file).endswith(FAR.format(1, 10**9))
    sheet(file, ("s", [[empty(10**9), cell("x")]]))
    assert refusal(file).endswith(FAR.format(1, 10**9 + 1))
    assert refusal(rows(file, 10**7)).endswith(FAR.format(10**7, 3))
    assert refusal(rows(file, 200_000)).endswith(MUCH)
    sheet(file, ("s", [[repeated(4)]]), ("t", [[cell("x")], [repeated(10**9)]]))
    assert refusal(file).endswith(FAR.format(2, 10**9))


def test_a_sound_sheet_ends_in_empty_cells_and_rows(tmp_path: Path) -> None:
    """As programs write it: the sheet to its last row and column, of which only some are filled."""
    file = tmp_path / "a.ods"
    sheet(file, ("s", [[cell("text"), cell("label"), empty(16382)], [repeated(2), empty(16382)], [empty(16384)]]))
    check_size(
        change(
            file,
            f"<table:table-row>{empty(16384)}",
            f'<table:table-row table:number-rows-repeated="1048574">{empty(16384)}',
        )
    )
    check_size(rows(file, 1000))


def book(file: Path, shared: str, used: int, name: str = "worksheets/sheet1.xml") -> Path:
    cells = "".join(f'<c r="A{row}" t="s"><v>0</v></c>' for row in range(1, used + 1))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst><si><t>{shared}</t></si><si><t>y</t></si></sst>")
        archive.writestr(f"xl/{name}", f"<sheetData>{cells}</sheetData>")
    return file


def test_texts_that_many_cells_share(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    assert refusal(book(file, "x" * 10**6, 300)).endswith(MUCH)
    check_size(book(file, "x" * 1000, 300))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/elsewhere.xml", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    assert refusal(file).endswith(FAR.format(1048576, 16384))


def test_a_repetition_that_is_no_number(tmp_path: Path) -> None:
    file = tmp_path / "a.ods"
    sheet(file, ("s", [[repeated(5).replace('"5"', '"many"')]]))
    assert "is no readable spreadsheet" in refusal(file)
