"""What a cell of a table means, alike in every kind of file: missing, a text, a name, a number, or no such thing."""

from __future__ import annotations

import datetime
import decimal
import re
import unicodedata
from collections.abc import Collection
from typing import Any

from tl.errors import TLError

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?")
_LIST = re.compile(r"\[\s*(['\"].*)?\]", re.DOTALL)
_MOST_DIGITS = 400


def is_missing(cell: Any, words: Collection[str]) -> bool:
    """Whether a cell holds nothing: null, NaN, an empty text, or one of the `words` (data.missing)."""
    match cell:
        case None:
            return True
        case str():
            return not cell.strip() or cell.strip() in words
        case float() | decimal.Decimal():
            return cell != cell
    return False


def text_of(cell: Any, column: str, words: Collection[str]) -> str:
    """A cell as a text, '' where it is missing; TLError for a list, a mapping, or bytes that are no UTF-8."""
    if isinstance(cell, str):
        return "" if words and cell.strip() in words else cell
    return "" if is_missing(cell, words) else _plain(cell, column)


def name_of(cell: Any, column: str, words: Collection[str]) -> str | None:
    """A cell as a name, such as a class; None where it is missing. 1 and 1.0 give '1', true gives 'true'.

    Names that look alike but are written with other Unicode characters (NFC and NFD) are one.
    """
    if is_missing(cell, words):
        return None
    word = (cell if isinstance(cell, str) else _plain(cell, column)).strip()
    return word if word.isascii() else unicodedata.normalize("NFC", word)


def _plain(cell: Any, column: str) -> str:
    match cell:
        case bytes():
            try:
                return cell.decode()
            except UnicodeDecodeError as error:
                raise TLError(f"column '{column}' holds bytes that are no UTF-8, not a text.") from error
        case bool():
            return str(cell).lower()
        case int():
            if abs(cell) < 10**_MOST_DIGITS:
                return str(cell)
            raise TLError(f"column '{column}' holds a number of more than {_MOST_DIGITS} digits: write it as a text.")
        case float() if cell.is_integer() and abs(cell) < 2**53:
            return str(int(cell))
        case float():
            return str(cell)
        case decimal.Decimal():
            return str(int(cell)) if cell == cell.to_integral_value() else f"{cell.normalize():f}"
        case datetime.datetime() | datetime.date() | datetime.time():
            return cell.isoformat()
        case datetime.timedelta():
            return str(cell)
    raise TLError(f"column '{column}' holds a {type(cell).__name__}, not a text.")


def labels_of(cell: Any, column: str, separator: str, words: Collection[str]) -> tuple[str, ...] | None:
    """The labels of a cell: the parts between separators, or a list's; None where the cell is null."""
    if cell is None or (isinstance(cell, float) and cell != cell):
        return None
    if isinstance(cell, str) and cell.strip() in words:
        return None
    if isinstance(cell, str) and _LIST.fullmatch(cell.strip()):
        raise TLError(
            f"column '{column}' holds a list written as a text, {cell.strip()[:60]}: write the labels with "
            f"'{separator}' (data.separator) between them, or keep lists in .jsonl or .parquet."
        )
    parts = (
        cell
        if isinstance(cell, list)
        else _plain(cell, column).split(separator)
        if not isinstance(cell, str)
        else cell.split(separator)
    )
    return tuple(dict.fromkeys(word for part in parts if (word := name_of(part, column, words)) is not None))


def label_of(cell: Any, column: str, words: Collection[str]) -> str | None:
    """The class in a cell; TLError where it holds several."""
    if isinstance(cell, (list, dict)):
        raise TLError(f"column '{column}' holds several labels: use data.labels for it.")
    return name_of(cell, column, words)


def number_of(cell: Any, column: str, decimal_comma: bool, words: Collection[str]) -> float:
    """The number in a cell, with a decimal comma where `decimal_comma` says so; TLError where it is none."""
    if isinstance(cell, (int, float, decimal.Decimal)) and not isinstance(cell, bool):
        try:
            return float(cell)
        except OverflowError as error:
            raise TLError(f"column '{column}' holds a number beyond the largest of float64.") from error
    word = text_of(cell, column, words).strip()
    value = as_number(word, decimal_comma)
    if value is None:
        mark = " Decimals are written with a comma here (data.decimal)." if decimal_comma else ""
        raise TLError(f"column '{column}' holds '{word}', which is no number.{mark}")
    return value


def as_number(word: str, decimal_comma: bool) -> float | None:
    """The number that a word writes; None where it writes none."""
    if decimal_comma:
        if "." in word and not _THOUSANDS.fullmatch(word):
            return None
        word = word.replace(".", "").replace(",", ".")
    try:
        return None if "_" in word else float(word)
    except ValueError:
        return None
