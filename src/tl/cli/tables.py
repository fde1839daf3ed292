"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from tl.cli.screen import Screen
from tl.cli.terminal import say


def print_json(content: Any) -> None:
    """Indented JSON; an undefined number is null."""
    say(json.dumps(_defined(content), indent=2, ensure_ascii=False))


def print_json_line(content: Any) -> None:
    """JSON on one line."""
    say(json.dumps(_defined(content), ensure_ascii=False), flush=True)


def _defined(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _defined(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_defined(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def plain_table() -> Table:
    """The one look that all our tables have."""
    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))


def print_outcome(main: str, *outcomes: Mapping[str, Any]) -> None:
    """Metrics with their intervals, the main one first, a column for each split as `Outcome.as_json` gives it."""
    if not outcomes:
        return
    table = plain_table()
    table.add_column("metric")
    for found in outcomes:
        table.add_column(f"{escape(found['split'])} (n={found['samples']})", justify="right", overflow="fold")
        table.add_column("95 % interval")
    for name in sorted(outcomes[0]["metrics"], key=lambda name: name != main):
        cells = [found["metrics"][name] for found in outcomes]
        texts = [t for c in cells for t in (_number(c["value"]), f"{_number(c['low'])} .. {_number(c['high'])}")]
        table.add_row(escape(name), *texts, style="bold" if name == main else "")
    Screen(highlight=False, emoji=False).print(table)


def print_answers(answers: Iterable[Mapping[str, Any]], top: int) -> None:
    """A row for each input with its most probable classes."""
    table = plain_table()
    for name in ("input", "answer", "scores"):
        table.add_column(name, overflow="fold")
    for answer in answers:
        best = sorted(answer["scores"].items(), key=lambda pair: -pair[1])[:top]
        predicted = answer["predicted"]
        shown = predicted if isinstance(predicted, str) else ", ".join(map(_text, predicted)) or "none"
        table.add_row(answer["input"], shown, "  ".join(f"{name} {_number(value)}" for name, value in best))
    Screen(highlight=False, markup=False, emoji=False).print(table)


def _text(value: Any) -> str:
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.3f}"
