"""Commands in one process that is told on: what it wrote, ran, unpickled and connected to, by Python's audit events.

`watch` starts it; `python -m tests.faults.watched` is what it starts. Libraries that write in C or Rust raise no event:
who calls compares folders too.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

# Of each event: where among its arguments a path stands, and the open folder that it is relative to.
_CHANGES: dict[str, list[tuple[int, int | None]]] = {
    "os.mkdir": [(0, 2)],
    "os.remove": [(0, 1)],
    "os.rmdir": [(0, 1)],
    "os.truncate": [(0, None)],
    "os.chmod": [(0, 2)],
    "os.chown": [(0, 3)],
    "os.utime": [(0, 3)],
    "os.symlink": [(1, 2)],
    "os.rename": [(0, 2), (1, 3)],
    "os.link": [(1, 3)],
}
_RUNS = {"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn"}
_SOCKETS = {
    "socket.__new__",
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.sendto",
    "socket.gethostbyname",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Seen:
    """A command's exit code, last words and output, and its deeds: (wrote | ran | socket | unpickled | code, what)."""

    command: list[str]
    code: int
    words: str
    output: str
    deeds: list[tuple[str, str]]

    def of(self, kind: str) -> list[str]:
        return [what for deed, what in self.deeds if deed == kind]


def watch(commands: Sequence[Sequence[str]], home: Path, strange: Path) -> list[Seen]:
    """Run commands below `home`, which is their working, home, cache and temporary folder too.

    Python code that is run from below `strange` is a deed.
    """
    places = {name: str(home / name) for name in ("cache", "tmp", "user")}
    for place in places.values():
        Path(place).mkdir(parents=True, exist_ok=True)
    plan, found = home / "plan.json", home / "found.json"
    plan.write_text(json.dumps([list(command) for command in commands]))
    environment = {
        **{
            name: os.environ[name]
            for name in ("PATH", "OMP_NUM_THREADS", "PYTHONPATH", "TL_REFUSED")
            if name in os.environ
        },
        "TL_CACHE": places["cache"],
        "TMPDIR": places["tmp"],
        "HOME": places["user"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "SECRET": "hunter2",
    }
    here = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join([here, environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.faults.watched", str(plan), str(found), str(strange)],
        cwd=home, env=environment, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [Seen(**{**one, "deeds": [tuple(deed) for deed in one["deeds"]]}) for one in json.loads(found.read_text())]


class Ear:
    """Hears every audit event; what it is told of is kept."""

    def __init__(self, strange: str) -> None:
        self.strange, self.deeds = strange, list[tuple[str, str]]()
        self.busy, self.folder, self._open = False, -1, os.open
        os.open = self.open
        os.supports_dir_fd.add(os.open)  # shutil looks there

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """os.open, whose event does not tell of the folder that a name is relative to."""
        self.folder = -1 if dir_fd is None else dir_fd
        try:
            return self._open(path, flags, mode, dir_fd=dir_fd)
        finally:
            self.folder = -1

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.busy:
            return
        self.busy = True
        try:
            self._hear(event, arguments)
        finally:
            self.busy = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool((flags or 0) & _WRITING)
            if writes and not isinstance(path, int):
                self._wrote(path, self.folder)
        elif event in _CHANGES:
            for path, folder in _CHANGES[event]:
                self._wrote(arguments[path], -1 if folder is None else arguments[folder])
        elif event in _RUNS:
            self.deeds.append(("ran", f"{event} {arguments[:2]}"))
        elif event in _SOCKETS:
            self.deeds.append(("socket", f"{event} {arguments[1:]}"))
        elif event == "pickle.find_class":
            self.deeds.append(("unpickled", ".".join(map(str, arguments))))
        elif event == "exec" and getattr(arguments[0], "co_filename", "").startswith(self.strange):
            self.deeds.append(("code", arguments[0].co_filename))

    def _wrote(self, path: Any, folder: int = -1) -> None:
        if not isinstance(path, int):
            text = os.fsdecode(path)
            if folder >= 0:
                text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
            self.deeds.append(("wrote", os.path.join(os.path.realpath(os.path.dirname(text)), os.path.basename(text))))


class Told:
    """Lets no exception through, and keeps its traceback."""

    trace = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> bool:
        if error is not None:
            self.trace = "".join(traceback.format_exception(error))
        return True


def main() -> None:
    plan, found, strange = sys.argv[1:]
    ear = Ear(strange)
    sys.addaudithook(ear)
    results = [_run(command, ear) for command in json.loads(Path(plan).read_text())]
    Path(found).write_text(json.dumps(results))


def _run(command: list[str], ear: Ear) -> dict[str, Any]:
    from tl.cli.app import run_command
    from tl.cli.printing.terminal import say

    ear.deeds, said, code, words = [], io.StringIO(), 1, ""
    sys.argv, began = ["tl", *command], time.monotonic()
    with redirect_stdout(said), redirect_stderr(said), Told() as told:
        code, words = run_command()
        say(words)
    print(f"{time.monotonic() - began:6.2f}", *command, file=sys.stderr)
    if "accelerate" in sys.modules:
        from accelerate.state import AcceleratorState

        AcceleratorState._reset_state(True)
    return {
        "command": command,
        "code": code,
        "words": words + told.trace,
        "output": said.getvalue(),
        "deeds": ear.deeds,
    }


if __name__ == "__main__":
    main()
