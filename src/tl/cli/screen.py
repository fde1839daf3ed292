"""Tables and colours on the terminal, with no control characters but their own."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from tl.cli.terminal import visible


class Screen(Console):
    """A console of rich that makes control characters in texts visible; a `Text` that is given is taken as it is."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)
