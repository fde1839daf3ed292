"""Whichever call of the system is refused, what a run wrote before is still there and whole, as SQLite tests it.

Each open, sync, rename and removal of a short life of a run folder is refused once, for every n the n-th.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tl.errors import Unwritable
from tl.run.checkpoint import Checkpoints
from tl.run.run import Run

CALLS = ("open", "fsync", "rename", "unlink", "mkdir")
STEPS = 2


class Refusal:
    """Refuses the n-th call of a function of `os`, and counts the calls; a removal on the way out is not refused."""

    def __init__(self, name: str, at: int, number: int) -> None:
        self.genuine: Callable[..., Any] = getattr(os, name)
        self.at, self.number, self.calls = at, number, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            raise OSError(self.number, os.strerror(self.number))
        return self.genuine(*args, **kwargs)


def live(run: Run, first: int) -> None:
    """What training writes: rows, notes, checkpoints, status."""
    with run.recording_status():
        for step in range(first, STEPS + 1):
            run.note(f"step {step}")
            run.log({"step": step})
            run.checkpoint(step, {"last": {"w": torch.full((100,), float(step))}, "best": {"w": torch.zeros(100)}})
        run.write("evaluation/test.json", "{}\n")


def lived(run: Run) -> list[Unwritable]:
    """Train; gives the sentence with which that ended, if it did. Any other error is a fault."""
    try:
        live(run, 1)
    except Unwritable as error:
        return [error]
    return []


def resumed(run: Run) -> None:
    """What a resumed run does: go on from the newest whole checkpoint, without the rows after it."""
    found = Checkpoints(run.path / "checkpoints").latest(pytest.fail)
    step = 0 if found is None else found.step
    if found is not None:
        assert bool((found.load("last")["w"] == step).all())
        assert [row["step"] for row in run.rows()][:step] == list(range(1, step + 1))
    run.forget_rows_after(step)
    live(run, step + 1)


def check_end(run: Run) -> None:
    assert run.meta["status"] == "done"
    assert [row["step"] for row in run.rows()] == list(range(1, STEPS + 1))
    assert (run.path / "evaluation" / "test.json").read_text() == "{}\n"
    last = Checkpoints(run.path / "checkpoints").latest(pytest.fail)
    assert last is not None
    assert last.step == STEPS
    assert not [file for file in run.path.rglob("*") if file.name.endswith(".part")]


@pytest.mark.parametrize("number", [errno.ENOSPC, pytest.param(errno.EIO, marks=pytest.mark.slow)])
@pytest.mark.parametrize("call", CALLS)
def test_every_refused_call_leaves_a_run_that_can_go_on(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, refused = 1, 0
    while True:
        run = Run.create(tmp_path / str(at), "x", {"seed": 0}, {"seconds": 0.0})
        refusal = Refusal(call, at, number)
        with monkeypatch.context() as patch:
            patch.setattr(os, call, refusal)
            said = [str(error) for error in lived(run)]
        assert all(os.strerror(number) in text for text in said)
        refused += len(said)
        if refusal.calls < at:
            break
        if run.meta["status"] != "done":
            resumed(run)
        check_end(run)
        at += 1
    print(f"{call}: {at - 1} refusals, {refused} sentences")
    assert at > STEPS
    assert refused or call == "unlink"
