"""A run done again is compared bit for bit, and what differs is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SHORT, TEXT
from tl.cli.printing.progress import Quiet
from tl.commands.reproduce import compare, reproduce, verify_resume
from tl.errors import Stopped, TLError

Train = Callable[..., Path]


def test_a_run_done_again_is_the_same(train: Train, tmp_path: Path, forget_accelerate: Callable[[], None]) -> None:
    run = train(*TEXT, *SHORT)
    forget_accelerate()
    found = reproduce(run, tmp_path / "again", Quiet())
    assert found.same
    assert (found.rows, found.step, found.weights, dict(found.values), dict(found.facts)) == (15, None, True, {}, {})
    assert found.other.startswith(str(tmp_path / "again"))


def test_what_differs_is_named(train: Train) -> None:
    one, other = train(*TEXT, *SHORT), train(*TEXT, *SHORT, "optimizer.lr=0.01", "loop.length=10step")
    found = compare(one, other)
    assert not found.same
    assert not found.weights
    assert found.step == 1
    assert found.largest > 0.01
    rows = [json.loads(line) for line in (one / "metrics.jsonl").read_text().splitlines()]
    rows[5]["loss"] *= 1.25
    (one / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    meta = json.loads((one / "meta.json").read_text())
    meta["versions"]["torch"] = "1.0"
    again = train(*TEXT, *SHORT)
    (one / "meta.json").write_text(json.dumps(meta))
    changed = compare(one, again)
    assert (changed.step, changed.weights) == (rows[5]["step"], True)
    assert changed.largest == pytest.approx(0.2)
    assert changed.facts["torch"][0] == "1.0"


def test_an_unfinished_run_cannot_be_compared(train: Train, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train(*TEXT, *SHORT, "loop.max_time=0.0001min")
    (run,) = (tmp_path / "runs" / "base").iterdir()
    with pytest.raises(TLError, match="is stopped, so there is nothing to compare with: resume it first"):
        reproduce(run, tmp_path, Quiet())


def test_a_recipe_is_killed_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = ["data=tiny_sentences", "data.n=60", "backbone=tiny_text", "loop.batch=8", "loop.device=cpu"]
    said: list[str] = []
    monkeypatch.setattr("tl.commands.reproduce.EVERY", 0.2)
    found = verify_resume("base", recipe, 12, tmp_path, said.append)
    assert found.same
    assert found.rows >= 12
    assert [line for line in said if line[0].isdigit()] == [
        *("1 of 3: 12 steps, undisturbed", "2 of 3: the same, killed after step 6", "3 of 3: resumed to the end"),
    ]
    assert all(line.endswith(" logged") for line in said if not line[0].isdigit())
    assert len(said) > 3, "it also tells how far a run is"


def test_a_mistake_in_the_recipe_is_told_as_ever(tmp_path: Path) -> None:
    with pytest.raises(TLError, match=r"data\.root=/nowhere: there is no such folder"):
        verify_resume("base", ["data=image_folder", "data.root=/nowhere"], 12, tmp_path, print)
