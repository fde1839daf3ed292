"""The command line in one of several processes: its last words go to the launcher, which speaks for all."""

from __future__ import annotations

import sys

from tl.cli.app import ended
from tl.launch import hush_after_another, leave_word


def main() -> None:
    hush_after_another()
    code, words = ended()
    if code:
        leave_word(words, code)
    sys.exit(code)


if __name__ == "__main__":
    main()
