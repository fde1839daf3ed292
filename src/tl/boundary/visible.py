"""Text that came with the data, made harmless to show: on the terminal, in a run's files and on the report."""

from __future__ import annotations

import re

# All control characters but tab and line feed, what else ends a line, and the characters that turn the text around. The
# marks U+200E and U+200F stay: words of Hebrew and Arabic need them, and they turn no letter around.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with each control character as JSON writes it; so JSON stays the same JSON."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def visible_line(text: str) -> str:
    """The text on one line: a name that holds a line feed cannot begin a line of its own."""
    return visible(text).replace("\n", "\\u000a")
