"""Files are compared by what they hold, and read again only where the file system says that they changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tl.components.data.contents import facts_of_files, files_are
from tl.components.sample import Sample
from tl.errors import TLError


def samples_of(folder: Path) -> list[Sample]:
    return [Sample(file.name, file, "a", file.name) for file in sorted(folder.iterdir())]


def test_contents_count_and_names_and_times_alone_do_not(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"picture {name}")
    known = facts_of_files(samples_of(tmp_path))
    assert files_are(samples_of(tmp_path), known)
    assert files_are(reversed(samples_of(tmp_path)), known)
    times = (tmp_path / "a").stat()
    (tmp_path / "a").write_text("picture A")
    os.utime(tmp_path / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not files_are(samples_of(tmp_path), known), "its size and the time of its content are as before"
    (tmp_path / "a").write_text("picture a")
    assert facts_of_files(samples_of(tmp_path))["contents"] == known["contents"]
    assert files_are(samples_of(tmp_path), known)
    (tmp_path / "b").rename(tmp_path / "c")
    assert not files_are(samples_of(tmp_path), known)


def test_two_files_that_change_places_are_noticed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"picture {name}")
        os.utime(tmp_path / name, ns=(10**18, 10**18))
    known = facts_of_files(samples_of(tmp_path))
    (tmp_path / "a").rename(tmp_path.parent / "c")
    (tmp_path / "b").rename(tmp_path / "a")
    (tmp_path.parent / "c").rename(tmp_path / "b")
    assert not files_are(samples_of(tmp_path), known)


def test_unchanged_files_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("picture a")
    known, read = facts_of_files(samples_of(tmp_path)), []
    monkeypatch.setattr(Path, "read_bytes", lambda self: read.append(self))
    assert files_are(samples_of(tmp_path), known)
    assert not read


def test_texts_have_no_files_and_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert facts_of_files([Sample("1", "a text", "a", "t.csv:1")]) == {}
    (tmp_path / "a").mkdir()
    with pytest.raises(TLError, match="a: the picture cannot be read"):
        facts_of_files(samples_of(tmp_path))
