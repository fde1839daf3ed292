"""Several processes on this machine: the same command once for each, told apart by the variables that torch reads.

torch's own launcher answers any failure with a traceback and exit code 1, and a signal by killing what has not yet
written its checkpoint. Here signals are passed on, and a process that ends by a mistake or a signal leaves its last
words in a folder of the launcher's, which speaks once for all.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from tl.errors import TLError

_WORDS = "TL_LAST_WORDS"
_GRACE, _LATEST = 20.0, 3.0
_PASSED_ON = {signal.SIGINT: signal.SIGINT, signal.SIGTERM: signal.SIGTERM, signal.SIGHUP: signal.SIGTERM}
Children = Sequence["subprocess.Popen[bytes]"]


class Ended(TLError):
    """How the processes of a launch ended, in their own words and with their exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def relaunch(processes: int) -> None:
    """Run this very command in so many processes; Ended tells of any that did not come to its end."""
    with TemporaryDirectory(prefix="tl_launch_") as name:
        folder = Path(name)
        children: list[subprocess.Popen[bytes]] = []
        with _passing_on(children, folder) as sent:
            children.extend(_start(environment) for environment in _environments(processes, folder))
            first = _wait(children)
        words = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("[0-9]*"))]
    if words:
        raise Ended("\n".join(dict.fromkeys(text for text, _ in words if text)), words[0][1])
    if first and sent:
        raise Ended("", 128 + sent[0])
    if first < 0:
        raise Ended(f"One of the {processes} processes was ended by {signal.Signals(-first).name}.", 128 - first)
    if first:
        raise Ended("", first)


def launched() -> bool:
    """Whether this process is one that `relaunch` started."""
    return _WORDS in os.environ


def leave_word(text: str, exit_code: int) -> None:
    """In a launched process: tell the launcher how it ends, before the other processes notice."""
    Path(os.environ[_WORDS], os.environ["RANK"]).write_text(json.dumps([text, exit_code]), encoding="utf-8")


def another_spoke() -> bool:
    """In a launched process that lost its connection: has another said why it leaves? Its words come a little later."""
    until = time.monotonic() + _LATEST
    while time.monotonic() < until:
        if any(Path(os.environ[_WORDS]).iterdir()):
            return True
        time.sleep(0.05)
    return False


def _environments(processes: int, folder: Path) -> Iterator[dict[str, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), _WORDS: str(folder)}
    size = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    for rank in range(processes):
        yield {**os.environ, **place, **size, **threads, "RANK": str(rank), "LOCAL_RANK": str(rank)}


def _start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A child in a process group of its own, so that a terminal's Ctrl-C reaches it through us alone, and once."""
    command = [sys.executable, "-m", "tl.cli.launched", *sys.argv[1:]]
    output = None if environment["RANK"] == "0" else subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, process_group=0)


@contextmanager
def _passing_on(children: Children, folder: Path) -> Iterator[list[int]]:
    """Each signal to us goes to every child; the list holds what was sent."""
    sent: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        sent.append(_PASSED_ON[signal.Signals(number)])
        (folder / "signal").touch()
        for child in children:
            child.send_signal(sent[-1])

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield sent
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(children: Children) -> int:
    """Until all have ended: the code of the first that failed, or 0.

    The others may wait for a failed one for ever, so after a while they are killed; not after a signal, when the first
    process may still be writing its checkpoint.
    """
    first, failed_at = 0, 0.0
    while any(child.poll() is None for child in children):
        failed = next((child.returncode for child in children if child.returncode), 0)
        if failed and not first:
            first, failed_at = failed, time.monotonic()
        if 0 < first < 128 and time.monotonic() > failed_at + _GRACE:
            for child in children:
                child.kill()
        time.sleep(0.05)
    return first or next((child.returncode for child in children if child.returncode), 0)
