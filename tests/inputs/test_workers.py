"""How many processes read, and that they give in order what one process gives."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from itertools import count, islice
from multiprocessing import active_children

import psutil
import pytest
import torch

from tests.conftest import IMAGE, TEXT
from tl.batch import Batch, Inputs
from tl.errors import MachineFault, Mistakes, Stopped, TLError
from tl.inputs.waiting import telling
from tl.inputs.workers import lost_worker, processes, spread
from tl.recipe.recipe import load

IMPORTS = "import itertools, multiprocessing, os, signal, sys; from tl.inputs.workers import spread; "


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
        ("-1", "'-1' is not a whole number from 0 to 1000 or auto."),
        ("many", "'many' is not a whole number from 0 to 1000 or auto."),
        ("1.5", "'1.5' is not a whole number from 0 to 1000 or auto."),
        ("atuo", "'atuo' is not a whole number from 0 to 1000 or auto. Did you mean 'auto'?"),
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
    made = list(islice(spread(partial(_squares, owner=os.getpid()), plans, workers, describe=str), 50))
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
    made = spread(_strict, iter(range(5)), workers, describe=str)
    assert list(islice(made, 3)) == [0, 1, 2]
    with pytest.raises(TLError) as said:
        next(made)
    assert str(said.value) == "x.png: is broken."


def test_a_reader_that_is_killed_is_told_in_a_sentence() -> None:
    with pytest.raises(RuntimeError) as said:
        list(spread(_strict, iter([4, 5, 6]), 1, describe=str))
    sentence = lost_worker(said.value)
    assert sentence is not None
    assert re.search(
        r"which read ahead, is gone \((killed by signal: Killed|exited unexpectedly)\), as where", sentence
    )
    assert lost_worker(RuntimeError("CUDA error")) is None


def test_a_process_that_fails_beside_its_readers_ends() -> None:
    code = "made = spread(abs, itertools.count(), 1, describe=str); next(made); 1 / 0"
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS + code], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("plans", [[], [range(4)]])
def test_a_single_plan_starts_no_process(plans: list[range]) -> None:
    made = list(spread(partial(_squares, owner=os.getpid()), iter(plans), 2, describe=str))
    assert [(squares.tolist(), here) for squares, here in made] == [([0, 1, 4, 9], True)][: len(plans)]


def test_texts_are_read_by_no_other_process() -> None:
    from tl.commands.assemble import assemble

    assert assemble(load("base", [*TEXT, "loop.workers=2"])).items("train").workers == 0
    assert assemble(load("base", [*IMAGE, "loop.workers=2"])).items("train").workers == 2


def _stops_at_three(number: int) -> tuple[int, int]:
    if number == 3:
        os.kill(os.getpid(), signal.SIGSTOP)
    return number, os.getpid()


def test_a_worker_that_gives_nothing_is_waited_for_and_told_of() -> None:
    told: list[str] = []

    def hear(seconds: float, what: str) -> None:
        for child in psutil.Process().children():
            if child.status() == psutil.STATUS_STOPPED:
                told.append(what)
                child.send_signal(signal.SIGCONT)

    with telling(hear):
        made = list(spread(_stops_at_three, iter(range(6)), 2, describe="picture {}".format))
    assert [number for number, _ in made] == list(range(6))
    assert told
    assert set(told) <= {"picture 1", "picture 3"}, "a worker that stops may not have sent what it made before"


def test_who_is_told_may_end_the_reading_and_no_worker_is_left() -> None:
    def stop(seconds: float, what: str) -> None:
        raise Stopped(f"No {what}.", signal.SIGTERM)

    before = active_children()  # a reader that another test has stopped may still be ending
    made = spread(_stops_at_three, iter(range(6)), 2, describe=str)
    workers = [child for child in active_children() if child.daemon and child not in before]
    with telling(stop), pytest.raises(Stopped, match=r"No [13]\."):
        list(made)
    assert len(workers) == 2
    for worker in workers:
        worker.join(20)
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL] * 2


def _tensors(number: int) -> Batch:
    y = torch.tensor([number, 7])
    return Batch(Inputs(torch.full((2, 3), number / 3), None, y.bool()), y.to(torch.bfloat16), 1)


def _in_little_room(number: int) -> Batch:
    """What the disk of shared memory refuses, as where it is full: no file may be longer than a few bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 if number % 2 else 1 << 20, 1 << 20))
    return _tensors(number)


def test_what_has_no_room_in_shared_memory_comes_all_the_same() -> None:
    made = list(spread(_in_little_room, iter(range(6)), 2, describe=str))
    for number, batch in enumerate(made):
        wanted = _tensors(number)
        assert torch.equal(batch.x.values, wanted.x.values)
        assert torch.equal(batch.x.segments, wanted.x.segments)  # type: ignore[arg-type]
        assert torch.equal(batch.y, wanted.y)
        assert (batch.x.mask, batch.start, batch.y.dtype) == (None, 1, torch.bfloat16)
        assert batch.y.is_shared() == (number % 2 == 0)


def test_where_no_worker_can_be_started_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(torch.multiprocessing, "Queue", full)
    with pytest.raises(
        MachineFault, match=r"cannot be started \(No space left on device\): set loop\.workers=0, or give"
    ):
        next(iter(spread(abs, iter(range(3)), 2, describe=str)))


def test_a_worker_goes_with_the_process_that_it_reads_for_even_when_it_is_stopped() -> None:
    """Else it holds what that process held: its locks, and the other end of its pipes, for which this test waits."""
    # Each worker has given something: one that is stopped before it asks to go with its parent would not go.
    code = "made = spread(abs, itertools.count(), 2, describe=str); next(made), next(made); "
    code += "[os.kill(worker.pid, signal.SIGSTOP) for worker in multiprocessing.active_children()]; "
    code += "print('reads', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS + code], capture_output=True, text=True, check=False, timeout=50
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "reads\n")


LIMITED = """
import gc, itertools, os, resource, sys, torch
from tl.inputs.workers import spread
from tl.cli import app

def reads(*_, **__):
    for _ in itertools.islice(spread(torch.ones, itertools.repeat(9), 2, describe=str), 20):
        pass

app.app, sys.argv = reads, ["tl"]
torch.ones(1)
gc.freeze()
for more in (2, 8, 10, 12, 40):
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1 + more,) * 2)
        code, said = app.run_command()
        print(code, said)
        sys.exit()
    os.waitpid(child, 0)
"""


def test_too_few_open_files_are_one_sentence() -> None:
    """To start workers, to take what they made, to let them tidy up: wherever the files end."""
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False, timeout=200)
    assert done.stderr == ""
    told = done.stdout.splitlines()
    assert len(told) == 5
    begins = ("1 loop.workers: the 2 processes", "1 The system refused (Too many open files", "1 One of the processes")
    assert all(line == "0 " or line.startswith(begins) for line in told)
    assert told[0].startswith(begins)
    assert told[-1] == "0 "


def _needs_a_thread(number: int) -> int:
    def refused(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    if number == 3:
        threading.Thread.start = refused  # type: ignore[method-assign]
    return number


def test_a_worker_that_cannot_start_its_thread_is_told_of_without_a_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RuntimeError) as said:
        list(spread(_needs_a_thread, iter([3, 4, 5]), 1, describe=str))
    assert lost_worker(said.value) is not None
    assert capfd.readouterr().err == ""


def _fails_in_a_thread(number: int) -> int:
    if number == 3:
        threading.Thread(target=lambda: 1 / 0).start()
        time.sleep(60)
    return number


def test_a_worker_ends_with_a_thread_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody would answer for the thread, and the parent would wait for it."""
    with pytest.raises(RuntimeError) as said:
        list(spread(_fails_in_a_thread, iter([3, 4, 5]), 1, describe=str))
    assert lost_worker(said.value) is not None
    assert capfd.readouterr().err == ""
