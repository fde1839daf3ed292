"""The writer follows no link, leaves no half file under a final name, and never writes into another's file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tl.disk.folder import Folder, NotOurs, replacing, write_whole

Plant = Callable[[Path, Path], None]


def hard(name: Path, victim: Path) -> None:
    name.hardlink_to(victim)


def soft(name: Path, victim: Path) -> None:
    name.symlink_to(victim)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    file = tmp_path / "victim.txt"
    file.write_text("precious")
    return file


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.mark.parametrize("plant", [soft, hard])
@pytest.mark.parametrize("how", ["create", "proceed", "append"])
def test_nothing_is_written_through_a_link(plant: Plant, how: str, place: Path, victim: Path) -> None:
    plant(place / "x", victim)
    with Folder.at(place) as folder, pytest.raises((NotOurs, FileExistsError)):
        folder.append("x", b"more") if how == "append" else getattr(folder, how)("x")
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("plant", [soft, hard])
def test_a_link_is_replaced_as_a_whole(plant: Plant, place: Path, victim: Path) -> None:
    plant(place / "x", victim)
    write_whole(place / "x", b"new")
    assert (victim.read_text(), (place / "x").read_text()) == ("precious", "new")
    assert not (place / "x").is_symlink()


def test_a_folder_that_is_a_link_is_not_entered(place: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (place / "sub").symlink_to(tmp_path / "theirs")
    with Folder.at(place) as folder, pytest.raises(NotOurs, match="is a link"), folder.within("sub", make=True):
        pass
    assert not list((tmp_path / "theirs").iterdir())


def test_a_pipe_or_a_folder_is_no_file(place: Path) -> None:
    os.mkfifo(place / "pipe")
    (place / "folder").mkdir()
    with Folder.at(place) as folder:
        for name in ("pipe", "folder"):
            for refused in (folder.proceed, folder.read, lambda name: folder.append(name, b"x")):
                with pytest.raises((NotOurs, OSError)):
                    refused(name)


def test_the_folder_stays_the_same_one_when_its_path_leads_elsewhere(place: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    with Folder.at(place) as folder:
        place.rename(tmp_path / "moved")
        place.symlink_to(tmp_path / "theirs")
        folder.write_whole("x", b"new")
    assert (tmp_path / "moved" / "x").read_bytes() == b"new"
    assert not list((tmp_path / "theirs").iterdir())


def test_another_users_file_is_not_continued(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "x").write_text("theirs")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with Folder.at(place) as folder:
        assert not folder.ours
        with pytest.raises(NotOurs, match="belongs to another user"):
            folder.proceed("x")


def test_a_copy_takes_the_place_of_a_file_with_two_names(place: Path, victim: Path) -> None:
    (place / "x").hardlink_to(victim)
    with Folder.at(place) as folder:
        folder.make_ours("x")
        folder.append("x", b" and more")
        folder.make_ours("not there")
    assert (victim.read_text(), (place / "x").read_text()) == ("precious", "precious and more")


@pytest.mark.parametrize("call", ["fsync", "rename", "fchmod", "write"])
def test_a_refusal_leaves_the_old_file_and_nothing_beside_it(
    call: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "x").write_text("old")

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def write() -> None:
        with replacing(place / "x") as file:
            file.write(b"new")
            if call == "write":
                refuse()

    if call != "write":
        monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="No space"):
        write()
    assert [(file.name, file.read_text()) for file in place.iterdir()] == [("x", "old")]


def test_a_new_file_has_the_permissions_of_the_one_that_it_replaces(place: Path) -> None:
    (place / "x").write_text("secret")
    (place / "x").chmod(0o600)
    write_whole(place / "x", b"new")
    assert (place / "x").stat().st_mode & 0o777 == 0o600


def test_removing_a_link_to_a_folder_leaves_the_folder(place: Path, victim: Path) -> None:
    (place / "link").symlink_to(victim.parent)
    (place / "own" / "deep").mkdir(parents=True)
    (place / "own" / "deep" / "link").symlink_to(victim)
    with Folder.at(place) as folder:
        for name in ("link", "own", "not there"):
            folder.remove(name)
    assert victim.read_text() == "precious"
    assert not list(place.iterdir())


LEFT = ".0123456789ab.part"


def test_what_a_killed_writer_left_is_removed_and_nothing_else(place: Path, victim: Path) -> None:
    (place / "a" / "b" / "c").mkdir(parents=True)
    kept = [
        f"a/b/c/{LEFT}",
        "x.part",
        ".x.part",
        ".0123456789AB.part",
        "0123456789ab.part",
        ".0123456789abc.part",
        f"a/{LEFT}.txt",
    ]
    for name in (LEFT, f"a/{LEFT}", f"a/b/{LEFT}", *kept):
        (place / name).write_text("half")
    (victim.parent / "theirs").mkdir()
    (victim.parent / "theirs" / LEFT).write_text("precious")
    (place / "c").symlink_to(victim.parent / "theirs")
    soft(place / ".aaaaaaaaaaaa.part", victim)
    hard(place / ".bbbbbbbbbbbb.part", victim)
    (place / ".cccccccccccc.part").mkdir()
    with Folder.at(place) as folder:
        folder.remove_left(depth=2)
    links = ["c", ".aaaaaaaaaaaa.part", ".bbbbbbbbbbbb.part", ".cccccccccccc.part"]
    found = {str(file.relative_to(place)) for file in place.rglob("*")}
    assert found == {*kept, *links, "a", "a/b", "a/b/c"}
    assert (victim.parent / "theirs" / LEFT).read_text() == "precious"


def test_another_users_temporary_file_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / LEFT).write_text("theirs")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with Folder.at(place) as folder:
        folder.remove_left(depth=2)
    assert (place / LEFT).is_file()


def test_a_writer_killed_before_its_rename_leaves_what_is_known_as_left(place: Path) -> None:
    """The name that is written under and the name that is removed are one."""
    child = os.fork()
    if not child:
        os.rename = lambda *_, **__: os._exit(0)
        write_whole(place / "x", b"new")
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert len(list(place.iterdir())) == 1
    with Folder.at(place) as folder:
        folder.remove_left(depth=2)
    assert not list(place.iterdir())
