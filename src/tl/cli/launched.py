"""The command line in one of several processes: one of them, or their launcher, says what is to be said."""

from __future__ import annotations

import os
import sys
from types import TracebackType

from tl.cli.app import ended
from tl.cli.terminal import say
from tl.commands.launch import another_spoke, end_with_launcher, leave_word, speaks


class _Showing:
    """Shows what nothing has caught: by the first process that meets it, not by those that only lost a peer."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None or error is None:
            return
        lost = _lost(error)
        if not (lost and another_spoke()) and speaks():
            if lost:
                say(f"Another process of this job is gone; its launcher says which. ({error})", file=sys.stderr)
            else:
                sys.__excepthook__(kind, error, at)
            leave_word("", 1)
        _leave(1)


def main() -> None:
    end_with_launcher()
    with _Showing():  # torch puts a hook of its own in the place of sys.excepthook
        code, words = ended()
    if code and leave_word(words, code) and words:
        say(words, file=sys.stderr)
    _leave(code)


def _lost(error: BaseException) -> bool:
    """Whether torch tells that a peer is gone."""
    from torch.distributed import DistError

    return isinstance(error, DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


def _leave(code: int) -> None:
    """Exit at once: at a common exit the interpreter takes the process group's threads apart while they run, which now
    and then aborts the process; and one that failed may be in a collective that no peer joins."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
