"""What a run writes lands in its own folder, and its rows end where a machine that stopped left rubbish."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tl.disk.folder import Folder, NotOurs
from tl.disk.lock import wait_for
from tl.errors import TLError
from tl.run.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "runs", "x", {"seed": 0}, {"seconds": 0.0})


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    file = tmp_path / "victim.txt"
    file.write_text("precious\n")
    return file


@pytest.mark.parametrize("name", ["log.txt", "metrics.jsonl", "meta.json"])
def test_a_second_name_of_a_file_is_not_written_through(name: str, run: Run, victim: Path) -> None:
    victim.write_bytes((run.path / name).read_bytes() if name == "meta.json" else b"precious\n")
    before = victim.read_bytes()
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).hardlink_to(victim)
    with run.recording_status():
        run.note("a line")
        run.log({"step": 1})
    assert victim.read_bytes() == before
    assert (run.path / name).read_bytes() != before


@pytest.mark.parametrize("act", [lambda run: run.note("a"), lambda run: run.log({"step": 1})], ids=["note", "log"])
def test_a_link_is_not_appended_to(act: Callable[[Run], None], run: Run, victim: Path) -> None:
    for name in ("log.txt", "metrics.jsonl"):
        (run.path / name).symlink_to(victim)
    with pytest.raises(NotOurs, match="is a link"):
        act(run)
    assert victim.read_text() == "precious\n"


def test_a_folder_of_the_run_that_is_a_link_is_not_written_into(run: Run, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (run.path / "evaluation").symlink_to(tmp_path / "theirs")
    with pytest.raises(NotOurs, match="is a link"):
        run.write_json("evaluation/test.json", {})
    assert not list((tmp_path / "theirs").iterdir())


@pytest.mark.parametrize("rubbish", ["\0" * 40 + "\n", "{]\n", "[1]\n", '{"split": "train"}\n', "\udcff\n"])
def test_rows_end_at_the_first_bad_line(rubbish: str, run: Run) -> None:
    rows = [{"step": number} for number in range(1, 5)]
    lines = [json.dumps(row) + "\n" for row in rows]
    content = "".join((*lines[:3], rubbish, lines[3])).encode("utf-8", "surrogateescape")
    (run.path / "metrics.jsonl").write_bytes(content)
    assert run.rows() == rows[:3]
    run.forget_rows_after(2)
    assert (run.path / "metrics.jsonl").read_text() == "".join(lines[:2])
    assert "metrics.jsonl: line 4 is damaged" in (run.path / "log.txt").read_text()
    run.update_meta(status="done")
    (run.path / "metrics.jsonl").write_bytes(content)
    with pytest.raises(TLError, match="is damaged"):
        run.rows()


def test_rows_are_on_the_disk_before_a_checkpoint_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.log({"step": 1})
    synced, genuine = list[str](), os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        genuine(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    run.checkpoint(1, {"last": {"step": 1}})
    assert synced[0] == "metrics.jsonl"
    assert "last.pt" in synced


def test_the_locks_file_is_there_while_a_run_is_trained(run: Run) -> None:
    with run.recording_status():
        assert (run.path / ".lock").is_file()
        with pytest.raises(TLError, match="is being trained by another process"), run.recording_status():
            pass
    assert not (run.path / ".lock").exists()


def test_a_run_goes_on_where_the_file_system_knows_no_locks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with run.recording_status():
        assert not run.killed
    assert run.meta["status"] == "done"
    assert "knows no locks" in (run.path / "log.txt").read_text()


def test_a_killed_run_is_told_from_one_that_is_trained(run: Run) -> None:
    assert not run.killed
    (run.path / ".lock").touch()
    assert run.killed
    with Folder.at(run.path) as folder, wait_for(folder, ".lock", pytest.fail):
        assert not run.killed


def test_what_a_killed_run_left_half_written_is_removed_when_it_goes_on(run: Run) -> None:
    (run.path / "evaluation").mkdir()
    left = [run.path / ".0123456789ab.part", run.path / "evaluation" / ".0123456789ab.part"]
    for file in left:
        file.write_text("half")
    assert Run.open(run.path).meta["status"] == "running"
    assert all(file.is_file() for file in left), "who only reads a run removes nothing"
    with Run.open(run.path, writes=True).recording_status():
        assert not any(file.is_file() for file in left)


def test_what_another_process_is_writing_stays(run: Run) -> None:
    (run.path / ".0123456789ab.part").write_text("half")
    with Folder.at(run.path) as folder, wait_for(folder, ".lock", lambda: None):
        with pytest.raises(TLError, match="trained by another"), Run.open(run.path, writes=True).recording_status():
            pass
        assert (run.path / ".0123456789ab.part").is_file()
