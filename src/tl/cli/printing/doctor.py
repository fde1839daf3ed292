"""The table of `tl doctor`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import plain_table
from tl.commands.doctor import Finding

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "broken": "[red]broken[/]"}


def print_findings(found: Sequence[Finding]) -> None:
    """A row for each finding."""
    table = plain_table()
    table.show_header = False
    for finding in found:
        table.add_row(_MARKS[finding.state], escape(finding.what), escape(finding.text))
    Screen(highlight=False).print(table)
