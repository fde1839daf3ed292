"""How far long work has come, by a clock that the tests turn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SHORT, TEXT
from tl.cli.printing.cache import print_entries
from tl.inputs import pace
from tl.inputs.cache import Cache
from tl.inputs.pace import Pace

Turn = Callable[[float], None]


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Turn:
    """turn(seconds) lets so much time pass."""
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_half_a_minute_passes_between_two_lines(turn: Turn) -> None:
    found = []
    work = Pace(1000)
    for _ in range(10):
        turn(10)
        found.append(work.advance(100))
    assert found == [
        *("", "", "300 of 1,000, about 1 min 10 s left"),
        *("", "", "600 of 1,000, about 40 s left"),
        *("", "", "900 of 1,000, about 10 s left", ""),
    ]
    assert work.seconds == 100


def test_the_end_is_not_told_which_has_a_line_of_its_own(turn: Turn) -> None:
    work = Pace(2)
    turn(50)
    assert work.advance(2) == ""


def test_plain_lines_tell_of_long_phases(turn: Turn, capsys: pytest.CaptureFixture[str]) -> None:
    from tl.cli.printing.progress import Lines

    lines = Lines()
    lines.begins("accuracy", "image")
    lines.phase("full", 0, 400, ["head"])
    for step in range(1, 101):
        turn(1)
        lines.step(step, 32)
        if step == 50:
            lines.values(step, "train", {"loss": 0.25})
    assert capsys.readouterr().out.splitlines() == [
        "full: steps 1-400, learning: head",
        "  step 30: 32 images/s, 30 of 400, about 6 min 10 s left",
        "  step 60: loss 0.2500, 32 images/s, 60 of 400, about 5 min 40 s left",
        "  step 90: loss 0.2500, 32 images/s, 90 of 400, about 5 min 10 s left",
    ]


def test_a_pass_that_fills_the_cache_tells_how_far_it_is(
    train: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "EVERY", 0.0)
    run = train(*TEXT, *SHORT, "freeze=linear_probe", "cache.use=always", f"cache.folder={tmp_path / 'cache'}")
    log = (run / "log.txt").read_text()
    assert " cache: train, 28 of 112, about " in log, log


def test_cache_entries_name_the_recipe_and_the_backbone_that_they_were_computed_for(
    train: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cache"
    train(*TEXT, *SHORT, "freeze=linear_probe", "cache.use=always", f"cache.folder={folder}", "name=reviews")
    entries = Cache(folder, 0).entries()
    assert {(entry.recipe, entry.backbone) for entry in entries} == {("reviews", "tiny_text")}
    earlier = entries[0].folder / "what.json"
    earlier.write_text('{"what": "of an earlier version"}')
    print_entries(Cache(folder, 0).entries(), folder)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["what", "recipe", "backbone", "last", "used", "size"]
    assert sum("reviews" in line and "tiny_text" in line for line in lines) == len(entries) - 1
    assert sum("of an earlier version" in line for line in lines) == 1
