"""Rows of CSV and TSV files, and how such a file is written: what separates its fields, and whether it quotes them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tl.components.data.encoding import encoding_of
from tl.components.data.packed import unpacked
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

_LONGEST_FIELD = 2**31 - 1
_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_LOOKED_AT = 200
_QUOTES = {"double": '"', "single": "'"}


@dataclass(frozen=True)
class Style:
    """How a file is written; `quote` is None where quotes are letters like others."""

    delimiter: str
    quote: str | None
    encoding: str

    def note(self, usual: Style) -> str | None:
        """A clause that says in what a file differs from what its name says; None where it does not."""
        said = []
        if self.delimiter != usual.delimiter:
            said.append(f"fields end at {_DELIMITERS.get(self.delimiter, repr(self.delimiter))} (data.delimiter)")
        if self.quote != usual.quote:
            said.append("quotes around fields are taken off (data.quoting)" if self.quote else "quotes are letters")
        if self.encoding not in ("utf-8", "utf-8-sig"):
            said.append(f"the encoding is {self.encoding} (data.encoding)")
        return ", ".join(said) or None


def usual_style(kind: str) -> Style:
    """What a file's ending says of it."""
    return Style(",", '"', "utf-8") if kind == ".csv" else Style("\t", None, "utf-8")


@contextmanager
def text_lines(file: Path, encoding: str) -> Iterator[Iterator[str]]:
    """The lines of a text file, packed or not; TLError where it is not of this encoding."""
    with unpacked(file) as stream, io.TextIOWrapper(stream, encoding, newline="\n") as text:
        try:
            yield text
        except UnicodeError as error:
            raise TLError(f"{short_path(file)}: is not {encoding} ({error}): set data.encoding.") from error


def style_of(
    file: Path,
    kind: str,
    delimiter: str,
    quoting: str,
    encoding: str,
    columns: Sequence[str] | None,
    wanted: Collection[str],
) -> Style:
    """The style of a file where it is not given: `wanted` are column names that the header should have.

    The separator is that which finds most of the wanted columns, then that which gives rows of equal length, then that
    of the file's ending. The quotes of a TSV file count where all its rows are well formed so.
    """
    usual, found = usual_style(kind), encoding_of(file, encoding)
    with text_lines(file, found) as lines:
        start = [*islice(lines, _LOOKED_AT)]
    quote = usual.quote if quoting == "auto" else _QUOTES.get(quoting)
    if delimiter == "auto":
        known = set(wanted if columns is None else ())
        choices = dict.fromkeys((usual.delimiter, *_DELIMITERS))
        width = len(columns) if columns is not None else None
        delimiter = max(choices, key=lambda one: _fit(start, one, '"', known, width))
    if quoting == "auto" and quote is None and _quoted_throughout(file, found, delimiter):
        quote = '"'
    return Style(delimiter, quote, found)


def _fit(
    start: Sequence[str], delimiter: str, quote: str, wanted: Collection[str], width: int | None
) -> tuple[float, ...]:
    try:
        rows = [row for row in csv.reader(start, delimiter=delimiter, quotechar=quote) if row]
    except csv.Error:
        return (0.0, 0.0)
    if not rows:
        return (0.0, 0.0)
    named = len(set(map(str.strip, rows[0])) & set(wanted))
    size, often = Counter(map(len, rows)).most_common(1)[0]
    alike = often / len(rows) if size > 1 and width in (None, size) else 0.0
    return float(named), alike


def _quoted_throughout(file: Path, encoding: str, delimiter: str) -> bool:
    """Whether fields are quoted as in RFC 4180: some are, and every row is well formed and as long as the first."""
    quoted = re.compile(f'(^|{re.escape(delimiter)})"')
    with text_lines(file, encoding) as lines:
        if not any('"' in line and quoted.search(line) for line in lines):
            return False
    with text_lines(file, encoding) as lines, _long_fields():
        try:
            return len({len(row) for row in csv.reader(lines, delimiter=delimiter, strict=True) if row}) == 1
        except csv.Error:
            return False


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def rows_of(file: Path, style: Style, width: int | None) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line where it begins, the header too; a row that is not as wide as the first is a TLError.

    `width` is the number of columns where the file has no header.
    """
    name, start = short_path(file), 1
    with text_lines(file, style.encoding) as lines, _long_fields():
        if style.quote:
            reader = csv.reader(lines, delimiter=style.delimiter, quotechar=style.quote, strict=True)
        else:
            reader = csv.reader(lines, delimiter=style.delimiter, quoting=csv.QUOTE_NONE, strict=True)
        try:
            for fields in reader:
                width = width or len(fields)
                if len(fields) == width:
                    yield start, fields
                elif fields:
                    raise TLError(f"{name}:{start}: {_wrong_width(len(fields), width, style)}")
                start = reader.line_num + 1
        except csv.Error as error:
            if "new-line character" in str(error):
                raise TLError(f"{name}:{start}: a line ends here in \\r alone: save the file with \\n.") from error
            raise TLError(
                f"{name}:{start}: the row that starts here is not valid CSV ({error}): close every quote, and write a "
                'quote inside a quoted field as ""; data.quoting=none takes quotes for letters.'
            ) from error


def _wrong_width(found: int, columns: int, style: Style) -> str:
    mark = _DELIMITERS.get(style.delimiter, repr(style.delimiter))
    if found < columns:
        remedy = f"write all fields, with {mark} between them"
    elif style.quote:
        remedy = f"quote fields that hold {mark}"
    else:
        remedy = f"remove {mark} inside fields"
    return f"has {found} fields, but there are {columns} columns: {remedy}."
