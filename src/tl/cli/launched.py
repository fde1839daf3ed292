"""The command line in one of several processes: its last words go to the launcher, which speaks for all."""

from __future__ import annotations

import sys

from tl.cli.app import ended
from tl.launch import another_spoke, leave_word


def main() -> None:
    try:
        code, words = ended()
    except RuntimeError:  # what torch raises when a peer is gone
        if not another_spoke():
            raise
        sys.exit(1)
    if code:
        leave_word(words, code)
    sys.exit(code)


if __name__ == "__main__":
    main()
