"""Whether a text is Unicode: a file name in an old encoding is read with half characters, which no file can hold."""

from __future__ import annotations

import re

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def is_unicode(text: str) -> bool:
    """True where every character of the text can be written as UTF-8."""
    return text.isascii() or _HALF_CHARACTER.search(text) is None
