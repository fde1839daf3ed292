"""Where the program `tl` begins, and ends with an exit code."""

from __future__ import annotations

import io
import os
import sys

from tl.cli.app import ended
from tl.cli.terminal import say


def main() -> None:
    """Exit codes: 0 done, 1 a bug, 2 the user's mistake, 3 a gate that failed, 130/142/143 stopped, can go on."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may be no text, terminals may lack letters
    if "TORCHELASTIC_RUN_ID" in os.environ:
        from tl.cli import launched
        from tl.commands.launch import elastic

        if elastic():
            launched.main()
    code, words = ended()
    if words:
        say(words, file=sys.stderr)
    sys.exit(code)
