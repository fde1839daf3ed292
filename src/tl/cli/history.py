"""What `tl runs` prints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from tl.cli.tables import plain_table, print_json
from tl.history import Past, history

_COLORS = {"done": "green", "running": "cyan", "stopped": "yellow"}


def print_runs(root: Path, as_json: bool) -> None:
    """A row for each run, newest first."""
    found = history(root)
    if as_json:
        return print_json([asdict(past) for past in found])
    if not found:
        return print(f"No run in {root} yet: tl finetune RECIPE makes one.")
    table = plain_table()
    for name in ("run", "status", "best on"):
        table.add_column(name, overflow="fold")
    for name in ("val", "test", "time"):
        table.add_column(name, justify="right")
    for past in found:
        table.add_row(escape(past.path), _status(past), past.metric or "", *_numbers(past))
    return Console(highlight=False).print(table)


def _status(past: Past) -> str:
    return f"[{_COLORS.get(past.status, 'red')}]{escape(past.status)}[/]"


def _numbers(past: Past) -> tuple[str, str, str]:
    best, test = ("" if value is None else f"{value:.3f}" for value in (past.best, past.test))
    return best, test, "" if past.seconds is None else _clock(past.seconds)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
