"""Errors that the user sees as one clear sentence, without a traceback; most are the user's mistakes (exit code 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class TLError(Exception):
    """A mistake that the user can mend; the text names the key, the value and the remedy."""

    exit_code = 2


class Mistakes(TLError):
    """All mistakes that were found in one pass, so that the user can mend them all at once."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class GateError(TLError):
    """The condition of a `--fail-if` was true."""

    exit_code = 3


class Unwritable(TLError):
    """The disk refused to write. Earlier files are whole, and the run can be resumed when there is room."""

    exit_code = 1


class Stopped(TLError):
    """A signal ended the run, after a checkpoint was written; the exit code is 128 + the signal's number."""

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text)
        self.exit_code = 128 + signal


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause that suggests the nearest known word; where none is near, a list of the words if they are few."""
    choices = sorted(set(known))
    listed = f" There is: {', '.join(choices)}." if choices and len(choices) <= 12 else ""
    return nearest(word, choices) or listed


def nearest(word: str, known: Iterable[str]) -> str:
    """A clause that suggests the nearest known word; '' where no word is near."""
    folded = {choice.lower(): choice for choice in known}
    near = get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return f" Did you mean '{folded[near[0]]}'?" if near else ""
