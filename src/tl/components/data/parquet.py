"""Rows of Parquet files, of which only the wanted columns are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tl.components.data.packed import refuse_packed
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

_STEP = 4096
Rows = Callable[[Sequence[str]], Iterator[tuple[int, Sequence[Any]]]]


def parquet_table(file: Path) -> tuple[tuple[str, ...], Rows]:
    """The names of the columns, and a function that gives the rows of some of them."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise TLError(f"{short_path(file)}: reading Parquet needs pip install 'tl-toolkit[parquet]'.") from error
    refuse_packed(file, "Parquet is")
    try:
        with ParquetFile(file) as opened:
            names = tuple(opened.schema_arrow.names)
            if not opened.metadata.num_rows:
                raise TLError(f"{short_path(file)}: holds no rows.")
    except (ArrowException, OSError) as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise TLError(f"{short_path(file)}: is no readable Parquet file: {why}.") from error
    return names, lambda wanted: _rows(file, wanted)


def _rows(file: Path, wanted: Sequence[str]) -> Iterator[tuple[int, Sequence[Any]]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(file) as opened:
            for batch in opened.iter_batches(batch_size=_STEP, columns=list(dict.fromkeys(wanted))):
                columns = [_values(file, name, batch.column(name), number) for name in wanted]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield number, cells
    except (ArrowException, OSError) as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise TLError(f"{short_path(file)}: is no readable Parquet file: {why}.") from error


def _values(file: Path, name: str, column: Any, first: int) -> list[Any]:
    try:
        found: list[Any] = column.to_pylist()
    except (ValueError, OverflowError) as error:
        for row in range(len(column)):
            try:
                column[row].as_py()
            except (ValueError, OverflowError):
                raise TLError(
                    f"{short_path(file)}:{first + row + 1}: column '{name}' holds a value that cannot be read: {error}."
                ) from error
        raise
    return found
