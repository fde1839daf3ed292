"""Data sets that the Hugging Face library `datasets` saved on disk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar, Unpack, final

from tl.boundary.foreign import reading
from tl.components.data.base import Common, DataSource
from tl.components.data.cells import name_of, text_of
from tl.components.data.folders import check_root
from tl.components.sample import Picture, Raw, Sample
from tl.errors import TLError, nearest
from tl.recipe.yamlfile import short_path

T = TypeVar("T")
_AGAIN = "save or copy the data set again"


@final
class HuggingFace(DataSource):
    """A folder written by `save_to_disk`, with or without splits. Pictures stay on disk until they are opened."""

    kind = "single"

    def __init__(
        self,
        *,
        root: Path,
        text: str | None,
        pair: str | None,
        image: str | None,
        label: str,
        group: str | None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(common)
        if (text is None) == (image is None):
            raise TLError("data.text: give either this or data.image: the column that holds the input.")
        if pair is not None and text is None:
            raise TLError(f"data.pair={pair} needs data.text: the column of the first text.")
        self.root, self.label, self.group = root, label, group
        self.text, self.pair, self.image = text, pair, image
        self.modality = "image" if image else "text"

    def read(self) -> list[Sample]:
        return [sample for split, rows in _load_splits(self.root).items() for sample in self._split(rows, split)]

    def _split(self, rows: Any, split: str) -> list[Sample]:
        needed = ["text", "pair", "image"] + (["label"] if self.purpose != "prediction" else [])
        group = self.group if self.purpose == "training" else None
        columns = {key: getattr(self, key) for key in needed if getattr(self, key)} | (
            {"group": group} if group else {}
        )
        for key, column in columns.items():
            if column not in rows.features:
                listed = ", ".join(f"'{name}'" for name in rows.features)
                near = nearest(column, rows.features)
                raise TLError(f"data.{key}: {self._place(split)} has no column '{column}', only {listed}.{near}")
        inputs = self._pictures(rows, split) if self.image else self._texts(rows, split)
        labels = self._labels(rows, split) if "label" in columns else [None] * len(rows)
        groups = self._cells(rows, split, group, name_of) if group else [None] * len(rows)
        prefix, place = f"{split}/" if split else "", self._place(split)
        return [
            Sample(f"{prefix}{i}", value, label, f"{place}:{i + 1}", split or None, group)
            for i, (value, label, group) in enumerate(zip(inputs, labels, groups, strict=True))
        ]

    def _place(self, split: str) -> str:
        return f"{short_path(self.root)}/{split}" if split else short_path(self.root)

    def _cells(self, rows: Any, split: str, column: str, meaning: Callable[[Any, str, Collection[str]], T]) -> list[T]:
        """What the cells of a column mean; TLError with the place of a cell that means nothing."""
        missing, found = frozenset(self.common["missing"]), []
        for number, cell in enumerate(self._column(rows, split, column), start=1):
            try:
                found.append(meaning(cell, column, missing))
            except TLError as error:
                raise TLError(f"{self._place(split)}:{number}: {error}") from error
        return found

    def _column(self, rows: Any, split: str, column: str) -> Sequence[Any]:
        with reading(self._place(split), f"column '{column}' cannot be read", _AGAIN):
            return [*rows[column]]

    def _texts(self, rows: Any, split: str) -> list[Raw]:
        first, *second = (
            self._cells(rows, split, name, text_of) for name in (self.text, self.pair) if name is not None
        )
        return list(zip(first, *second, strict=True)) if second else [*first]

    def _pictures(self, rows: Any, split: str) -> list[Raw]:
        from datasets import Image

        assert self.image is not None
        if not isinstance(rows.features[self.image], Image):
            raise TLError(f"data.image: column '{self.image}' of {self._place(split)} holds no pictures.")
        place, dataset_key = self._place(split), f"{rows._fingerprint}/{self.image}"
        reads = (partial(_bytes, self.root, split, self.image, i) for i in range(len(rows)))
        return [Picture(f"{place}:{i + 1}", f"{dataset_key}/{i}", read) for i, read in enumerate(reads)]

    def _labels(self, rows: Any, split: str) -> list[str | None]:
        from datasets import ClassLabel, Value

        match rows.features[self.label]:
            case ClassLabel() as feature:
                numbers = self._column(rows, split, self.label)
                odd = next((n for n, v in enumerate(numbers, 1) if v is not None and v >= len(feature.names)), None)
                if odd is not None:
                    what = f"label {numbers[odd - 1]}, but names labels 0 to {len(feature.names) - 1}"
                    raise TLError(f"{self._place(split)}:{odd}: column '{self.label}' holds {what}: {_AGAIN}.")
                return [None if v is None or v < 0 else feature.names[v] for v in numbers]
            case Value(dtype=dtype) if not dtype.startswith(("float", "double")):
                return self._cells(rows, split, self.label, name_of)
        raise TLError(
            f"data.label: column '{self.label}' of {self._place(split)} holds no single class: save the dataset with "
            "to_parquet and use data=table, which reads several labels and numbers."
        )


@lru_cache(maxsize=4)
def _load_splits(root: Path) -> Mapping[str, Any]:
    """Data sets by split; a data set without splits is under the name ''."""
    try:
        from datasets import DatasetDict, load_from_disk
    except ImportError as error:
        raise TLError("data=huggingface needs pip install 'tl-toolkit[datasets]'.") from error
    check_root(root)
    with reading(f"data.root={short_path(root)}", "is no data set that can be read", _AGAIN):
        try:
            found = load_from_disk(str(root))
        except FileNotFoundError as error:
            raise TLError(f"data.root={short_path(root)}: is no folder written by save_to_disk.") from error
        splits = {str(k): v for k, v in found.items()} if isinstance(found, DatasetDict) else {"": found}
        for one in splits.values():  # Arrow reads wherever a file says that a text begins, also outside of the file
            one.data.validate(full=True)
    return splits


@lru_cache(maxsize=16)
def _undecoded_column(root: Path, split: str, column: str) -> Any:
    from datasets import Image

    with reading(short_path(root), f"column '{column}' cannot be read", _AGAIN):
        return _load_splits(root)[split].select_columns([column]).cast_column(column, Image(decode=False))


def _bytes(root: Path, split: str, column: str, i: int) -> bytes:
    undecoded = _undecoded_column(root, split, column)
    with reading(f"{short_path(root)}/{split}:{i + 1}", f"column '{column}' cannot be read", _AGAIN):
        cell = undecoded[i][column]
    if cell is None:
        raise TLError(f"{short_path(root)}/{split}:{i + 1}: column '{column}' is empty: remove the row.")
    data: bytes = cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()
    return data
