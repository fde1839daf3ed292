"""An entry of the cache is used only if it is whole, our own, and of the layout that is asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tl.inputs.cache import Cache
from tl.inputs.filling import writing_rows
from tl.inputs.layout import DIGESTS, LAYOUT, ROWS, Damaged, Layout, Wanted, head, parse_layout

NAME, OTHER = "a" * 32, "b" * 32
LAYOUTS = {"equal": Layout(4, "float32", (3,)), "ragged": Layout(4, "float32", (3,), (2, 1, 4, 3))}


class Made:
    """A cache with one entry, row i of which holds i, and the lines that were told."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.said: list[str] = []
        self.layout = layout
        self.cache = Cache(folder, 1 << 30, tell=self.said.append)
        self.place = folder / NAME
        with writing_rows(self.cache, NAME, "numbers", layout, layout.n, lambda: None) as draft:
            assert draft is not None
            with draft.writing():
                for i, length in enumerate(layout.lengths or [None] * layout.n):
                    draft.write(i, [i], [torch.full((3,) if length is None else (length, 3), float(i))])

    def found(self, name: str = NAME) -> bool:
        return self.cache.find(name, Wanted.exactly(self.layout)) is not None

    def seal(self) -> None:
        """Make the layout's checksum anew, as one does who means harm."""
        sums = (self.place / DIGESTS).read_bytes()
        (self.place / DIGESTS).write_bytes(head(self.place, (self.place / LAYOUT).read_bytes()) + sums[16:])


@pytest.fixture(params=LAYOUTS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    return Made(tmp_path, LAYOUTS[request.param])


ODD: list[Any] = [
    *({"dtype": one} for one in ("evil", "load", "float64", "int32", "uint8", 7, None, ["float32"], "")),
    *({"shape": one} for one in ([-1, 3], [7], [], "x", None, [3.0], [True], [0], [1 << 70], {"3": 3}, [[3]])),
    *({"n": one} for one in (-4, 0, 1, 5, 4.0, True, "4", None, 1 << 70)),
    *({"lengths": one} for one in ([1, 2], [12], [-2, 4, 4, 4], "abcd", [1 << 70] * 4, [2.0, 1, 4, 3])),
    *({"more": 1}, [], {}, 3, None, "n"),
]


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_odd_layout_is_none_also_with_a_checksum_of_its_own(odd: Any, sealed: bool, made: Made) -> None:
    file = made.place / LAYOUT
    known = json.loads(file.read_text())
    file.write_text(json.dumps({**known, **odd} if odd and isinstance(odd, dict) else odd))
    if sealed:
        made.seal()
    assert not made.found()
    assert len(made.said) == 1
    assert str(made.place) in made.said[0]
    assert " is not used: its " in made.said[0]
    assert not made.found()  # and from then on it is none
    assert len(made.said) == 1


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b'{"n": 4', b"NaN"])
def test_a_layout_that_is_no_json_is_damage(content: bytes) -> None:
    with pytest.raises(Damaged):
        parse_layout(content)


def test_only_what_is_asked_for_is_found(made: Made) -> None:
    exact, lengths = Wanted.exactly(made.layout), made.layout.lengths
    assert exact.allows(made.layout)
    assert Wanted(4).allows(made.layout)
    assert not Wanted(5).allows(made.layout)
    assert not Wanted(4, ("float16",)).allows(made.layout)
    assert not Wanted(4, shape=(4,)).allows(made.layout)
    assert Wanted(4, lengths=(1, 2, 4, 3)).allows(made.layout) == (lengths is None)


def test_an_entry_under_another_name_is_none(made: Made) -> None:
    assert made.found()
    made.place.rename(made.place.with_name(OTHER))
    assert not made.found(OTHER)
    assert made.said == [f"cache: {made.place.with_name(OTHER)} is not used: its layout differs from its checksum."]


def test_another_users_entry_is_none_and_stays(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert not made.found()
    assert made.said == [f"cache: {made.place} is not used: it belongs to another user, who could have changed it."]
    monkeypatch.undo()
    assert made.found()


def linked(file: Path) -> None:
    file.rename(file.with_name("moved"))
    file.symlink_to("moved")


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("name", [LAYOUT, ROWS, DIGESTS])
@pytest.mark.parametrize("put", [linked, pipe, folder])
def test_what_is_no_plain_file_is_not_read(put: Callable[[Path], None], name: str, made: Made) -> None:
    put(made.place / name)
    assert not made.found()
    assert len(made.said) == 1


def test_a_link_instead_of_an_entry_is_not_followed(made: Made, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    made.place.rename(elsewhere)
    made.place.symlink_to(elsewhere)
    assert not made.found()
    assert (elsewhere / DIGESTS).is_file()


def test_an_entry_of_an_earlier_version_is_none_without_a_word(made: Made) -> None:
    (made.place / DIGESTS).unlink()
    assert not made.found()
    assert made.said == []
