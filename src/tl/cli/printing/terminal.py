"""The only code that prints; control characters that came with the data are made visible, so that none takes effect."""

from __future__ import annotations

from typing import IO

from tl.boundary.visible import visible


def say(text: str = "", *, file: IO[str] | None = None, end: str = "\n", flush: bool = False) -> None:
    """Print a text to standard output, or to `file`."""
    print(visible(text), file=file, end=end, flush=flush)
