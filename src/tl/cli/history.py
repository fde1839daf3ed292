"""What `tl runs` and `tl cache` print."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from tl.cli.screen import Screen
from tl.cli.tables import plain_table, print_json
from tl.cli.terminal import say
from tl.commands.runs import RunSummary, list_runs
from tl.inputs.cache import Cache, default_folder

_COLORS = {"done": "green", "running": "cyan", "stopped": "yellow"}


def print_runs(root: Path, as_json: bool) -> None:
    """A row for each run, newest first."""
    found = list_runs(root)
    if as_json:
        return print_json([asdict(past) for past in found])
    if not found:
        return say(f"No run in {root} yet: tl finetune RECIPE makes one.")
    table = plain_table()
    for name in ("run", "status", "best on"):
        table.add_column(name, overflow="fold")
    for name in ("val", "test", "time"):
        table.add_column(name, justify="right")
    for past in found:
        table.add_row(escape(past.path), _status(past), escape(past.metric or ""), *_numbers(past))
    return Screen(highlight=False).print(table)


def print_cache(folder: Path | None, as_json: bool) -> None:
    """A row for each entry, most recently used first."""
    cache = Cache(folder or default_folder(), 0)
    found = cache.entries()
    if as_json:
        return print_json(
            [{**asdict(entry), "folder": str(entry.folder), "finished": entry.finished} for entry in found]
        )
    if not found:
        return say(f"Nothing is cached in {cache.folder}.")
    table = plain_table()
    for name in ("what", "last used"):
        table.add_column(name, overflow="fold")
    table.add_column("size", justify="right")
    for entry in found:
        used = datetime.fromtimestamp(entry.used).strftime("%Y-%m-%d %H:%M")
        table.add_row(escape(entry.what) + ("" if entry.finished else " (unfinished)"), used, _megabytes(entry.bytes))
    Screen(highlight=False).print(table)
    return say(f"{_megabytes(sum(entry.bytes for entry in found))} in {cache.folder}")


def clear_cache(folder: Path | None, older_than: float) -> None:
    """Remove what was not used for so many days."""
    cache = Cache(folder or default_folder(), 0)
    say(f"{_megabytes(cache.clear(older_than * 86400))} freed in {cache.folder}")


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:,.1f} MB"


def _status(past: RunSummary) -> str:
    return f"[{_COLORS.get(past.status, 'red')}]{escape(past.status)}[/]"


def _numbers(past: RunSummary) -> tuple[str, str, str]:
    best, test = ("" if value is None else f"{value:.3f}" for value in (past.best, past.test))
    return best, test, "" if past.seconds is None else _clock(past.seconds)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
