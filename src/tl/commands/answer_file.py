"""A table of answers that is written row by row, goes on after an interruption, and appears only when it is whole.

While it is written there is a folder `NAME.part` beside it, with the rows so far and a journal: how many rows, in how
many bytes, are on the disk, and what they follow from. What was written after the journal's last entry is cut off.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

from tl.disk.folder import Folder
from tl.disk.lock import NoLocks, take
from tl.errors import TLError
from tl.evaluation.outcome import check_writable, short_number
from tl.run import disk

ENDINGS = (".csv", ".jsonl", ".parquet")
_ROWS, _JOURNAL, _LOCK = "rows", "journal.json", "lock"
_SYNC_S = 5.0
_ROW_GROUP = 1 << 16


class AnswerFile:
    """The file `to`; with `overwrite` it replaces a file of that name when it is whole, and other unfinished rows."""

    def __init__(self, to: Path, *, overwrite: bool) -> None:
        check_writable("--to", to, ENDINGS)
        self.to, self.overwrite = to, overwrite
        self.folder = to.with_name(f"{to.name}.part")
        self._rows, self._journal = self.folder / _ROWS, self.folder / _JOURNAL
        self._check_free()

    def _check_free(self) -> None:
        if self.to.exists() and not self.overwrite:
            raise TLError(f"--to: '{self.to}' is there already: name another file, or replace it with --overwrite.")

    @contextmanager
    def writing(self, columns: Sequence[str], identity: str) -> Iterator[int]:
        """A context in which `append` may be called, after the rows that are there already: it gives their number.

        The file appears when the context ends without an error. `identity` is a hash of all that the rows follow from.
        """
        self.columns, self.identity = columns, identity
        with ExitStack() as stack:
            with self._naming_errors():
                around = stack.enter_context(Folder.at(self.to.parent))
                self._place = stack.enter_context(around.within(self.folder.name, make=True))
                stack.enter_context(self._lock())
            self.rows, self.bytes = self._found()
            with self._naming_errors():
                self._file = stack.enter_context(self._place.proceed(_ROWS))
            self._begin()
            try:
                yield self.rows
            finally:
                self._sync()
            self._finish(around)

    def _naming_errors(self) -> AbstractContextManager[None]:
        return disk.writing(self.to, ", and give the same command again, which goes on.")

    def _lock(self) -> AbstractContextManager[object]:
        if not self._place.ours:
            raise TLError(f"--to: '{self.folder}' belongs to another user: name another file.")
        try:
            lock = take(self._place, _LOCK)
        except NoLocks:  # two writers at once are then the user's to avoid, as on any such file system
            return nullcontext()
        if lock is None:
            raise TLError(f"--to: another tl writes '{self.to}' now: wait for it, or name another file.")
        return lock

    def _found(self) -> tuple[int, int]:
        """The rows and bytes that an earlier call left; zeros where there are none."""
        if not self._journal.exists():
            if strange := {path.name for path in self.folder.iterdir()} - {_LOCK, _ROWS}:
                raise TLError(f"--to: '{self.folder}' holds '{min(strange)}': name another file, or move that folder.")
            return 0, 0
        try:
            with self._place.read(_JOURNAL) as journal:
                known = json.loads(journal.read())
            same, rows, size = known["identity"] == self.identity, int(known["rows"]), int(known["bytes"])
            whole = self._rows.is_file() and self._rows.stat().st_size >= size
        except (ValueError, KeyError, TypeError):
            same = whole = False
        if same and whole:
            return rows, size
        if not self.overwrite:
            why = "is damaged" if same else "holds answers to other inputs, or of another run or --batch"
            raise TLError(f"--to: '{self.folder}' {why}: remove it, or start anew with --overwrite.")
        return 0, 0

    def _begin(self) -> None:
        with self._naming_errors():
            self._file.truncate(self.bytes)
            self._file.seek(self.bytes)
        if self.bytes == 0 and self.to.suffix == ".csv":
            self._write(_csv([self.columns]))
        self._sync()

    def append(self, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows, each with a value for every column; a list of names is written as one text in a table."""
        made = [*rows]
        self._write(_csv(made) if self.to.suffix == ".csv" else self._json_lines(made))
        self.rows += len(made)
        if time.monotonic() - self._synced > _SYNC_S:
            self._sync()

    def _json_lines(self, rows: Iterable[Sequence[Any]]) -> str:
        """A line for each row: a mapping for .jsonl, a list for .parquet, which is made of the lines in the end."""
        plain = ([_finite(value) for value in row] for row in rows)
        if self.to.suffix == ".parquet":
            lines: Iterable[Any] = ([_joined(value) for value in row] for row in plain)
        else:
            lines = (dict(zip(self.columns, row, strict=True)) for row in plain)
        return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)

    def _write(self, text: str) -> None:
        content = text.encode()
        with self._naming_errors():
            self._file.write(content)
        self.bytes += len(content)

    def _sync(self) -> None:
        """Note in the journal that all rows so far are on the disk, once they are."""
        known = {"identity": self.identity, "rows": self.rows, "bytes": self.bytes}
        with self._naming_errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._place.write_whole(_JOURNAL, json.dumps(known).encode())
        self._synced = time.monotonic()

    def _finish(self, around: Folder) -> None:
        with self._naming_errors():
            whole = self._parquet() if self.to.suffix == ".parquet" else _ROWS
        self._check_free()
        with self._naming_errors():
            self._place.move(whole, around, self.to.name)
        for name in (_JOURNAL, _ROWS, _LOCK):  # the answers are whole: what may be left beside them does no harm
            self._place.remove(name)
        around.remove_empty(self.folder.name)

    def _parquet(self) -> str:
        """The rows as a Parquet file, which is made in pieces."""
        import pyarrow
        from pyarrow.parquet import ParquetWriter

        texts = ("id", "predicted")
        types = [(name, pyarrow.string() if name in texts else pyarrow.float64()) for name in self.columns]
        schema, whole = pyarrow.schema(types), "whole.parquet"
        with (
            self._place.read(_ROWS) as lines,
            self._place.replacing(whole) as file,
            ParquetWriter(file, schema) as writer,
        ):
            while rows := [json.loads(line) for line in islice(lines, _ROW_GROUP)]:
                columns = [
                    pyarrow.array(values, kind)
                    for values, (_, kind) in zip(zip(*rows, strict=True), types, strict=True)
                ]
                writer.write_table(pyarrow.Table.from_arrays(columns, schema=schema))
        return whole


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[short_number(_joined(value)) for value in row] for row in rows])
    return text.getvalue()


def _joined(value: Any) -> Any:
    """A list of names with semicolons between them; any other list as JSON, in one cell."""
    if not isinstance(value, list):
        return value
    names = all(isinstance(one, str) for one in value)
    return ";".join(value) if names else json.dumps(value, ensure_ascii=False)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
