"""Rows that are written one after the other: whole or not there, whenever the process is killed."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tl.commands import answer_file
from tl.commands.answer_file import ENDINGS, AnswerFile
from tl.errors import TLError

COLUMNS = ["id", "predicted", "confidence"]
ROWS: list[list[Any]] = [[f"row, {i}\nof many", ["a", "b"] if i % 2 else ["d"], i / 7] for i in range(40)]


def write(to: Path, killed_after: int | None = None, *, overwrite: bool = False, identity: str = "same") -> int:
    """Write ROWS, four at a time, after those that are there; gives how many were there."""
    file = AnswerFile(to, overwrite=overwrite)
    with file.writing(COLUMNS, identity) as done:
        for first in range(done, len(ROWS), 4):
            file.append(ROWS[first : first + 4])
            if killed_after is not None and first + 4 >= killed_after:
                file._file.flush()  # as where the buffer is full: bytes that the journal does not know
                os.kill(os.getpid(), signal.SIGKILL)
    return done


def killed(to: Path, after: int) -> None:
    """`write` in a process of its own, which is killed once so many rows are written."""
    child = os.fork()
    if not child:
        try:
            write(to, after)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def rows_of(path: Path) -> list[list[Any]]:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [[row[0], row[1].split(";"), float(row[2])] for row in [*csv.reader(file)][1:]]
    if path.suffix == ".jsonl":
        return [[*json.loads(line).values()] for line in path.read_text().splitlines()]
    from pyarrow.parquet import read_table

    found = read_table(path).to_pylist()
    return [[row["id"], row["predicted"].split(";"), row["confidence"]] for row in found]


@pytest.mark.parametrize("synced", [0.0, 1e9], ids=["a journal entry each time", "one journal entry"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_killed_writer_leaves_nothing_half_and_the_next_one_goes_on(
    ending: str, synced: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_file, "_SYNC_S", synced)
    whole, to = tmp_path / f"whole{ending}", tmp_path / f"out{ending}"
    assert write(whole) == 0
    if ending != ".csv":
        assert rows_of(whole) == ROWS
    assert [row[:2] for row in rows_of(whole)] == [row[:2] for row in ROWS]
    assert [row[2] for row in rows_of(whole)] == pytest.approx([row[2] for row in ROWS], rel=1e-8)
    killed(to, 12)
    assert not to.exists()
    killed(to, 24)
    assert write(to) == (24 if synced == 0 else 0)
    assert to.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == sorted([whole.name, to.name]), "nothing is left beside the answers"


def test_a_row_that_was_cut_by_the_kill_is_cut_off(tmp_path: Path) -> None:
    to = tmp_path / "out.csv"
    killed(to, 8)
    rows = to.with_name("out.csv.part") / "rows"
    with rows.open("ab") as file:
        file.write(b'"row, 9')
    write(to)
    assert [row[0] for row in rows_of(to)] == [row[0] for row in ROWS]


def test_other_rows_are_not_mixed_in_nor_lost_unasked(tmp_path: Path) -> None:
    to = tmp_path / "out.csv"
    killed(to, 8)
    with pytest.raises(TLError, match="holds answers to other inputs"):
        write(to, identity="other")
    assert write(to, identity="other", overwrite=True) == 0
    with pytest.raises(TLError, match="is there already: name another file, or replace it with --overwrite"):
        write(to)
    before = to.stat().st_mtime_ns
    assert write(to, overwrite=True) == 0
    assert to.stat().st_mtime_ns != before


def test_a_journal_without_its_rows_is_damaged(tmp_path: Path) -> None:
    to = tmp_path / "out.csv"
    killed(to, 8)
    (tmp_path / "out.csv.part" / "rows").unlink()
    with pytest.raises(TLError, match="is damaged: remove it"):
        write(to)


def test_a_folder_of_that_name_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out.csv.part").mkdir()
    (tmp_path / "out.csv.part" / "mine").touch()
    with pytest.raises(TLError, match="holds 'mine': name another file"):
        write(tmp_path / "out.csv")


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    to = tmp_path / "out.csv"
    killed(to, 8)
    with (tmp_path / "out.csv.part" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TLError, match="another tl writes"):
            write(to)


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, content: Any) -> int:
            raise OSError(28, "No space left on device")

    file = AnswerFile(tmp_path / "out.csv", overwrite=False)

    def fill() -> None:
        with file.writing(COLUMNS, "same"):
            monkeypatch.setattr(file, "_sync", lambda: None)
            file._file = Full()  # type: ignore[assignment]
            file.append(ROWS[:4])

    with pytest.raises(TLError, match=r"out.csv cannot be written \(No space left on device\): make room, and give"):
        fill()
    assert not (tmp_path / "out.csv").exists()
