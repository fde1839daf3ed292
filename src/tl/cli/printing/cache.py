"""The table of `tl cache`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import plain_table
from tl.cli.printing.terminal import say
from tl.inputs.cache import CacheEntry


def print_entries(entries: Sequence[CacheEntry], folder: Path) -> None:
    """A row for each entry, then the size of all."""
    table = plain_table()
    for name in ("what", "recipe", "backbone", "last used"):
        table.add_column(name, overflow="fold")
    table.add_column("size", justify="right")
    for entry in entries:
        used = datetime.fromtimestamp(entry.used).strftime("%Y-%m-%d %H:%M")
        what = escape(entry.what) + ("" if entry.finished else " (unfinished)")
        table.add_row(what, escape(entry.recipe), escape(entry.backbone), used, megabytes(entry.bytes))
    Screen(highlight=False).print(table)
    say(f"{megabytes(sum(entry.bytes for entry in entries))} in {folder}")


def entries_as_json(entries: Sequence[CacheEntry]) -> list[dict[str, Any]]:
    return [{**asdict(entry), "folder": str(entry.folder), "finished": entry.finished} for entry in entries]


def megabytes(size: int) -> str:
    """A number of bytes in words."""
    return f"{size / 1024**2:,.1f} MB"
