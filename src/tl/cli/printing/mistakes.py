"""What the command line shows of a mistake: its sentence with the code of its kind, or all that is known of it."""

from __future__ import annotations

import re
from dataclasses import asdict
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tl.boundary.visible import visible_line
from tl.cli.printing.terminal import say
from tl.errors import Mistake

if TYPE_CHECKING:
    from tl.commands.fix import Fixed

_PLACE = re.compile(r"(?P<file>[^\s:][^:\n]*):(?:(?P<line>\d+):)?(?:(?P<column>\d+):)? ")


def with_code(mistake: Mistake) -> str:
    """The sentence on one line, followed by its code where it has one: `tl explain CODE` tells more."""
    return visible_line(f"{mistake} [{mistake.code}]" if mistake.code else mistake)


def as_json(mistake: Mistake) -> dict[str, Any]:
    """The sentence, code, file, line, column, key and fix; None for what is not known, or not safe to fix."""
    place = _PLACE.match(mistake)
    if place and not place["line"] and not Path(place["file"]).exists():  # then it is a key, or the command line
        place = None
    file, line, column = (place["file"], place["line"], place["column"]) if place else (None, None, None)
    return {
        "text": str(mistake),
        "code": mistake.code or None,
        "file": file,
        "line": int(line) if line else None,
        "column": int(column) if column else mistake.column,
        "key": mistake.key or None,
        "fix": [asdict(edit) for edit in mistake.fix] or None,
    }


def print_fixed(fixed: Fixed) -> None:
    """The lines that `--fix` changed, as a diff, which also tells how to go back."""
    texts = fixed.before.splitlines(), fixed.after.splitlines()
    for line in unified_diff(*texts, fixed.file, f"{fixed.file} (fixed)", n=0, lineterm=""):
        say(line)
    if not fixed.mistakes:
        say(f"{fixed.file}: no mistake has a fix that is certain, so --fix changed nothing.")
    else:
        many = len(fixed.mistakes)
        say(f"{many} mistake{'s are' if many > 1 else ' is'} mended.")
