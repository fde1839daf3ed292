"""Table files of every kind, read row by row: the cells of the wanted columns, each row with its place."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from tl.components.data.encoding import encoding_of
from tl.components.data.packed import inner_name, unpacked
from tl.components.data.parquet import parquet_table
from tl.components.data.separated import rows_of, style_of, usual_style
from tl.components.data.spreadsheet import SHEETS, read_sheet
from tl.errors import TLError, did_you_mean, nearest
from tl.recipe.yamlfile import short_path

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet", *SHEETS)
_PEEKED, _SHOWN, _MOST_COLUMNS = 1000, 30, 100_000
Row = tuple[int, Sequence[Any]]
"""The number of a row, which is its line in a text file, and its cells."""


@dataclass(frozen=True)
class TableForm:
    """How a table file is to be read, as the recipe says; `auto` is found out. `columns` are given without a header."""

    columns: tuple[str, ...] | None
    delimiter: str
    quoting: str
    encoding: str
    sheet: str | None


@dataclass(frozen=True)
class OpenTable:
    """A table file: the names of its columns, and its rows with the cells of the columns that are asked for."""

    file: Path
    columns: tuple[str, ...]
    rows: Callable[[Sequence[str]], Iterator[Row]]
    notes: list[str] = field(default_factory=list)

    def check_columns(self, wanted: Mapping[str, str]) -> None:
        """TLError where the file lacks a column; `wanted` maps the recipe's key to the column that it names."""
        for key, column in wanted.items():
            if same_name(column) not in self.columns:
                listed = ", ".join(f"'{name}'" for name in self.columns[:_SHOWN])
                listed += f" and {len(self.columns) - _SHOWN} more" if len(self.columns) > _SHOWN else ""
                near = nearest(column, self.columns)
                raise TLError(f"data.{key}: {short_path(self.file)} has no column '{column}', only {listed}.{near}")


def open_table(file: Path, form: TableForm, wanted: Sequence[str]) -> OpenTable:
    """Open a table file; `wanted` are the columns that it should have, which tell the separator of its fields."""
    if file.is_dir():
        raise TLError(f"{short_path(file)}: is a folder: name the table's file, or choose data=image_folder.")
    if not file.is_file():
        near = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        raise TLError(f"{short_path(file)}: there is no such file.{did_you_mean(file.name, near)}")
    kind = Path(inner_name(file)).suffix.lower()
    match kind:
        case ".csv" | ".tsv":
            return _separated(file, kind, form, wanted)
        case ".jsonl":
            return _json_lines(file, form, wanted)
        case ".parquet":
            names, cells = parquet_table(file)
            _check_columns(file, len(names))
            return OpenTable(file, names, cells)
        case _ if kind in SHEETS:
            rows, notes = read_sheet(file, form.sheet)
            return _with_header(file, rows, form.columns, notes)
    raise TLError(
        f"{short_path(file)}: '{kind}' is no table: use {', '.join(FORMATS)}, or .csv.gz, .csv.xz, .csv.zip and the "
        "like."
    )


def _check_columns(file: Path, number: int) -> None:
    """TLError where a table has more columns than any that was made for learning."""
    if number > _MOST_COLUMNS:
        raise TLError(
            f"{short_path(file)}: has {number} columns, more than the {_MOST_COLUMNS} that are read: keep those that "
            "the recipe names."
        )


def same_name(name: str) -> str:
    """A column's name without spaces around it, in the usual form of its letters (NFC)."""
    return unicodedata.normalize("NFC", name.strip())


def _separated(file: Path, kind: str, form: TableForm, wanted: Sequence[str]) -> OpenTable:
    style = style_of(file, kind, form.delimiter, form.quoting, form.encoding, form.columns, wanted)
    said = style.note(usual_style(kind))
    notes = [f"{short_path(file)}: {said}."] if said else []
    width = len(form.columns) if form.columns is not None else None
    return _with_header(file, lambda: rows_of(file, style, width), form.columns, notes)


def _with_header(
    file: Path, rows: Callable[[], Iterator[Row]], columns: Sequence[str] | None, notes: list[str]
) -> OpenTable:
    """A table whose first row names the columns, unless `columns` do; a first row that repeats these is passed over."""
    first = next(rows(), None)
    if first is None:
        raise TLError(f"{short_path(file)}: holds no rows.")
    header = tuple(same_name(str(cell)) for cell in (first[1] if columns is None else columns))
    _check_columns(file, len(header))
    twice, often = Counter(header).most_common(1)[0]
    if often > 1:
        raise TLError(f"{short_path(file)}:{first[0]}: two columns are called '{twice}': rename one.")
    repeated = columns is not None and tuple(same_name(str(cell)) for cell in first[1]) == header
    if repeated:
        notes.append(f"{short_path(file)}:{first[0]}: this row repeats data.columns, so it is a header and left out.")

    def cells(names: Sequence[str]) -> Iterator[Row]:
        places = [header.index(same_name(name)) for name in names]
        pick = itemgetter(*places, places[0])  # of two places at least, since one alone gives no tuple
        return ((number, pick(fields)) for number, fields in islice(rows(), int(columns is None or repeated), None))

    return OpenTable(file, header, cells, notes)


def _json_lines(file: Path, form: TableForm, wanted: Sequence[str]) -> OpenTable:
    encoding = encoding_of(file, form.encoding)
    there: dict[str, None] = {}
    for read, (_, values) in enumerate(_objects(file, encoding)):
        there.update(dict.fromkeys(values))
        _check_columns(file, len(there))
        if read >= _PEEKED and all(name in there for name in wanted):
            break
    if not there:
        raise TLError(f"{short_path(file)}: holds no rows.")

    def cells(names: Sequence[str]) -> Iterator[Row]:
        written = {same_name(name): name for name in there}
        keys = [written[same_name(name)] for name in names]
        return ((number, [values.get(key) for key in keys]) for number, values in _objects(file, encoding))

    return OpenTable(file, tuple(map(same_name, there)), cells)


def _objects(file: Path, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    name = short_path(file)
    with unpacked(file) as stream:
        lines = (
            enumerate(stream, start=1)
            if encoding.startswith("utf-8")
            else enumerate(_decoded(stream.read(), encoding), 1)
        )
        for number, line in lines:
            if not line.strip():
                continue
            try:
                values = json.loads(line.decode(encoding) if isinstance(line, bytes) else line, parse_int=_whole)
            except json.JSONDecodeError as error:
                raise TLError(f"{name}:{number}: is not valid JSON: {error.msg} at column {error.colno}.") from error
            except RecursionError as error:
                raise TLError(f"{name}:{number}: its values are nested too deeply: flatten them.") from error
            if not isinstance(values, dict):
                raise TLError(f'{name}:{number}: each line must be a JSON object, such as {{"text": "..."}}.')
            yield number, values


def _decoded(data: bytes, encoding: str) -> list[str]:
    return data.decode(encoding).split("\n")


def _whole(digits: str) -> int | float:
    """A whole number; one with more digits than Python takes is the number that a float makes of it."""
    return int(digits) if len(digits) < sys.get_int_max_str_digits() else float(digits)
