"""Rich's console, for tables and colours on the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from tl.cli.printing.terminal import visible


class Screen(Console):
    """A console that makes control characters in strings visible; a rich `Text` is printed as it is."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)
