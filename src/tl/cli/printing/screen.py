"""Rich's console, for tables and colours on the terminal."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.text import Text

from tl.boundary.visible import visible

_ANY_LENGTH = 100_000


class Screen(Console):
    """A console that makes control characters in strings visible; a rich `Text` is printed as it is.

    What is no terminal, such as a pipe or a file, has lines of any length, so that paths stay whole.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _ANY_LENGTH

    def on_broken_pipe(self) -> None:
        """Leave a reader that is gone to the command line, which ends the command as for every other print."""
        raise BrokenPipeError

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)
