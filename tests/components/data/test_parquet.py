"""Parquet: lists and mappings are read as they are, and a small file that asks for gigabytes is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tl.components.data.parquet import parquet_table
from tl.errors import TLError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
SHARED = pyarrow.array(["x" * 300_000])


def read(file: Path, columns: dict[str, Any], **keys: Any) -> list[tuple[Any, ...]]:
    """The rows of a table that is written and read again."""
    parquet.write_table(pyarrow.table(columns), file, store_schema=False, **keys)
    names, rows = parquet_table(file)
    return [tuple(cells) for _, cells in rows(names)]


def texts(number: int) -> Any:
    """Many texts that are one in the file."""
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * number, pyarrow.int32()), SHARED)


def test_lists_and_mappings_of_texts(tmp_path: Path) -> None:
    lists = [["a", "b"], [], None, ["a", None]]
    mappings = [{"a": "x", "b": [1]}, {"a": None, "b": []}, None, {"a": "y", "b": None}]
    pairs = pyarrow.array([[("a", "x")], [], None, [("b", None)]], pyarrow.map_(pyarrow.string(), pyarrow.string()))
    columns = {"l": lists, "m": mappings, "p": pairs, "t": ["a", None, "b", "a"], "l.x": [b"1", b"", None, b"1"]}
    found = read(tmp_path / "a.parquet", columns, row_group_size=2)
    assert found == list(zip(lists, mappings, pairs.to_pylist(), columns["t"], columns["l.x"], strict=True))


@pytest.mark.parametrize("how", ["texts", "lists", "mappings", "lists of lists"])
def test_texts_that_are_one_in_the_file(how: str, tmp_path: Path) -> None:
    many = texts(8000)
    halves = pyarrow.ListArray.from_arrays(pyarrow.array(range(0, 8001, 2), pyarrow.int32()), many)
    column = {
        "texts": many,
        "lists": halves,
        "mappings": pyarrow.StructArray.from_arrays([many], ["a"]),
        "lists of lists": pyarrow.ListArray.from_arrays(pyarrow.array(range(0, 4001, 2), pyarrow.int32()), halves),
    }[how]
    with pytest.raises(TLError, match="unpacks to far more than a table would"):
        read(tmp_path / "a.parquet", {"t": column})
    assert (tmp_path / "a.parquet").stat().st_size < 100_000


def test_texts_in_lists_that_are_many_and_all_different(tmp_path: Path) -> None:
    lists = [[f"{number}, {part}, {'x' * 50}" for part in range(60)] for number in range(500)]
    assert read(tmp_path / "a.parquet", {"t": lists}, dictionary_pagesize_limit=2**12) == [(row,) for row in lists]
    assert read(tmp_path / "a.parquet", {"t": lists}, row_group_size=99) == [(row,) for row in lists]


def test_one_row_with_a_list_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tl.components.data.parquet._MOST_UNPACKED", 1 << 20)
    empty = pyarrow.nulls(1_000_000, pyarrow.int8())
    column = pyarrow.ListArray.from_arrays(pyarrow.array([0, len(empty)], pyarrow.int32()), empty)
    with pytest.raises(TLError, match="unpacks to far more than a table would"):
        read(tmp_path / "a.parquet", {"t": column})
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
