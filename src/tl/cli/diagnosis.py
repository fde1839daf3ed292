"""What `tl doctor` prints."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.markup import escape

from tl.cli.screen import Screen
from tl.cli.tables import plain_table, print_json
from tl.commands.doctor import examine

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "broken": "[red]broken[/]"}


def print_diagnosis(as_json: bool) -> None:
    """A row for each finding; exit code 2 where something is broken."""
    found = examine()
    broken = [symptom for symptom in found if symptom.state == "broken"]
    if as_json:
        print_json({"ok": not broken, "findings": [asdict(symptom) for symptom in found]})
    else:
        table = plain_table()
        table.show_header = False
        for symptom in found:
            table.add_row(_MARKS[symptom.state], escape(symptom.what), escape(symptom.text))
        Screen(highlight=False).print(table)
    if broken:
        raise typer.Exit(2)
