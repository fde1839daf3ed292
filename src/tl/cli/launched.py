"""The start of one of several processes of a command; `tl.commands.launch` runs it as `python -m tl.cli.launched`.

Only one process tells the user of a mistake: the first that meets it, or the launcher for all processes.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

from tl.cli.app import run_command
from tl.cli.printing.output import prepare_streams
from tl.cli.printing.terminal import say
from tl.commands.launch import another_prints, leave_message, prints_first, watch_launcher


class _UncaughtErrors:
    """Shows an error that nothing has caught, and exits with 1.

    The first process that meets an error shows it; a process that only lost a peer is silent where another speaks.
    """

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None or error is None:
            return
        lost_peer = _is_lost_peer(error)
        if not (lost_peer and another_prints()) and prints_first():
            if lost_peer:
                say(f"Another process of this job is gone; its launcher says which. ({error})", file=sys.stderr)
            else:
                sys.__excepthook__(kind, error, at)
            leave_message("", 1)
        _exit_at_once(1)


def main() -> None:
    prepare_streams()
    watch_launcher()
    with _UncaughtErrors():  # sys.excepthook would not do: torch puts its own in that place
        code, message = run_command()
    if code and leave_message(message, code) and message:
        say(message, file=sys.stderr)
    _exit_at_once(code)


def _is_lost_peer(error: BaseException) -> bool:
    """True where torch tells that another process of the job is gone."""
    from torch.distributed import DistError

    return isinstance(error, DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


def _exit_at_once(code: int) -> None:
    """Exit without the interpreter's shutdown.

    The shutdown takes the process group's threads apart while they run, which now and then aborts the process; and a
    process that failed may be in a collective operation that no peer joins, and would wait there.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
