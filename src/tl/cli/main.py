"""Where the program `tl` begins, and ends with an exit code."""

from __future__ import annotations

import os
import sys

from tl.cli.app import run_command
from tl.cli.printing.output import prepare_streams
from tl.cli.printing.terminal import say


def main() -> None:
    """Exit codes: 0 done, 1 a bug, 2 the user's mistake, 3 a gate that failed, 130/142/143 stopped, can go on."""
    try:
        prepare_streams()
    except MemoryError:
        os.write(2, b"There is not even memory to print: give the process more.\n")
        os._exit(1)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        from tl.cli import launched
        from tl.commands.launch import under_torchrun

        if under_torchrun():
            launched.main()
    code, message = run_command()
    if message:
        say(message, file=sys.stderr)
    sys.exit(code)
