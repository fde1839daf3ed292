"""`--processes N`: the same command in several processes on this machine.

The processes find each other by a file in the launcher's folder, which no other user may open, and talk over the
loopback interface: torch would listen on every interface, and what it reads there it unpickles.

The processes tell themselves apart by the environment variables that torch reads. torch's own launcher is not used: it
answers any failure with a traceback and exit code 1, and on a signal it kills processes before they have written their
checkpoint. This launcher passes signals on. A process that ends by a mistake or a signal writes its message into a
folder of the launcher, and the launcher prints each message once. Under torchrun, which `accelerate launch` runs too,
the first process that fails prints its message; the processes agree on which one that is in torchrun's store.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Literal

from tl.disk.folder import write_whole
from tl.errors import Mistake, TLError
from tl.run.stops import Stops, heard

# Environment variables that a child gets: the folder for its message, the file by which the processes find each other,
# and the process id of the launcher.
_MESSAGES, _MEETING, _LAUNCHER = "TL_MESSAGE_FOLDER", "TL_MEETING_FILE", "TL_LAUNCHER"
_LOOPBACK = ("lo", "lo0")  # its name on Linux, and on macOS
_PRINTED = "tl_printed"
_KILL_AFTER, _MESSAGE_WAIT, _ORPHAN_TIME, _POLL = 10.0, 3.0, 60.0, 0.5  # seconds
_INSISTED, _AGAIN = 8.0, 5.0  # seconds
Children = Sequence["subprocess.Popen[bytes]"]


class Ended(TLError):
    """The processes of a launch ended early; holds their messages and the exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.mistakes = tuple(map(Mistake, text.split("\n")))
        self.exit_code = exit_code


def relaunch(processes: int, until: float) -> None:
    """Run the present command in `processes` processes; raises Ended where one of them did not come to its end.

    At the time `until` (seconds of the monotonic clock) they are to stop by themselves.
    """
    loopback = _loopback(processes)
    with TemporaryDirectory(prefix="tl_launch_") as name:
        folder = Path(name, "messages")
        folder.mkdir()
        children: list[subprocess.Popen[bytes]] = []
        with _passing_signals_on(children, folder) as orders:
            children.extend(_start(environment) for environment in _environments(processes, folder, loopback))
            rank, code = _wait(children, folder, orders, until)
        messages = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("[0-9]*"))]
    if messages:
        raise Ended("\n".join(dict.fromkeys(text for text, _ in messages if text)), messages[0][1])
    if code and orders.stops.number:
        raise Ended("", 128 + orders.stops.number)
    if code < 0:
        text = f"Process {rank} of 0 to {processes - 1} was ended by {signal.Signals(-code).name}"
        memory = ", as by a system that has no memory left" if code == -signal.SIGKILL else ""
        again = "The run goes on from its last checkpoint with: tl finetune --resume RUN"
        raise Ended(f"{text}{memory}. {again}", 128 - code)
    if code:
        raise Ended("", code)


def launched() -> bool:
    """True in a process that `relaunch` started."""
    return _MESSAGES in os.environ


def meet(*, backend: Literal["gloo", "nccl"], timeout: timedelta) -> None:
    """In a process that `relaunch` started: join the others, before Accelerate would look for them at a port."""
    from torch.distributed import FileStore, init_process_group  # type: ignore[attr-defined]

    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = FileStore(os.environ[_MEETING], size)
    init_process_group(backend, store=store, rank=rank, world_size=size, timeout=timeout)


def under_torchrun() -> bool:
    """True where torchrun started this process and others for the same job."""
    named = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return named and not launched() and int(os.environ["WORLD_SIZE"]) > 1


def leave_message(text: str, exit_code: int) -> bool:
    """Leave the message and exit code for the launcher; True where this process must print the message itself."""
    if not launched():
        return prints_first()
    write_whole(Path(os.environ[_MESSAGES], os.environ["RANK"]), json.dumps([text, exit_code]).encode())
    return False


def prints_first() -> bool:
    """True where this process is the first of its job to print why it fails."""
    if not launched():
        return _asked_to_print(1) == 1
    try:
        Path(os.environ[_MESSAGES], _PRINTED).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def another_prints() -> bool:
    """In a process that lost its connection: wait up to 3 s for another process's message; True where it comes."""
    until = time.monotonic() + _MESSAGE_WAIT
    while time.monotonic() < until:
        if any(Path(os.environ[_MESSAGES]).iterdir()) if launched() else _asked_to_print(0):
            return True
        time.sleep(0.05)
    return False


def _asked_to_print(more: int) -> int:
    """How many processes of torchrun's job have asked to print a message, after adding `more` to that number."""
    from torch.distributed import DistError, TCPStore  # type: ignore[attr-defined]

    try:
        store = TCPStore(
            os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=timedelta(seconds=_MESSAGE_WAIT)
        )
        return int(store.add(f"{_PRINTED}_{os.environ['TORCHELASTIC_RESTART_COUNT']}", more))
    except DistError:  # torchrun has ended already
        return more


def watch_launcher() -> None:
    """Start a thread that stops this process by SIGTERM once its launcher has ended, and 60 s later ends it at once."""
    parent = int(os.environ.get(_LAUNCHER, os.getppid()))

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL - time.time() % _POLL)  # all processes look at the same moments, to stop at the same step
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_ORPHAN_TIME)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _loopback(processes: int) -> str:
    """The name of the loopback interface; TLError where nothing can be sent over it."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), _MESSAGE_WAIT).close()
        return next(name for _, name in socket.if_nameindex() if name in _LOOPBACK)
    except (OSError, StopIteration) as error:
        raise TLError(
            f"--processes {processes}: processes talk over the loopback interface (127.0.0.1), which this machine "
            "does not offer: bring it up (ip link set lo up), or leave --processes out."
        ) from error


def _environments(processes: int, folder: Path, loopback: str) -> Iterator[dict[str, str]]:
    talk = {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback}
    meeting = {_MEETING: str(folder.parent / "meeting"), _MESSAGES: str(folder), _LAUNCHER: str(os.getpid())}
    size = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes)}
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    for rank in range(processes):
        yield {**os.environ, **talk, **meeting, **size, **threads, "RANK": str(rank), "LOCAL_RANK": str(rank)}


def _start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a child in its own process group, so that a terminal's Ctrl-C reaches it once, through this process."""
    command = [sys.executable, "-P", "-m", "tl.cli.launched", *sys.argv[1:]]
    output = None if environment["RANK"] == "0" else subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, process_group=0)


@dataclass
class _Orders:
    """The signals that the launcher has passed on, and when somebody insisted that it stop at once."""

    stops: Stops = field(default_factory=Stops)
    insisted: float = math.inf


@contextmanager
def _passing_signals_on(children: Children, folder: Path) -> Iterator[_Orders]:
    """A context in which each signal to this process is passed on to every child.

    A signal that was ignored when this process began stays so, as SIGHUP under nohup; the children ignore it too. A
    child that something has stopped (SIGSTOP) is let go on: the others wait for it, to end the step and save.
    """
    orders = _Orders()

    def pass_on(number: int, frame: FrameType | None) -> None:
        if orders.stops.hear(number):
            orders.insisted = min(orders.insisted, time.monotonic())
        (folder / "signal").touch()
        _send(children, number, signal.SIGCONT)

    before = {number: signal.signal(number, pass_on) for number in heard()}
    try:
        yield orders
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _send(children: Children, *numbers: int) -> None:
    for child in children:
        for number in numbers:
            child.send_signal(number)


def _wait(children: Children, folder: Path, orders: _Orders, until: float) -> tuple[int, int]:
    """Wait until all children have ended; gives the number of the first that failed and its exit code, or 0.

    The others may wait for a failed child for ever, so they are killed after a while; not after a signal, which all of
    them got, while the first child may still be writing its checkpoint.
    """
    rank, first, alone = 0, 0, math.inf
    while True:
        codes = [child.poll() for child in children]
        failed = next(((number, code) for number, code in enumerate(codes) if code), None)
        if failed is not None and not first:
            rank, first = failed
            (folder / "failed").touch()
        if None not in codes:
            return rank, first
        now = time.monotonic()
        if (first and first < 128) or codes[0] is not None:
            alone = min(alone, now)
        if now > alone + _KILL_AFTER or now > orders.insisted + _INSISTED:
            _send(children, signal.SIGKILL)
            if codes[0] == 0 and not first:
                return 0, 0  # the first child has written all that there is
        if now > until:
            until = now + _AGAIN
            _send(children, signal.SIGCONT)
        time.sleep(0.05)
