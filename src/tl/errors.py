"""Errors that the user sees as one clear sentence, without a traceback; most are the user's mistakes (exit code 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

# Finding what is alike takes time in proportion to the words and to the square of their length.
_LONGEST, _MOST = 200, 2000


@dataclass(frozen=True)
class Edit:
    """A change to a text file: what stands at a line and column (both count from 1), and what is to stand there."""

    file: str
    line: int
    column: int
    old: str
    new: str


class Mistake(str):
    """A sentence for the user, with what a program can use: the code of its kind, its key and column, and a safe fix.

    `tl explain CODE` tells more of a kind, from mistakes.toml. Only the command line shows the code with the sentence.
    """

    code: str
    key: str
    column: int | None
    fix: tuple[Edit, ...]

    def __new__(
        cls, text: str, *, code: str = "", key: str = "", column: int | None = None, fix: Sequence[Edit] = ()
    ) -> Self:
        made = super().__new__(cls, text)
        made.code, made.key, made.column, made.fix = code, key, column, tuple(fix)
        return made

    @classmethod
    def of(cls, text: str) -> Mistake:
        """The text as a mistake: itself where it is one, else one whose kind is not known."""
        return text if isinstance(text, Mistake) else cls(text)

    def after(self, words: str, *, key: str = "") -> Mistake:
        """The mistake with words before its sentence, such as its `file:line: `."""
        return Mistake(words + self, code=self.code, key=self.key or key, column=self.column, fix=self.fix)


class TLError(Exception):
    """A mistake that the user can mend; the text names the key, the value and the remedy.

    `code` is that of an entry in mistakes.toml; `mistakes` holds the text with its code.
    """

    exit_code = 2

    def __init__(self, text: str, *, code: str = "") -> None:
        super().__init__(text)
        self.mistakes: tuple[Mistake, ...] = (Mistake(text, code=code) if code else Mistake.of(text),)


class Mistakes(TLError):
    """All mistakes that were found in one pass, so that the user can mend them all at once."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(map(Mistake.of, mistakes))


class GateError(TLError):
    """The condition of a `--fail-if` was true."""

    exit_code = 3


class MachineFault(TLError):
    """The machine refused: no memory, files or threads are left, or a disk fails. It says nothing of what files hold,
    so that no sample is left out for it."""

    exit_code = 1


class Unwritable(MachineFault):
    """The disk refused to write. Earlier files are whole, and the run can be resumed when it writes again."""


class Stopped(TLError):
    """A signal ended the run, after a checkpoint where one could be written; the exit code is 128 + its number."""

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text)
        self.exit_code = 128 + signal


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A clause that suggests the nearest known word; where none is near, a list of the words if they are few."""
    choices = sorted(set(known))
    listed = f" There is: {', '.join(choices)}." if choices and len(choices) <= 14 else ""
    return nearest(word, choices) or listed


def nearest(word: str, known: Iterable[str]) -> str:
    """A clause that suggests the nearest known word; '' where no word is near."""
    folded = {choice.lower(): choice for choice in known if len(choice) <= _LONGEST}
    if len(folded) > _MOST or len(word) > _LONGEST:
        folded = {choice: folded[choice] for choice in [word.lower()] if choice in folded}
    near = get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return f" Did you mean '{folded[near[0]]}'?" if near else ""
