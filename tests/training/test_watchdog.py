"""A main thread that hears no signal: the process ends all the same, and one that works is left alone."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
import time

import pytest

from tests.faults.kill_drill import forked
from tests.training.test_signals import alone
from tl.inputs.waiting import asking
from tl.run import stops
from tl.training import watchdog

NAMES = {
    "alone": alone,
    "asking": asking,
    "ctypes": ctypes,
    "math": math,
    "os": os,
    "signal": signal,
    "time": time,
    "watchdog": watchdog,
}

# A mutex that its own thread holds: the thread waits within the C library, which no signal ends.
HANGS = "lock = ctypes.create_string_buffer(64); c = ctypes.CDLL(None); [c.pthread_mutex_lock(lock) for _ in '12']"
WAITS = "print('reads', flush=True); " + HANGS


def run(work: str, until: str = "math.inf", *, watched: bool = True, signals: int = 0) -> tuple[int, str]:
    """The exit code and the words of a process that does this work while it trains, and hears so many SIGTERM."""
    code = f"with alone(until={until}) as signals:\n    signals.watchdog.watched = {watched}\n    {work}"
    (out, into_out), (said, into_said) = os.pipe(), os.pipe()

    def works() -> None:
        for number, name, pipe in ((1, "stdout", into_out), (2, "stderr", into_said)):
            os.dup2(pipe, number)
            setattr(sys, name, open(number, "w", buffering=1, closefd=False))  # noqa: SIM115
        watchdog._INSISTED, watchdog._STUCK, stops._ONCE = 0.2, 0.6, 0.0
        exec(code, NAMES)

    child = forked(works)
    os.close(into_out)
    os.close(into_said)
    with open(out) as printed, open(said) as told:
        printed.readline()
        for _ in range(signals):
            os.kill(child, signal.SIGTERM)
            time.sleep(0.1)
            assert os.waitpid(child, os.WNOHANG) == (0, 0)
        until_then = time.monotonic() + 60
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > until_then:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.02)
        return os.waitstatus_to_exitcode(ended[1]), told.read()


def test_a_second_signal_ends_a_process_that_waits_for_another_for_ever() -> None:
    code, said = run(WAITS, watched=False, signals=2)
    assert code == 143, said
    assert said == "Stopped (stopped at once), without a new checkpoint. Go on with: tl finetune --resume run\n"


@pytest.mark.parametrize("signals, why", [(1, "Stopped ("), (0, "loop.max_time is over: stopped (")])
def test_a_step_that_does_not_end_does_not_keep_a_run_that_is_to_stop(signals: int, why: str) -> None:
    code, said = run(WAITS, "math.inf" if signals else "0.0", signals=signals)
    assert code == (143 if signals else 142), said
    assert said.startswith(why + "the step does not end, as where another process or a disk stands still), without")


def test_a_process_that_computes_or_writes_is_left_alone() -> None:
    """Whether the time is over or not; and one that only waits, while no stop is due."""
    computes = "print(flush=True); end = time.monotonic() + 2; [0 for _ in iter(lambda: time.monotonic() < end, False)]"
    assert run(computes, "0.0") == (0, "")
    assert run("print(flush=True); time.sleep(2)", "0.0", watched=False) == (0, "")
    assert run("print(flush=True); time.sleep(2)") == (0, "")


def test_the_end_of_a_reader_is_no_signal_to_stop() -> None:
    """torch handles SIGCHLD in Python, so that it is heard here too."""
    begins = "signal.signal(signal.SIGCHLD, lambda *_: None); os.kill(os.getpid(), signal.SIGCHLD); print(flush=True); "
    assert run(begins + "time.sleep(2)") == (0, "")
    assert run(begins + "time.sleep(0.7); os.kill(os.getpid(), signal.SIGTERM); time.sleep(1)", watched=False) == (
        0,
        "",
    )


def test_a_reader_that_stops_while_it_hands_over_a_batch_is_not_waited_for_long() -> None:
    """Its question has no answer for 5 s, so the 30 s of a step that does not end need not pass."""
    asks = "watchdog._STUCK, watchdog._UNANSWERED = 60.0, 0.4; "
    code, said = run(f"{asks}asked = asking(); asked.__enter__(); {WAITS}", "0.0")
    assert code == 142, said
    assert said.startswith("loop.max_time is over: stopped (a process that reads ahead stands still), without")
