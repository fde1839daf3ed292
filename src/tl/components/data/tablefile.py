"""Rows of CSV, TSV, JSONL and Parquet files, each with the place it was read from."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tl.errors import TLError, did_you_mean, nearest
from tl.recipe.yamlfile import short_path

_LONGEST_FIELD = 2**31 - 1
# A packed table takes a tenth or a twentieth of its bytes. A file that unpacks to more than _MAX_UNPACKED bytes and to
# more than _MAX_RATIO times its size was made to fill the memory.
_MAX_UNPACKED, _MAX_RATIO, _CHUNK = 1 << 24, 100, 1 << 20
FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class TableRow:
    """The cells of a row by column; `number` is the row's line in a text file, or its number in a Parquet file, from 1.

    `where` is the row's place in messages.
    """

    values: dict[str, Any]
    file: Path
    number: int
    where: str


def read_rows(file: Path, columns: Sequence[str] | None) -> list[TableRow]:
    """All rows of a file; `columns` are the column names of a CSV or TSV file that has no header line."""
    if file.is_dir():
        raise TLError(f"{short_path(file)}: is a folder: name the table's file, or choose data=image_folder.")
    if not file.is_file():
        near = [p.name for p in file.parent.iterdir()] if file.parent.is_dir() else []
        raise TLError(f"{short_path(file)}: there is no such file.{did_you_mean(file.name, near)}")
    kind = file.with_suffix("").suffix if file.suffix == ".gz" else file.suffix
    match kind.lower():
        case ".csv" | ".tsv":
            found = list(_read_separated(file, "," if kind.lower() == ".csv" else "\t", columns))
        case ".jsonl":
            found = list(_json_lines(file))
        case ".parquet":
            found = _parquet(file)
        case _:
            raise TLError(
                f"{short_path(file)}: '{kind}' is no table: use {', '.join(FORMATS)}, or .csv.gz and the like."
            )
    if not found:
        raise TLError(f"{short_path(file)}: holds no rows.")
    return found


def check_columns(rows: Sequence[TableRow], wanted: dict[str, str]) -> None:
    """TLError where no row has a column; `wanted` maps the recipe's key to the column that it names."""
    there = list(dict.fromkeys(name for row in rows for name in row.values))
    for key, column in wanted.items():
        if column not in there:
            listed = ", ".join(f"'{name}'" for name in there)
            near = nearest(column, there)
            if len(there) == 1 and ";" in there[0]:
                near = " It separates by semicolons: save it with commas."
            if len(there) == 1 and "\t" in there[0]:
                near = " It separates by tabs: name it .tsv."
            raise TLError(f"data.{key}: {short_path(rows[0].file)} has no column '{column}', only {listed}.{near}")


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        if file.suffix == ".gz":
            _check_unpacked_size(file)
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    odd = f"byte 0x{error.object[error.start]:02x}"
                    raise TLError(
                        f"{short_path(file)}:{number}: is not UTF-8 ({odd}): save the file as UTF-8."
                    ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TLError(f"{short_path(file)}: cannot be unpacked ({error}): copy the file again.") from error


def _check_unpacked_size(file: Path) -> None:
    """TLError where a .gz file unpacks to far more than a table would. It is read in chunks, and none is kept."""
    left = max(_MAX_UNPACKED, _MAX_RATIO * file.stat().st_size)
    with gzip.open(file) as stream:
        while piece := stream.read(_CHUNK):
            left -= len(piece)
            if left < 0:
                raise TLError(f"{short_path(file)}: unpacks to far more than a table would: unpack it and look at it.")


def _read_separated(file: Path, delimiter: str, columns: Sequence[str] | None) -> Iterator[TableRow]:
    """The rows of a CSV file, quoted as in RFC 4180, or of a TSV file, which has no quotes."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    lines = (line for _, line in _lines(file))
    if delimiter == ",":
        reader = csv.reader(lines, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    header = list(columns) if columns is not None else None
    name, start = short_path(file), 1
    try:
        for fields in reader:
            if header is None:
                header = _unique(fields, file)
            elif fields:
                yield TableRow(_by_column(header, fields, file, start, delimiter), file, start, f"{name}:{start}")
            start = reader.line_num + 1
    except csv.Error as error:
        if "new-line character" in str(error):
            raise TLError(
                f"{short_path(file)}:{start}: a line ends here in \\r alone: save the file with \\n."
            ) from error
        raise TLError(
            f"{short_path(file)}:{start}: the row that starts here is not valid CSV ({error}): close every quote, and "
            'write a quote inside a quoted field as "".'
        ) from error
    finally:
        csv.field_size_limit(before)


def _unique(header: list[str], file: Path) -> list[str]:
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise TLError(f"{short_path(file)}:1: two columns are called '{twice}': rename one.")
    return header


def _by_column(header: list[str], fields: list[str], file: Path, line: int, delimiter: str) -> dict[str, Any]:
    if len(fields) != len(header):
        name = "a comma" if delimiter == "," else "a tab"
        remedy = f"quote fields that hold {name}" if delimiter == "," else f"remove {name} inside fields"
        raise TLError(
            f"{short_path(file)}:{line}: has {len(fields)} fields, but there are {len(header)} columns: {remedy}."
        )
    return dict(zip(header, fields, strict=True))


def _json_lines(file: Path) -> Iterator[TableRow]:
    for number, line in _lines(file):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise TLError(
                f"{short_path(file)}:{number}: is not valid JSON: {error.msg} at column {error.colno}."
            ) from error
        if not isinstance(values, dict):
            raise TLError(f'{short_path(file)}:{number}: each line must be a JSON object, such as {{"text": "..."}}.')
        yield TableRow(values, file, number, f"{short_path(file)}:{number}")


def _parquet(file: Path) -> list[TableRow]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_table
    except ImportError as error:
        raise TLError(f"{short_path(file)}: reading Parquet needs pip install 'tl-toolkit[parquet]'.") from error
    try:
        table = read_table(file)
    except (ArrowException, OSError) as error:
        raise TLError(
            f"{short_path(file)}: is no readable Parquet file: {str(error).splitlines()[0].rstrip('.')}."
        ) from error
    name = short_path(file)
    return [
        TableRow(values, file, number, f"{name}:{number}") for number, values in enumerate(table.to_pylist(), start=1)
    ]
