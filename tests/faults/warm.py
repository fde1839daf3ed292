"""A `tl` that has imported everything: each of its commands is a fork of one process, so that a test pays for the
imports once. `tl(folder)` writes the program; `python -m tests.faults.warm SOCKET` is what serves it.

What a signal, a limit or an environment at the start changes is not shown by it: that needs a process of its own.
"""

from __future__ import annotations

import array
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

IMPORTED = ("torch._dynamo", "transformers", "tl.cli.main", "tl.commands.finetune", "tl.commands.evaluate")
STREAMS = array.array("i", (0, 1, 2))
CLIENT = """#!{python} -IS
import array, json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
server.sendmsg([len(asked).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", (0, 1, 2)))])
server.sendall(asked)
answer = server.recv(1)
os._exit(answer[0] if answer else 97)
"""


@contextmanager
def tl(folder: Path) -> Iterator[Path]:
    """The path of a program that does what `tl` does, while the context lasts; both files lie in the folder."""
    program, address = folder / "tl", folder / "socket"
    command = [sys.executable, "-m", "tests.faults.warm", str(address)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen(
        command, cwd=Path(__file__).parents[2], env=environment, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        program.write_text(CLIENT.format(python=sys.executable, address=str(address)))
        program.chmod(0o755)
        yield program
    finally:
        server.kill()
        server.communicate()


def serve(address: str) -> None:
    """Fork a process for each command that is asked for, for ever."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for these
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            client, _ = listener.accept()
            if not os.fork():
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(client)
            client.close()


def _answer(client: socket.socket) -> None:
    """Run the command in a process of its own, and tell its exit code as a shell does."""
    size, control, _, _ = client.recvmsg(4, socket.CMSG_SPACE(3 * STREAMS.itemsize))
    streams = array.array("i", control[0][2])
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += client.recv(2**20)
    child = os.fork()
    if not child:
        for descriptor, stream in enumerate(streams):
            os.dup2(stream, descriptor)
            os.close(stream)
        client.close()
        arguments, folder, environment = json.loads(asked)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["tl", *arguments]
        _main()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    client.sendall(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _main() -> None:
    """Run the command, and exit without the interpreter's shutdown, which takes apart all that was imported."""
    code = 1
    try:
        import_module("tl.cli.main").main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for name in IMPORTED:
        import_module(name)
    gc.freeze()  # else each fork would copy what its collections look at
    serve(sys.argv[1])
