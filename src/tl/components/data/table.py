"""Texts, pairs of texts or pictures listed in table files, with one label, several labels or numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Unpack, final

from tl.components.data.base import Common, DataSource
from tl.components.data.labels import names_of
from tl.components.data.tablefile import TableRow, check_columns, read_rows
from tl.components.sample import Picture, Raw, Sample, Target
from tl.errors import TLError, did_you_mean
from tl.recipe.yamlfile import short_path

_TARGETS = ("label", "labels", "label_columns", "numbers")


@final
class Table(DataSource):
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
        **common: Unpack[Common],
    ) -> None:
        super().__init__(common)
        self.file, self.files, self.columns = file, files, columns
        self.text, self.pair, self.image, self.images = text, pair, image, images
        self.label, self.labels, self.separator = label, labels, separator
        self.label_columns, self.numbers = label_columns, numbers
        self.id, self.group, self.split_column = id, group, split_column
        self._check()
        self.modality = "image" if image else "text"
        self.kind = "number" if numbers else "single" if label else "multi"

    def _check(self) -> None:
        if (self.file is None) == (not self.files):
            raise TLError(
                "data.file: give either this, or data.files with a path for each split, such as {train: a.csv}."
            )
        if (self.text is None) == (self.image is None):
            raise TLError("data.text: give either this or data.image: the column that holds the input.")
        if self.pair is not None and self.text is None:
            raise TLError(f"data.pair={self.pair} needs data.text: the column of the first text.")
        if self.pair is not None and self.pair == self.text:
            raise TLError(f"data.pair={self.pair} is data.text too: name the column of the second text, or set null.")
        given = [key for key in _TARGETS if getattr(self, key)]
        if len(given) != 1:
            said = " and ".join(f"data.{key}" for key in given) or "none"
            raise TLError(
                f"data.label: give exactly one of {', '.join(f'data.{key}' for key in _TARGETS)} (here: {said})."
            )
        if self.files and self.split_column is not None:
            raise TLError(f"data.split_column={self.split_column} and data.files both name splits: give one.")

    def target_names(self) -> tuple[str, ...]:
        return self.numbers

    def read(self) -> list[Sample]:
        named = {"": self.file} if self.file is not None else {**(self.files or {})}
        samples: list[Sample] = []
        for name, file in named.items():
            assert file is not None
            rows = read_rows(file, self.columns)
            self._forget_absent_ids(file, rows)
            check_columns(rows, self._named_columns())
            for row in rows:
                samples.extend(self.sample_or_skip(partial(self._sample, row, name), partial(self._classes, row)))
        return samples

    def _forget_absent_ids(self, file: Path, rows: list[TableRow]) -> None:
        """Take line numbers for ids where only training needs the column of ids and the file has none."""
        if self.id is not None and self.purpose != "training" and not any(self.id in row.values for row in rows):
            self.notes.append(f"{short_path(file)} has no column '{self.id}' (data.id): ids are its line numbers.")
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

    def _sample(self, row: TableRow, name: str) -> Sample:
        own = _cell_text(row.values.get(self.id)) if self.id else str(row.number)
        if not own:
            raise TLError(f"{row.where}: column '{self.id}' is empty, but each row needs an id.")
        id = f"{name}/{own}" if name else own
        if self.purpose != "training":
            target = self._target(row) if self.purpose == "evaluation" else None
            return Sample(id, self._input(row), target, row.where)
        return Sample(
            id=id,
            input=self._input(row),
            target=self._target(row),
            where=row.where,
            split=name or (_cell_text(row.values.get(self.split_column)) if self.split_column else "") or None,
            group=(_cell_text(row.values.get(self.group)) or None) if self.group else None,
        )

    def _input(self, row: TableRow) -> Raw:
        if self.text is not None:
            first = _text(row, self.text)
            return first if self.pair is None else (first, _text(row, self.pair))
        assert self.image is not None
        match row.values.get(self.image):
            case str() as path if path.strip():
                return self._file(row, path.strip())
            case bytes() as data:
                return _picture(row, data)
            case {"bytes": bytes() as data}:
                return _picture(row, data)
        raise TLError(f"{row.where}: column '{self.image}' holds no path of a picture.")

    def _file(self, row: TableRow, name: str) -> Path:
        path = (self.images or row.file.parent) / name
        if not path.is_file():
            near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise TLError(
                f"{row.where}: there is no picture '{name}' in {short_path(self.images or row.file.parent)} "
                f"(data.images names the folder).{did_you_mean(path.name, near)}"
            )
        return path

    def _target(self, row: TableRow) -> Target:
        if self.numbers:
            return self._numbers(row)
        if self.label is not None:
            value = row.values.get(self.label)
            if isinstance(value, (list, dict)):
                raise TLError(f"{row.where}: column '{self.label}' holds several labels: use data.labels for it.")
            return _cell_text(value) or None
        if self.labels is not None:
            value = row.values.get(self.labels)
            if value is None:
                return None
            parts = value if isinstance(value, list) else _cell_text(value).split(self.separator)
            return tuple(dict.fromkeys(word for part in parts if (word := _cell_text(part))))
        return tuple(name for name in self.label_columns if _zero_or_one(row, name))

    def _classes(self, row: TableRow) -> tuple[str, ...]:
        """The classes of a row; empty where its target cannot be read."""
        try:
            return names_of(self._target(row))
        except TLError:
            return ()

    def _numbers(self, row: TableRow) -> Target:
        values = [row.values.get(name) for name in self.numbers]
        if all(_cell_text(value) in ("", *self.common["missing"]) for value in values):
            return None
        return tuple(_number(row, name) for name in self.numbers)


def _cell_text(value: Any) -> str:
    """A cell as text, such as a class name: 1 and 1.0 give '1', true gives 'true', an empty cell gives ''."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
    return str(value).strip()


def _picture(row: TableRow, data: bytes) -> Picture:
    return Picture(row.where, hashlib.sha256(data).hexdigest(), partial(bytes, data))


def _text(row: TableRow, column: str) -> str:
    value = row.values.get(column)
    if isinstance(value, (list, dict)):
        raise TLError(f"{row.where}: column '{column}' holds a {type(value).__name__}, not a text.")
    return value if isinstance(value, str) else _cell_text(value)


def _zero_or_one(row: TableRow, column: str) -> bool:
    word = _cell_text(row.values.get(column)).lower()
    if word not in ("0", "1", "true", "false"):
        raise TLError(f"{row.where}: column '{column}' holds '{word}', but a label column holds 0 or 1.")
    return word in ("1", "true")


def _number(row: TableRow, column: str) -> float:
    value = row.values.get(column)
    try:
        return float(_cell_text(value))
    except ValueError as error:
        raise TLError(f"{row.where}: column '{column}' holds '{_cell_text(value)}', which is no number.") from error
