"""What the machine refuses to a helper thread is no traceback in the middle of everything; a bug in one is."""

from __future__ import annotations

import errno
import os
import sys
import threading

import pytest

from tl.cli import app
from tl.cli.printing.asides import keeping_asides


def in_a_thread(error: Exception) -> None:
    def fails() -> None:
        raise error

    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()


class Halved:
    """Fails when it is taken apart."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error


@pytest.mark.parametrize("debug", [False, True])
def test_a_refusal_is_kept_and_shown_only_with_debug(debug: bool, capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.excepthook, sys.unraisablehook
    with keeping_asides(debug) as asides:
        in_a_thread(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
        Halved(MemoryError())
    assert "Too many open files" in str(asides.fault)
    assert ("Traceback" in capfd.readouterr().err) == debug
    assert (threading.excepthook, sys.unraisablehook) == before


def test_a_bug_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with keeping_asides(debug=False) as asides:
        in_a_thread(KeyError("bug"))
        Halved(AttributeError("bug"))
    assert asides.fault is None
    assert capfd.readouterr().err.count("Traceback") == 2


def test_what_is_half_made_after_a_refusal_is_taken_apart_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    with keeping_asides(debug=False):
        in_a_thread(MemoryError())
        Halved(AttributeError("no such attribute"))
    assert capfd.readouterr().err == ""


def test_a_command_that_fails_since_its_thread_did_tells_why(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As torch does of the thread that pins memory."""

    def command(*_: object, **__: object) -> None:
        in_a_thread(MemoryError())
        raise RuntimeError("Pin memory thread exited unexpectedly")

    monkeypatch.setattr(app, "app", command)
    monkeypatch.setattr(sys, "argv", ["tl", "check"])
    code, said = app.run_command()
    assert code == 1
    assert said.startswith("The system refused (Cannot allocate memory): ")
    assert capfd.readouterr().err == ""
