"""Which signals stop a run, and which make it stop at once."""

from __future__ import annotations

import signal

import pytest

from tl.run import stops
from tl.run.stops import INSISTING, STOPS, Stops


@pytest.mark.parametrize("number", STOPS)
def test_the_first_signal_is_kept_and_only_who_insists_stops_at_once(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 10.3, 10.7, 99.0])
    monkeypatch.setattr(stops.time, "monotonic", lambda: next(clock))
    heard = Stops()
    assert [heard.hear(number) for _ in range(3)] == [False, False, number in INSISTING]
    assert heard.number == number


def test_a_warning_of_the_system_does_not_hide_who_insists(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 11.0])
    monkeypatch.setattr(stops.time, "monotonic", lambda: next(clock))
    heard = Stops()
    assert [heard.hear(n) for n in (signal.SIGHUP, signal.SIGXCPU, signal.SIGTERM)] == [False, False, True]
    assert heard.number == signal.SIGHUP


def test_the_end_of_the_time_and_a_background_job_are_no_second_signal() -> None:
    assert signal.SIGALRM not in STOPS
    assert not {signal.SIGSTOP, signal.SIGTSTP, signal.SIGCHLD, signal.SIGPIPE} & set(STOPS)
