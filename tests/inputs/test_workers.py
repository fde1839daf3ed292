"""How many processes read, and that they give in order what one process gives."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from functools import partial
from itertools import count, islice

import pytest
import torch

from tests.conftest import IMAGE, TEXT
from tl.errors import Mistakes, TLError
from tl.inputs.workers import lost_worker, processes, spread
from tl.recipe.recipe import load


def found(*overrides: str) -> int:
    return processes(load("base", [*IMAGE, *overrides]).loop)


@pytest.mark.parametrize(
    "cores, ranks, expected",
    [(1, 1, 0), (2, 1, 1), (4, 1, 3), (9, 1, 8), (64, 1, 8), (64, 8, 7), (16, 8, 1), (8, 8, 0), (4, 8, 0)],
)
def test_auto_leaves_a_core_to_each_process_that_has_a_gpu(
    cores: int, ranks: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(ranks))
    assert found() == expected
    assert found("loop.device=cpu") == 0
    assert found("loop.workers=5") == 5
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert found() == 0


@pytest.mark.parametrize(
    "value, remedy",
    [
        ("-1", "'-1' is not a whole number of at least 0 or auto."),
        ("many", "'many' is not a whole number of at least 0 or auto."),
        ("1.5", "'1.5' is not a whole number of at least 0 or auto."),
        ("atuo", "'atuo' is not a whole number of at least 0 or auto. Did you mean 'auto'?"),
    ],
)
def test_what_is_no_number_of_processes(value: str, remedy: str) -> None:
    with pytest.raises(Mistakes) as caught:
        found(f"loop.workers={value}")
    assert str(caught.value) == f"command line: loop.workers {remedy}"


def test_auto_is_kept_in_a_stored_recipe() -> None:
    assert load("base", IMAGE).plain()["loop"]["workers"] == "auto"


def _squares(numbers: range, owner: int) -> tuple[torch.Tensor, bool]:
    return torch.tensor([number**2 for number in numbers]), os.getpid() == owner


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_an_endless_sequence_comes_in_order(workers: int) -> None:
    """Ahead of time, but not all of it; and without drawing from torch's generator."""
    state = torch.get_rng_state()
    plans = (range(3 * i, 3 * i + 3) for i in count())
    made = list(islice(spread(partial(_squares, owner=os.getpid()), plans, workers), 50))
    assert torch.cat([squares for squares, _ in made]).tolist() == [number**2 for number in range(150)]
    assert {here for _, here in made} == {workers == 0}
    assert torch.equal(torch.get_rng_state(), state)


def _strict(number: int) -> int:
    if number == 3:
        raise TLError("x.png: is broken.")
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [0, 1])
def test_a_mistake_that_a_reader_meets_is_told_as_ever(workers: int) -> None:
    made = spread(_strict, iter(range(5)), workers)
    assert list(islice(made, 3)) == [0, 1, 2]
    with pytest.raises(TLError) as said:
        next(made)
    assert str(said.value) == "x.png: is broken."


def test_a_reader_that_is_killed_is_told_in_a_sentence() -> None:
    with pytest.raises(RuntimeError) as said:
        list(spread(_strict, iter([4, 5, 6]), 1))
    sentence = lost_worker(said.value)
    assert sentence is not None
    assert re.search(
        r"which read ahead, is gone \((killed by signal: Killed|exited unexpectedly)\), as where", sentence
    )
    assert lost_worker(RuntimeError("CUDA error")) is None


def test_a_process_that_fails_beside_its_readers_ends() -> None:
    code = "import itertools, tl.inputs.workers as w; made = w.spread(abs, itertools.count(), 1); next(made); 1 / 0"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("plans", [[], [range(4)]])
def test_a_single_plan_starts_no_process(plans: list[range]) -> None:
    made = list(spread(partial(_squares, owner=os.getpid()), iter(plans), 2))
    assert [(squares.tolist(), here) for squares, here in made] == [([0, 1, 4, 9], True)][: len(plans)]


def test_texts_are_read_by_no_other_process() -> None:
    from tl.commands.assemble import assemble

    assert assemble(load("base", [*TEXT, "loop.workers=2"])).items("train").workers == 0
    assert assemble(load("base", [*IMAGE, "loop.workers=2"])).items("train").workers == 2
