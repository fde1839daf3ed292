"""Rows of Parquet files, of which only the wanted columns are read."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
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
_LEAST = 4  # bytes that the reader takes for any value
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
        with ParquetFile(file) as plain:
            kinds, leaves = plain.schema_arrow, list(_leaves(plain.schema, names))
            texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
            _check_stored(file, plain.metadata, {leaf.path for leaf in leaves if leaf.max_repetition_level}, left)
            _check_nested(file, plain, [text for text in texts if text not in names], left)
        opened = ParquetFile(file, read_dictionary=[text for text in texts if text in names])
        batches = opened.iter_batches(batch_size=_AT_ONCE, columns=names)
    with closing(opened):
        for batch in each(batches, short_path(file), "is no readable Parquet file", "write or copy it again"):
            with _boundary(file):
                left -= sum(_size(batch.column(name)) for name in names)
            check_unpacked(file, left)
            for first in range(0, batch.num_rows, _STEP):
                parts = (_plain(batch.column(name).slice(first, _STEP), kinds.field(name).type) for name in wanted)
                columns = [_values(file, name, part, number) for name, part in zip(wanted, parts, strict=True)]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield number, cells


def _leaves(schema: Any, names: Sequence[str]) -> Iterator[Any]:
    """What the file stores for these columns; a list or a mapping is stored as what is in it."""
    for number in range(len(schema)):
        leaf = schema.column(number)
        if any(leaf.path == name or leaf.path.startswith(f"{name}.") for name in names):
            yield leaf


def _check_stored(file: Path, metadata: Any, lists: Container[str], most: int) -> None:
    """TLError where pages unpack to more than `most` bytes, which the reader would ask for at once.

    So it does for all values of a row, of which a list may have any number.
    """
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    check_unpacked(file, most - max((group.total_byte_size for group in groups), default=0))
    for group in groups:
        chunks = (group.column(number) for number in range(group.num_columns))
        check_unpacked(file, most - _LEAST * sum(one.num_values for one in chunks if one.path_in_schema in lists))


def _check_nested(file: Path, opened: Any, texts: Sequence[str], left: int) -> None:
    """TLError where texts in lists and mappings, one in the file for many cells, take more than `left` bytes.

    Where the file holds too many texts to number them, they stand in it one by one, and need no check.
    """
    from pyarrow import ArrowNotImplementedError
    from pyarrow.parquet import ParquetFile

    for number in range(opened.metadata.num_row_groups):
        group = opened.metadata.row_group(number)
        chunks = [group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema in texts]
        if sum(one.num_values * one.total_uncompressed_size for one in chunks) > left:
            try:
                with ParquetFile(file, read_dictionary=texts) as packed:
                    columns = packed.read_row_group(number, columns=texts).columns
            except ArrowNotImplementedError:
                continue
            left -= sum(_size(chunk) for column in columns for chunk in column.chunks)
            check_unpacked(file, left)


def _size(column: Any) -> int:
    """The bytes that the cells of a column take where each stands for itself."""
    from pyarrow import DictionaryArray, MapArray, StructArray, compute, types

    if isinstance(column, DictionaryArray):
        lengths = compute.binary_length(column.dictionary).take(column.indices)
        return int(compute.sum(lengths.cast("int64")).as_py() or 0)
    if isinstance(column, StructArray):
        return sum(map(_size, column.flatten()))
    if isinstance(column, MapArray):
        return _size(column.keys) + _size(column.items)
    if any(is_a(column.type) for is_a in (types.is_list, types.is_large_list, types.is_fixed_size_list)):
        return _size(column.flatten())
    return int(column.nbytes)


def _plain(column: Any, kind: Any) -> Any:
    """A column whose cells stand for themselves, which are ten times as quick to take out."""
    return column if column.type == kind else column.cast(kind)


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
