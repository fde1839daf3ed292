"""The only code that prints; control characters that came with the data are made visible, so that none takes effect."""

from __future__ import annotations

import re
from typing import IO

# All control characters but tab and line feed, and the characters that change the direction of the text beside them.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with each control character as JSON writes it."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: str = "", *, file: IO[str] | None = None, end: str = "\n", flush: bool = False) -> None:
    """Print a text to standard output, or to `file`."""
    print(visible(text), file=file, end=end, flush=flush)
