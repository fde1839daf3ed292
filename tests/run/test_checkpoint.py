"""A checkpoint is whole or not there: kills, damage and full disks leave the one before."""

from __future__ import annotations

import random
import resource
import shutil
import signal
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import SHORT, TEXT
from tests.training.test_trainer import equal, interrupt
from tl.cli.printing.progress import Quiet
from tl.commands.replay import replay
from tl.errors import Stopped, TLError, Unwritable
from tl.run.checkpoint import Checkpoints
from tl.run.run import Run

Train = Callable[..., Path]
Rows = Callable[..., list[dict[str, Any]]]


def state(value: float) -> dict[str, Any]:
    return {"weights": torch.full((1000,), value), "step": int(value)}


def written(folder: Path, count: int) -> Checkpoints:
    """Write `count` checkpoints; the state `best` of each is the same."""
    kept = Checkpoints(folder)
    for number in range(1, count + 1):
        kept.write(number, {"last": state(number), "best": state(0)})
    return kept


def found(folder: Path) -> tuple[float, list[str]]:
    """The step of the newest whole checkpoint, and the lines on damaged ones."""
    said: list[str] = []
    one = Checkpoints(folder).latest(said.append)
    assert one is not None
    last, best = one.load("last"), one.load("best")
    assert bool((best["weights"] == 0).all())
    assert bool((last["weights"] == one.step).all())
    return one.step, said


def test_the_newest_two_are_kept_and_share_no_file(tmp_path: Path) -> None:
    written(tmp_path, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4"]
    assert found(tmp_path) == (4, [])
    assert not (tmp_path / "3" / "best.pt").samefile(tmp_path / "4" / "best.pt")


def test_200_changed_bytes_are_all_found(tmp_path: Path) -> None:
    written(tmp_path, 2)
    draw = random.Random(0)
    for _ in range(200):
        file = draw.choice(sorted((tmp_path / "2").iterdir()))
        whole = file.read_bytes()
        place = draw.randrange(len(whole))
        file.write_bytes(whole[:place] + bytes([whole[place] ^ draw.randrange(1, 256)]) + whole[place + 1 :])
        step, said = found(tmp_path)
        assert (step, len(said)) == (1, 1)
        assert said[0].startswith(
            f"{file} differs from its checksum: going on from the checkpoint before it, after step 1"
        )
        file.write_bytes(whole)
    assert found(tmp_path) == (2, [])


def test_a_byte_that_rots_in_the_best_weights_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    """The file was one inode under two names, so one byte took both checkpoints."""
    written(tmp_path, 2)
    with (tmp_path / "2" / "best.pt").open("r+b") as file:
        file.seek(500)
        file.write(b"\xff\x00\xff")
    step, said = found(tmp_path)
    assert step == 1
    assert "best.pt differs from its checksum" in said[0]


def test_missing_and_shortened_files_are_found(tmp_path: Path) -> None:
    written(tmp_path, 2)
    (tmp_path / "2" / "last.pt").unlink()
    step, said = found(tmp_path)
    assert step == 1
    assert "cannot be read (No such file or directory)" in said[0]
    assert Checkpoints(tmp_path / "elsewhere").latest(print) is None


def test_writing_after_a_damaged_checkpoint_keeps_the_whole_one(tmp_path: Path) -> None:
    written(tmp_path, 2)
    (tmp_path / "2" / "manifest").write_bytes(b"")
    kept = Checkpoints(tmp_path)
    kept.latest(lambda text: None)
    kept.write(7, {"last": state(7), "best": state(0)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "3"]
    assert found(tmp_path) == (7, [])


def test_what_killed_writers_left_is_removed(tmp_path: Path) -> None:
    kept = written(tmp_path, 1)
    (tmp_path / ".2.99999.part").mkdir()
    (tmp_path / ".1.gone").mkdir()
    assert found(tmp_path) == (1, [])
    kept.write(2, {"last": state(2), "best": state(0)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes: writing more fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_refusing_disk_leaves_the_one_before(share: float, tmp_path: Path) -> None:
    kept = written(tmp_path, 1)
    size = (tmp_path / "1" / "last.pt").stat().st_size
    with file_limit(int(share * size)), pytest.raises(OSError, match="File too large"):
        kept.write(2, {"last": state(2), "best": state(0)})
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert found(tmp_path) == (1, [])
    kept.write(2, {"last": state(2), "best": state(0)})
    assert found(tmp_path) == (2, [])


def test_a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room(
    train: Train, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = [*TEXT, *SHORT, "loop.save_every=4step"]
    whole = train(*recipe)
    write = Checkpoints.write

    def full(kept: Checkpoints, step: int, states: dict[str, Any]) -> None:
        with file_limit(100_000 if step == 8 else 1 << 40):
            write(kept, step, states)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "write", full)
        with pytest.raises(
            Unwritable, match=r"cannot be written \(File too large\): allow larger files with ulimit -f, then: tl fi"
        ):
            train(*recipe)
    (halted,) = (path for path in whole.parent.iterdir() if path != whole)
    assert Unwritable.exit_code == 1
    assert equal(whole, train(resume=halted))
    assert rows(halted) == rows(whole)


def test_a_run_falls_back_and_ends_the_same(
    train: Train, rows: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = [*TEXT, *SHORT, "loop.save_every=3step", "loop.ema=0.9"]
    whole = train(*recipe)
    with monkeypatch.context() as patch:
        interrupt(8, patch)
        with pytest.raises(Stopped):
            train(*recipe)
    (halted,) = (path for path in whole.parent.iterdir() if path != whole)
    newest = max((halted / "checkpoints").iterdir(), key=lambda path: int(path.name))
    with (newest / "last.pt").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff\xff")
    resumed = train(resume=halted)
    assert equal(whole, resumed)
    assert rows(whole) == rows(resumed)
    assert (
        "differs from its checksum: going on from the checkpoint before it, after step 6."
        in (resumed / "log.txt").read_text()
    )


def test_a_row_that_a_kill_cut_short_is_dropped(tmp_path: Path) -> None:
    from tl.run.run import Run

    run = Run(tmp_path)
    run.log({"step": 1, "split": "train"})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "spl')
    assert run.rows() == [{"step": 1, "split": "train"}]
    run.forget_rows_after(5)
    run.log({"step": 2, "split": "train"})
    assert [row["step"] for row in run.rows()] == [1, 2]


def test_a_disk_without_room_is_refused_before_training(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**12, 10**12, 3 * 10**6))
    with pytest.raises(TLError, match=r"take up to 0\.\d+ GB, but the disk has 0\.0028 GB free: make room, or give an"):
        train(*TEXT, *SHORT, "cache.use=never")


@pytest.mark.parametrize("kept", [False, True])
def test_a_finished_run_has_checkpoints_only_where_they_are_to_be_kept(
    kept: bool, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its status says that it is done they are there: a run that is killed at its end goes on from them."""
    there: list[bool] = []
    update = Run.update_meta

    def look(run: Run, **facts: Any) -> None:
        update(run, **facts)
        there.append((run.path / "checkpoints").is_dir())

    monkeypatch.setattr(Run, "update_meta", look)
    run = train(*TEXT, *SHORT, f"loop.keep_checkpoints={str(kept).lower()}")
    assert there[-1], "the last fact that is written is the status"
    assert Run.open(run).meta["status"] == "done"
    assert (run / "checkpoints").is_dir() == kept
    (run / "bad_step.json").write_text('{"step": 6}')
    with pytest.raises(TLError, match=r"went on beyond step 6 and is done: what led to it is gone\.$"):
        replay(run, Quiet())
