"""Texts, pairs of texts or pictures listed in table files, with one label, several labels or numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Unpack, final

from tl.components.data.base import Common, DataSource
from tl.components.data.cells import (
    as_number,
    is_missing,
    label_of,
    labels_of,
    name_of,
    number_of,
    text_of,
)
from tl.components.data.labels import names_of
from tl.components.data.tablefile import OpenTable, TableForm, open_table, same_name
from tl.components.data.tablesamples import Cells, SampleColumns
from tl.components.sample import Picture, Raw, Samples, Target, Together
from tl.errors import TLError, did_you_mean
from tl.recipe.yamlfile import short_path

_READ_AT_ONCE, _LOOKED_AT = 2048, 1000
_TARGETS = ("label", "labels", "label_columns", "numbers")


@final
class TableSource(DataSource):
    """One file, or a file for each split. A sample's id is its line number where no column holds ids."""

    def __init__(
        self,
        *,
        file: Path | None,
        files: Mapping[str, Path] | None,
        columns: tuple[str, ...] | None,
        text: str | None,
        pair: str | None,
        image: str | None,
        images: Path | None,
        label: str | None,
        labels: str | None,
        separator: str,
        label_columns: tuple[str, ...],
        numbers: tuple[str, ...],
        id: str | None,
        group: str | None,
        split_column: str | None,
        delimiter: str,
        quoting: Literal["auto", "double", "single", "none"],
        encoding: str,
        decimal: Literal["auto", "point", "comma"],
        sheet: str | None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(common)
        self.file, self.files = file, files
        self.form, self.decimal = TableForm(columns, delimiter, quoting, encoding, sheet), decimal
        self.missing = frozenset(self.common["missing"])
        self._known: dict[str, str | None] = {}
        self.text, self.pair, self.image, self.images = text, pair, image, images
        self.label, self.labels, self.separator = label, labels, separator
        self.label_columns, self.numbers = label_columns, numbers
        self.id, self.group, self.split_column = id, group, split_column
        self._check()
        self.modality = "image" if image else "text"
        targets = any(getattr(self, key) for key in _TARGETS)
        self.kind = "number" if numbers else "single" if label else "multi" if targets else "match"

    def _check(self) -> None:
        if (self.file is None) == (not self.files):
            raise TLError(
                "data.file: give either this, or data.files with a path for each split, such as {train: a.csv}."
            )
        if (self.text is None) == (self.image is None):
            raise TLError("data.text: give either this or data.image: the column that holds the input.")
        if self.pair is not None and self.pair in (self.text, self.image):
            first = "text" if self.text else "image"
            raise TLError(f"data.pair={self.pair} is data.{first} too: name the column of the second one, or set null.")
        given = [key for key in _TARGETS if getattr(self, key)]
        if len(given) != 1 and (given or self.pair is None):  # pairs without a target belong together
            said = " and ".join(f"data.{key}" for key in given) or "none"
            raise TLError(
                f"data.label: give exactly one of {', '.join(f'data.{key}' for key in _TARGETS)} (here: {said})."
            )
        if self.labels is not None and not self.separator:
            raise TLError("data.separator='': name what stands between the labels of a cell, such as ';'.")
        if self.form.delimiter != "auto" and len(self.form.delimiter) != 1:
            raise TLError(f"data.delimiter='{self.form.delimiter}': one character ends a field; auto finds it out.")
        if self.files and self.split_column is not None:
            raise TLError(f"data.split_column={self.split_column} and data.files both name splits: give one.")

    def target_names(self) -> tuple[str, ...]:
        return self.numbers

    def read(self) -> Samples:
        columns = SampleColumns(len(self.numbers))
        for name, table in self._tables():
            for cells in self._cells(table, _READ_AT_ONCE):
                self._convert(columns, cells, name)
        return columns.samples()

    def parts(self, size: int) -> Iterator[Samples]:
        for name, table in self._tables():
            for cells in self._cells(table, size):
                columns = SampleColumns(len(self.numbers))
                self._convert(columns, cells, name)
                yield columns.samples()

    def _tables(self) -> Iterator[tuple[str, OpenTable]]:
        """Each table, opened, with the name of the split that it is; '' where it is all splits."""
        named = {"": self.file} if self.file is not None else {**(self.files or {})}
        for name, file in named.items():
            assert file is not None
            table = open_table(file, self.form, list(self._named_columns().values()))
            self.notes += table.notes
            self._forget_absent_ids(table)
            table.check_columns(self._named_columns())
            self._note_decimals(table)
            yield name, table

    def _cells(self, table: OpenTable, size: int) -> Iterator[Cells]:
        """The cells of the columns that the recipe names, so many rows at once."""
        wanted = tuple(dict.fromkeys(self._named_columns().values()))
        rows, found = table.rows(wanted), 0
        while block := list(islice(rows, size)):
            found += len(block)
            yield Cells(table.file, wanted, [number for number, _ in block], [cells for _, cells in block])
        if not found:
            raise TLError(f"{short_path(table.file)}: holds no rows.")

    def _note_decimals(self, table: OpenTable) -> None:
        """Find out the decimal mark of the columns of numbers, and say it where it is a comma."""
        self._comma = self.decimal == "comma"
        if self.decimal != "auto" or not self.numbers or self.purpose == "prediction":
            return
        rows = (cells for _, cells in islice(table.rows(self.numbers), _LOOKED_AT))
        words = [cell.strip() for cells in rows for cell in cells if isinstance(cell, str)]
        known = [word for word in words if not is_missing(word, self.missing) and as_number(word, False) is None]
        if known and all(as_number(word, True) is not None for word in known):
            self._comma = True
            self.notes.append(
                f"{short_path(table.file)}: decimals are written with a comma, such as {known[0]} (data.decimal)."
            )

    def _convert(self, columns: SampleColumns, cells: Cells, name: str) -> None:
        """Add the samples of some rows: all at once, or one by one where one of them is wrong."""
        try:
            self._add(columns, cells, name)
        except TLError:
            for row in cells.single_rows():
                self._convert_row(columns, row, name)

    def _convert_row(self, columns: SampleColumns, row: Cells, name: str) -> None:
        try:
            self._add(columns, row, name)
        except TLError as error:
            message = f"{row.place(0)}: {error}"
            if self.common["on_error"] == "stop":
                raise TLError(message) from error
            self.skipped.append(message)
            self.skipped_classes.update(self._classes(row))

    def _add(self, columns: SampleColumns, cells: Cells, name: str) -> None:
        """All values are made before one is added, so that a mistake adds nothing."""
        training = self.purpose == "training"
        ids = [self._id(cell, name) for cell in cells.column(self.id)] if self.id else None
        inputs = self._inputs(cells)
        targets = [None] * len(cells) if self.purpose == "prediction" else self._targets(cells)
        split, group = (self.split_column, self.group) if training else (None, None)
        splits = self._names(cells, split) if split else [(name or None) if training else None] * len(cells)
        groups = self._names(cells, group) if group else [None] * len(cells)
        columns.add(cells, name, ids, inputs, targets, splits, groups)

    def _forget_absent_ids(self, table: OpenTable) -> None:
        """Take line numbers for ids where only training needs the column of ids and the file has none."""
        if self.id is not None and self.purpose != "training" and same_name(self.id) not in table.columns:
            self.notes.append(
                f"{short_path(table.file)} has no column '{self.id}' (data.id): ids are its line numbers."
            )
            self.id = None

    def _named_columns(self) -> dict[str, str]:
        """The columns that the recipe names and `purpose` needs, by the key that names each."""
        inputs = ("text", "pair", "image", "id")
        single = {
            "training": (*inputs, "label", "labels", "group", "split_column"),
            "evaluation": (*inputs, "label", "labels"),
            "prediction": inputs,
        }[self.purpose]
        wanted = {key: getattr(self, key) for key in single if getattr(self, key)}
        if self.purpose == "prediction":
            return wanted
        wanted |= {f"label_columns.{i}": name for i, name in enumerate(self.label_columns)}
        return wanted | {f"numbers.{i}": name for i, name in enumerate(self.numbers)}

    def _id(self, cell: Any, name: str) -> str:
        assert self.id is not None
        own = name_of(cell, self.id, self.missing)
        if own is None:
            raise TLError(f"column '{self.id}' is empty, but each row needs an id.")
        return f"{name}/{own}" if name else own

    def _names(self, cells: Cells, column: str) -> list[str | None]:
        return [name_of(cell, column, self.missing) for cell in cells.column(column)]

    def _inputs(self, cells: Cells) -> list[Raw]:
        if self.image is not None:
            columns = [column for column in (self.image, self.pair) if column is not None]
            pictures = [[self._picture(cells, i, cell) for i, cell in enumerate(cells.column(c))] for c in columns]
            return list(zip(*pictures, strict=True)) if self.pair else [*pictures[0]]
        first, *second = (
            [text_of(cell, column, self.missing) for cell in cells.column(column)]
            for column in (self.text, self.pair)
            if column is not None
        )
        return list(zip(first, *second, strict=True)) if second else [*first]

    def _picture(self, cells: Cells, row: int, cell: Any) -> Path | Picture:
        match cell:
            case str() as path if path.strip():
                return self._file(cells.file, path.strip())
            case bytes() as data:
                return _picture(cells.place(row), data)
            case {"bytes": bytes() as data}:
                return _picture(cells.place(row), data)
        raise TLError(f"column '{self.image}' holds no path of a picture.")

    def _file(self, table: Path, name: str) -> Path:
        path = (self.images or table.parent) / name
        if not path.is_file():
            near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise TLError(
                f"there is no picture '{name}' in {short_path(self.images or table.parent)} (data.images names the "
                f"folder).{did_you_mean(path.name, near)}"
            )
        return path

    def _targets(self, cells: Cells) -> Sequence[Target]:
        if self.numbers:
            return [self._numbers(row) for row in zip(*map(cells.column, self.numbers), strict=True)]
        if self.label is not None:
            return self._labels(cells, self.label)
        if self.labels is not None:
            column, separator = self.labels, self.separator
            return [labels_of(cell, column, separator, self.missing) for cell in cells.column(column)]
        if not self.label_columns:
            return [Together()] * len(cells)
        marked = [[self._zero_or_one(cell, n) for cell in cells.column(n)] for n in self.label_columns]
        rows = zip(*marked, strict=True)
        return [tuple(n for n, on in zip(self.label_columns, row, strict=True) if on) for row in rows]

    def _labels(self, cells: Cells, column: str) -> list[Target]:
        """The class of each cell, worked out once for each word."""
        found: list[Target] = []
        for cell in cells.column(column):
            if not isinstance(cell, str):
                found.append(label_of(cell, column, self.missing))
                continue
            if cell not in self._known:
                self._known[cell] = label_of(cell, column, self.missing)
            found.append(self._known[cell])
        return found

    def _classes(self, row: Cells) -> tuple[str, ...]:
        """The classes of a row; empty where its target cannot be read."""
        try:
            return names_of(self._targets(row)[0])
        except TLError:
            return ()

    def _numbers(self, row: Sequence[Any]) -> Target:
        if all(is_missing(cell, self.missing) or _is_nan(cell) for cell in row):
            return None
        return tuple(
            number_of(cell, name, self._comma, self.missing) for cell, name in zip(row, self.numbers, strict=True)
        )

    def _zero_or_one(self, cell: Any, column: str) -> bool:
        word = (name_of(cell, column, self.missing) or "").lower()
        if word not in ("0", "1", "true", "false"):
            raise TLError(f"column '{column}' holds '{word}', but a label column holds 0 or 1.")
        return word in ("1", "true")


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, str) and cell.strip().lower() == "nan"


def _picture(place: str, data: bytes) -> Picture:
    return Picture(place, hashlib.sha256(data).hexdigest(), partial(bytes, data))
