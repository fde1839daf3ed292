"""The command line in one of several processes: its last words go to the launcher, which speaks for all."""

from __future__ import annotations

import os
import sys

from tl.cli.app import ended
from tl.launch import another_spoke, leave_word


def main() -> None:
    try:
        code, words = ended()
    except RuntimeError:  # what torch raises when a peer is gone
        if not another_spoke():
            raise
        _leave(1)
    if code:
        leave_word(words, code)
    _leave(code)


def _leave(code: int) -> None:
    """Exit at once: at a common exit the interpreter takes the process group's threads apart while they run, which now
    and then aborts the process; and one that failed may be in a collective that no peer joins."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
