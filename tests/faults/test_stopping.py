"""What a launcher of several processes does with those that do not end by themselves."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tl.commands import launch
from tl.commands.launch import _Orders, _passing_signals_on, _wait

STAYS = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(99)"
HEARS = "import signal, sys, time; signal.signal(10, lambda *_: sys.exit(7)); print(flush=True); time.sleep(99)"
FINE = "print(flush=True)"


@contextmanager
def children(*codes: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that run these programs and have begun."""
    begun = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for code in codes]
    for child in begun:
        assert child.stdout is not None
        child.stdout.readline()
    yield begun
    for child in begun:
        child.kill()
        child.communicate()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_INSISTED", 0.2)
    monkeypatch.setattr(launch, "_KILL_AFTER", 0.2)


def test_a_second_signal_ends_a_process_that_hears_none(tmp_path: Path) -> None:
    orders = _Orders(insisted=time.monotonic())
    with children(STAYS, STAYS) as some:
        some[1].send_signal(signal.SIGSTOP)
        assert _wait(some, tmp_path, orders, math.inf) == (0, -signal.SIGKILL)
        assert [child.returncode for child in some] == [-signal.SIGKILL, -signal.SIGKILL]


def test_a_stopped_process_goes_on_to_hear_the_signal(tmp_path: Path) -> None:
    with children(HEARS, HEARS) as some, _passing_signals_on(some, tmp_path) as orders:
        some[1].send_signal(signal.SIGSTOP)
        signal.raise_signal(signal.SIGUSR1)
        _wait(some, tmp_path, orders, math.inf)
        assert [child.returncode for child in some] == [7, 7]
        assert orders.stops.number == signal.SIGUSR1


def test_a_stopped_process_goes_on_when_the_time_is_over(tmp_path: Path) -> None:
    with children(HEARS) as some:
        for number in (signal.SIGSTOP, signal.SIGUSR1):  # it hears the second one only when it goes on
            some[0].send_signal(number)
        assert _wait(some, tmp_path, _Orders(), time.monotonic() + 0.2) == (0, 7)


def test_the_first_process_has_written_all_so_that_no_other_keeps_the_run(tmp_path: Path) -> None:
    with children(FINE, STAYS) as some:
        assert _wait(some, tmp_path, _Orders(), math.inf) == (0, 0)
