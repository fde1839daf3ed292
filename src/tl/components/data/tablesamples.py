"""From the cells of a table's rows to columns of samples."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from tl.components.columns import Codes, CodesBuilder, Column, Numbered, Numbers, Objects, Pairs, TextsBuilder
from tl.components.sample import Annotation, Raw, Samples, Target
from tl.recipe.yamlfile import short_path


@dataclass(frozen=True)
class Cells:
    """The cells of some rows, in the order of `columns`; `numbers` are the rows' numbers in the file."""

    file: Path
    columns: tuple[str, ...]
    numbers: Sequence[int]
    rows: Sequence[Sequence[Any]]

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list[Any]:
        """The cells of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def place(self, row: int) -> str:
        """A row's place in messages."""
        return f"{short_path(self.file)}:{self.numbers[row]}"

    def single_rows(self) -> Iterator[Cells]:
        """The same rows, each for itself."""
        for number, row in zip(self.numbers, self.rows, strict=True):
            yield Cells(self.file, self.columns, [number], [row])


class SampleColumns:
    """Collects samples; ids are the rows' numbers where none are given.

    `width` is how many numbers a target has, 0 where targets are classes or labels.
    """

    def __init__(self, width: int) -> None:
        self.width, self._has_ids = width, False
        self._prefixes: CodesBuilder[str] = CodesBuilder()
        self._files: CodesBuilder[str] = CodesBuilder()
        self._lines = array("q")
        self._ids, self._first, self._second = TextsBuilder(), TextsBuilder(), TextsBuilder()
        self._pairs = False
        self._objects: list[Raw] = []
        self._targets: CodesBuilder[str | tuple[str, ...] | Annotation] = CodesBuilder()
        self._numbers, self._known = array("d"), array("b")
        self._splits: CodesBuilder[str] = CodesBuilder()
        self._groups: CodesBuilder[str] = CodesBuilder()

    def add(
        self,
        cells: Cells,
        prefix: str,
        ids: Sequence[str] | None,
        inputs: Sequence[Raw],
        targets: Sequence[Target],
        splits: Sequence[str | None],
        groups: Sequence[str | None],
    ) -> None:
        """Add the samples of these cells; `prefix` is the split before their ids, or ''."""
        n = len(cells)
        self._lines.extend(cells.numbers)
        self._files.extend([f"{short_path(cells.file)}:"] * n)
        start = f"{prefix}/" if prefix else ""
        self._has_ids |= ids is not None
        if self._has_ids:
            self._ids.extend(ids or [f"{start}{number}" for number in cells.numbers])
        else:
            self._prefixes.extend([start] * n)
        self._add_inputs(inputs)
        self._add_targets(targets)
        self._splits.extend(splits)
        self._groups.extend(groups)

    def _add_inputs(self, inputs: Sequence[Raw]) -> None:
        match inputs[0]:
            case str():
                self._first.extend(cast("Sequence[str]", inputs))
            case (str(), str()):
                first, second = zip(*cast("Sequence[tuple[str, str]]", inputs), strict=True)
                self._first.extend(first)
                self._second.extend(second)
                self._pairs = True
            case _:
                self._objects.extend(inputs)

    def _add_targets(self, targets: Sequence[Target]) -> None:
        if not self.width:
            self._targets.extend(cast("Sequence[str | tuple[str, ...] | Annotation | None]", targets))
            return
        for target in targets:
            self._known.append(target is not None)
            self._numbers.extend(cast("tuple[float, ...]", target) if target is not None else [np.nan] * self.width)

    def samples(self) -> Samples:
        """All samples that were added."""
        lines = np.array(self._lines, dtype=np.int64)
        files, prefixes = self._files.column(), self._prefixes.column()
        ids: Column[str] = self._ids.column() if self._has_ids else Numbered(prefixes.values, prefixes.codes, lines)
        first = self._first.column()
        inputs = (
            Objects(self._objects) if self._objects else Pairs(first, self._second.column()) if self._pairs else first
        )
        return Samples(
            ids,
            inputs,
            self._all_targets(),
            Numbered(files.values, files.codes, lines),
            self._splits.column(),
            self._groups.column(),
        )

    def _all_targets(self) -> Codes[str | tuple[str, ...] | Annotation] | Numbers:
        if not self.width:
            return self._targets.column()
        values = np.array(self._numbers, dtype=np.float64).reshape(-1, self.width)
        return Numbers(values, np.array(self._known, dtype=bool))
