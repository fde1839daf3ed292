"""What all tables on the terminal have in common."""

from __future__ import annotations

import math

from rich.table import Table


def plain_table() -> Table:
    """An empty table without borders."""
    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))


MISSING = "-"


def number_cell(value: float | None) -> str:
    """Three decimals; '-' for a value that is missing or not finite."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.3f}"
