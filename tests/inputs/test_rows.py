"""Rows survive kills, are bounded by the cache, and let go of the memory that they were read through."""

from __future__ import annotations

import errno
import fcntl
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from tl.errors import TLError
from tl.inputs.cache import Cache, key
from tl.inputs.filling import RowWriter, writing_rows
from tl.inputs.layout import Layout, Wanted
from tl.inputs.rows import Rows

A, B, C = (letter * 32 for letter in "abc")
MB = 1024**2
RAGGED = Layout(4, "float32", (3,), (2, 1, 4, 3))


def alone() -> None:
    pytest.fail("it waits, though no other process is writing")


def fill(cache: Cache, name: str, rows: int = 4, width: int = MB // 4) -> Rows:
    """An entry of `rows` MB; row i holds i."""
    with writing_rows(cache, name, "numbers", Layout(rows, "float32", (width,)), rows, alone) as draft:
        assert draft is not None
        with draft.writing():
            for number in range(rows):
                draft.write(number, [number], [torch.full((width,), float(number))])
    found = cache.find(name, Wanted(rows))
    assert found is not None
    return found


def test_rows_come_back_in_any_order(tmp_path: Path) -> None:
    rows = fill(Cache(tmp_path, 100 * MB), A)
    assert rows.take([2, 0, 3])[:, 0].tolist() == [2, 0, 3]
    assert rows.take([1]).shape == (1, MB // 4)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "uint8"])
def test_rows_of_unequal_length_and_every_type(dtype: str, tmp_path: Path) -> None:
    layout = Layout(RAGGED.n, dtype, RAGGED.shape, RAGGED.lengths)
    wanted = [torch.arange(3 * n).view(n, 3).to(getattr(torch, dtype)) for n in RAGGED.lengths or ()]
    draft = RowWriter(tmp_path, layout, 2)
    draft.begin()
    with draft.writing():
        draft.write(1, [3, 0], [wanted[3], wanted[0]])
        draft.write(0, [2, 1], [wanted[2], wanted[1]])
    draft.finish()
    found = Rows(tmp_path).ragged([0, 1, 2, 3])
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert found[0].dtype == getattr(torch, dtype)


def killed(draft: RowWriter) -> None:
    """One chunk is on the disk, another only written, when the writer ends."""
    with draft.writing():
        draft.write(2, [2], [torch.ones(4, 3)])
        draft._sync()
        draft.write(0, [0], [torch.ones(2, 3)])
        raise KeyboardInterrupt


def test_another_process_reads_the_same_rows(tmp_path: Path) -> None:
    rows = fill(Cache(tmp_path, 100 * MB), A)
    assert torch.equal(pickle.loads(pickle.dumps(rows)).take([2, 0]), rows.take([2, 0]))


def test_a_draft_goes_on_where_a_kill_stopped_it(tmp_path: Path) -> None:
    draft = RowWriter(tmp_path, RAGGED, 4)
    draft.begin()
    with pytest.raises(KeyboardInterrupt):
        killed(draft)
    again = RowWriter(tmp_path, RAGGED, 4)
    again.begin()
    assert again.missing() == [0, 1, 3]
    other = RowWriter(tmp_path, Layout(4, "float16", (3,), RAGGED.lengths), 4)
    other.begin()
    assert other.missing() == [0, 1, 2, 3]


def test_what_was_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10 * MB)
    for age, name in ((300, A), (200, B)):
        fill(cache, name)
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    assert cache.find(A, Wanted(4)) is not None
    kept = fill(cache, C)
    assert {entry.folder.name for entry in cache.entries()} == {A, C}
    assert not cache.fits(11 * MB)
    assert cache.fits(9 * MB)
    cache.clear()
    assert cache.entries() == []
    assert kept.take([3])[0, 0] == 3


def test_an_entry_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100 * MB)
    with writing_rows(cache, A, "numbers", RAGGED, 4, alone) as draft:
        assert draft is not None
        assert cache.clear() == 0
        with draft.writing():
            for number, length in enumerate(RAGGED.lengths or ()):
                draft.write(number, [number], [torch.zeros(length, 3)])
    assert [entry.what for entry in cache.entries()] == ["numbers"]
    assert cache.clear() > 0


def test_a_second_writer_waits_and_then_reads(tmp_path: Path) -> None:
    drafts = []
    told = threading.Event()
    (tmp_path / "locks").mkdir()
    with (tmp_path / "locks" / A).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        def second() -> None:
            layout = Layout(4, "float32", (MB // 4,))
            with writing_rows(Cache(tmp_path, 100 * MB), A, "numbers", layout, 4, told.set) as draft:
                drafts.append(draft)

        thread = threading.Thread(target=second)
        thread.start()
        assert told.wait(10)
        assert thread.is_alive()
        fill(Cache(tmp_path / "elsewhere", 100 * MB), A)
        (tmp_path / "elsewhere" / A).rename(tmp_path / A)
    thread.join(10)
    assert drafts == [None]


def test_names_differ_by_every_fact() -> None:
    assert key("a", 1) == key("a", 1)
    assert len({key("a", 1), key("a", "1"), key("a1"), key(("a", 1)), key("a", 1, None)}) == 5


def test_reading_lets_memory_go(tmp_path: Path) -> None:
    """600 MB are read through less than 400 MB of resident memory."""
    code = f"""
import os, resource, torch
from pathlib import Path
from tl.inputs.filling import RowWriter, writing_rows
from tl.inputs.layout import Layout, Wanted
from tl.inputs.rows import Rows
layout = Layout(600, "uint8", ({MB},))
draft = RowWriter(Path({str(tmp_path)!r}), layout, 600)
draft.begin()
with draft.writing():
    for number in range(600):
        draft.write(number, [number], [torch.zeros({MB}, dtype=torch.uint8)])
draft.finish()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = Rows(Path({str(tmp_path)!r}))
for first in range(0, 600, 30):
    rows.take(list(range(first, first + 30)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 400


@pytest.mark.parametrize("name", ["layout.json", "rows.bin", "digests.bin", "what.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00damaged"])
def test_a_damaged_entry_is_none_and_can_be_written_again(name: str, content: bytes, tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100 * MB)
    fill(cache, A)
    (tmp_path / A / name).write_bytes(content)
    if name != "what.json":
        assert cache.find(A, Wanted(4)) is None
    assert len(cache.entries()) == 1
    assert cache.fits(MB)
    assert fill(cache, B).take([3])[0, 0] == 3
    if name != "what.json":
        assert fill(cache, A).take([2])[0, 0] == 2
    assert cache.clear() > 0
    assert cache.entries() == []


def test_an_unfinished_draft_with_damage_begins_anew(tmp_path: Path) -> None:
    RowWriter(tmp_path, RAGGED, 4).begin()
    (tmp_path / "layout.json").write_text("")
    draft = RowWriter(tmp_path, RAGGED, 4)
    draft.begin()
    assert draft.missing() == [0, 1, 2, 3]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100 * MB)
    with pytest.raises(OSError), writing_rows(cache, A, "numbers", RAGGED, 4, alone):
        raise OSError(28, "No space left on device")
    assert cache.entries() == []


def test_rows_may_be_more_than_memory_holds(tmp_path: Path) -> None:
    layout = Layout(40, "uint8", (1024 * MB,))
    RowWriter(tmp_path, layout, 1).begin()
    rows = Rows(tmp_path)
    assert rows.layout.bytes == 40 * 1024 * MB
    assert len(rows._digests) == 40


def changed(file: Path, place: int) -> None:
    """Another value for one byte."""
    with file.open("r+b") as opened:
        opened.seek(place)
        (value,) = opened.read(1)
        opened.seek(place)
        opened.write(bytes([value ^ 0x40]))


def test_rows_that_changed_places_are_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100 * MB)
    fill(cache, A)
    content = (tmp_path / A / "rows.bin").read_bytes()
    (tmp_path / A / "rows.bin").write_bytes(content[MB : 2 * MB] + content[:MB] + content[2 * MB :])
    assert cache.find(A, Wanted(4)) is None


def test_a_large_entry_is_checked_row_by_row_when_each_is_first_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tl.inputs.rows.CHECKED_AT_ONCE", 0)
    cache = Cache(tmp_path, 100 * MB)
    fill(cache, A)
    changed(tmp_path / A / "rows.bin", 2 * MB + 5)
    rows = cache.find(A, Wanted(4))
    assert rows is not None
    assert rows.take([0, 3, 1])[:, 0].tolist() == [0, 3, 1]
    with pytest.raises(TLError, match=r"row 2 differs from its checksum.*Resume the run.*computed anew"):
        rows.take([3, 2])
    assert cache.find(A, Wanted(4)) is None
    assert fill(cache, A).take([2])[0, 0] == 2


@pytest.fixture
def read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No entry is small enough to stay in memory."""
    monkeypatch.setattr("tl.inputs.rows.HELD", 0)


@pytest.mark.usefixtures("read_each_time")
@pytest.mark.parametrize("size", [0, 4 * MB - 1])
def test_a_file_that_is_cut_short_while_it_is_read_is_a_sentence(size: int, tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100 * MB)
    rows = fill(cache, A)
    os.truncate(tmp_path / A / "rows.bin", size)
    with pytest.raises(TLError, match="its rows were cut short"):
        rows.take([2, 3])
    assert cache.find(A, Wanted(4)) is None


@pytest.mark.usefixtures("read_each_time")
def test_a_disk_that_fails_while_rows_are_read_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path, 100 * MB)
    rows = fill(cache, A)

    def fails(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "preadv", fails)
        said: list[str] = []
        assert Cache(tmp_path, 100 * MB, tell=said.append).find(A, Wanted(4)) is None
        assert said == [f"cache: {tmp_path / A} is not used: Input/output error."]
        with pytest.raises(TLError, match="Input/output error"):
            rows.take([0])


@pytest.mark.usefixtures("read_each_time")
def test_damage_to_an_entry_that_was_replaced_meanwhile_leaves_the_new_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100 * MB)
    rows = fill(cache, A)
    os.truncate(tmp_path / A / "rows.bin", 0)
    cache.clear()
    fill(cache, A)
    with pytest.raises(TLError):
        rows.take([0])
    assert cache.find(A, Wanted(4)) is not None


def test_a_small_entry_stays_in_memory_and_is_taken_as_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path, 100 * MB)
    held, numbers = fill(cache, A), [3, 0, 3, 2]
    with monkeypatch.context() as patch:
        patch.setattr("tl.inputs.rows.HELD", 0)
        read = cache.find(A, Wanted(4))
    assert read is not None
    stacked, single = read.take(numbers), read.ragged(numbers)
    os.truncate(tmp_path / A / "rows.bin", 0)
    for _ in range(2):  # what is done to a batch is not done to the rows
        taken, pieces = held.take(numbers), held.ragged(numbers)
        assert torch.equal(taken, stacked)
        assert all(map(torch.equal, pieces, single))
        for tensor in (taken, *pieces):
            tensor.zero_()
