"""Rows of Parquet files, of which only the wanted columns are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from tl.boundary.foreign import each, reading
from tl.components.data.packed import MOST_RATIO, check_unpacked, refuse_packed
from tl.errors import MachineFault, TLError
from tl.recipe.yamlfile import short_path

_STEP, _AT_ONCE = 1 << 12, 1 << 16
# Equal cells take next to no room in a Parquet file, so more is allowed than of a packed text.
_MOST_UNPACKED = 1 << 28
Rows = Callable[[Sequence[str]], Iterator[tuple[int, Sequence[Any]]]]


def parquet_table(file: Path) -> tuple[tuple[str, ...], Rows]:
    """The names of the columns, and a function that gives the rows of some of them."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise TLError(f"{short_path(file)}: reading Parquet needs pip install 'tl-toolkit[parquet]'.") from error
    refuse_packed(file, "Parquet is")
    with _boundary(file), parquet.ParquetFile(file) as opened:
        names = tuple(opened.schema_arrow.names)
        if not opened.metadata.num_rows:
            raise TLError(f"{short_path(file)}: holds no rows.")
    return names, lambda wanted: _rows(file, wanted)


def _boundary(file: Path) -> AbstractContextManager[None]:
    return reading(short_path(file), "is no readable Parquet file", "write or copy it again")


def _rows(file: Path, wanted: Sequence[str]) -> Iterator[tuple[int, Sequence[Any]]]:
    from pyarrow.parquet import ParquetFile

    number, left = 0, max(_MOST_UNPACKED, MOST_RATIO * file.stat().st_size)
    names = list(dict.fromkeys(wanted))
    with _boundary(file):
        opened = ParquetFile(file, read_dictionary=_texts(file, names))
        _check_stored(file, opened.metadata, left)
        batches = opened.iter_batches(batch_size=_AT_ONCE, columns=names)
    with closing(opened):
        for batch in each(batches, short_path(file), "is no readable Parquet file", "write or copy it again"):
            left -= sum(_size(file, batch.column(name)) for name in names)
            check_unpacked(file, left)
            for first in range(0, batch.num_rows, _STEP):
                parts = (_plain(batch.column(name).slice(first, _STEP)) for name in wanted)
                columns = [_values(file, name, part, number) for name, part in zip(wanted, parts, strict=True)]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield number, cells


def _texts(file: Path, names: Sequence[str]) -> list[str]:
    """The columns of texts and bytes: these are kept as the file packs them until their size is known."""
    import pyarrow
    from pyarrow.parquet import read_schema

    kinds = (pyarrow.types.is_string, pyarrow.types.is_binary)
    return [
        field.name for field in read_schema(file) if field.name in names and any(is_a(field.type) for is_a in kinds)
    ]


def _check_stored(file: Path, metadata: Any, most: int) -> None:
    """TLError where pages unpack to more than `most` bytes, which the reader would ask for at once."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    check_unpacked(file, most - max((group.total_byte_size for group in groups), default=0))


def _size(file: Path, column: Any) -> int:
    """The bytes that the cells of a column take where each stands for itself."""
    import pyarrow
    from pyarrow import compute

    with _boundary(file):
        if not pyarrow.types.is_dictionary(column.type):
            return int(column.nbytes)
        lengths = compute.binary_length(column.dictionary).take(column.indices)
        return int(compute.sum(lengths.cast("int64")).as_py() or 0)


def _plain(column: Any) -> Any:
    """A column whose cells stand for themselves, which are ten times as quick to take out."""
    from pyarrow import DictionaryArray

    return column.dictionary_decode() if isinstance(column, DictionaryArray) else column


def _values(file: Path, name: str, column: Any, first: int) -> list[Any]:
    """The cells of a column; TLError names the row of one that cannot be read."""
    place = f"{short_path(file)}: column '{name}'"
    try:
        with reading(place, "cannot be read", "write or copy it again"):
            found: list[Any] = column.to_pylist()
    except MachineFault:
        raise
    except TLError:
        for row in range(len(column)):
            place = f"{short_path(file)}:{first + row + 1}"
            with reading(place, f"column '{name}' holds a value that cannot be read", "mend or remove the row"):
                column[row].as_py()
        raise
    return found
