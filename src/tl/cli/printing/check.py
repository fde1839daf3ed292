"""What `tl check` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from tl.boundary.visible import visible_line
from tl.cli.printing.mistakes import as_json, with_code
from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import plain_table
from tl.commands.check import Checked
from tl.commands.forecast import Forecast

if TYPE_CHECKING:
    from tl.commands.timing import Timing

_MOST_ROWS = 20


def checked_as_json(checked: Checked, timing: Timing | None) -> dict[str, Any]:
    return {
        "ok": True,
        "name": checked.recipe.name,
        "kind": checked.data.target,
        "modality": checked.data.modality,
        "counts": checked.findings.counts,
        "notes": [*checked.recipe.notes, *checked.data.notes],
        "warnings": list(checked.warnings),
        "warning_details": list(map(as_json, checked.warnings)),
        "phases": [{"name": p.name, "until": str(p.end), "train": list(p.train)} for p in checked.phases],
        "forecast": vars(checked.need),
        "timing": None if timing is None else {**vars(timing), "total": _total_seconds(checked, timing)},
    }


def print_checked(checked: Checked, timing: Timing | None, command: str) -> None:
    """Samples of each class and split, notes, warnings, the forecast, and the `command` that trains."""
    console = Screen(highlight=False)
    _print_counts(console, checked)
    said = tuple(checked.warnings)
    for note in (*checked.recipe.notes, *checked.data.notes):
        if any(warning.startswith(note.rstrip(".")) for warning in said):
            continue
        console.print(f"[dim]note[/]     {escape(visible_line(note))}", soft_wrap=True)
    for warning in checked.warnings:
        console.print(f"[yellow]warning[/]  {escape(with_code(warning))}", soft_wrap=True)
    for line in _forecast_lines(checked, checked.need):
        console.print(line, soft_wrap=True)
    if timing is not None:
        for line in _timing_lines(checked, timing):
            console.print(line, soft_wrap=True)
    many = len(checked.warnings)
    verdict = f"{many} warning{'s' * (many > 1)}, no mistake" if many else "nothing is wrong"
    console.print(f"[green]ok[/]       {verdict}; run it: {escape(command)}", soft_wrap=True)


def _print_counts(console: Console, checked: Checked) -> None:
    counts, names = checked.findings.counts, checked.data.task.counted
    table = plain_table()
    task = checked.data.task
    table.add_column(task.noun)
    for split in counts:
        table.add_column(split, justify="right")
    rows: Sequence[str] = names[:_MOST_ROWS] if task.has_classes else ()
    for name in rows:
        table.add_row(escape(name), *(str(of[name]) if name in of else "" for of in counts.values()))
    if len(names) > len(rows) and rows:
        table.add_row(f"[dim]and {len(names) - len(rows)} more[/]")
    if not task.has_classes:
        table.add_row(escape(", ".join(names)))
    sizes = (str(len(checked.data.splits[split])) for split in counts)
    table.add_row("[bold]samples[/]", *sizes)
    console.print(table)


def _forecast_lines(checked: Checked, need: Forecast) -> list[str]:
    loop = checked.recipe.loop
    batch = min(loop.batch, need.samples)
    many, phases = len(checked.phases), "phase" if len(checked.phases) == 1 else "phases"
    parts = "" if checked.parts is None else f"; {len(checked.parts)} parts in {many} {phases}"
    an_epoch = f"{need.steps_per_epoch:.1f} steps to an epoch"
    lines = [f"steps    {need.steps:,} of {batch} samples each ({loop.length}, {an_epoch}){parts}"]
    if need.memory is None or need.disk is None or need.weights is None:
        lines.append(
            f"memory   not known before the weights are made (--time measures it); {need.free:,.0f} MB of disk free"
        )
    else:
        lines.append(
            f"memory   at least {need.memory:,.0f} MB, {need.weights / 1e6:.1f} million numbers in the weights' file; "
            "activations on top"
        )
        lines.append(f"disk     about {need.disk:,.0f} MB for the run; {need.free:,.0f} MB are free")
    return lines


def _timing_lines(checked: Checked, timing: Timing) -> list[str]:
    peak = ", ".join(f"{name} {mb:,.0f} MB" for name, mb in timing.memory.items())
    return [
        *(f"model    {escape(line)}" for line in timing.lines),
        f"time     at most about {_in_words(_total_seconds(checked, timing))} on {escape(timing.device)}: "
        f"{timing.step:.3g} s a step, measured over three",
        f"peak     {peak}",
    ]


def _total_seconds(checked: Checked, timing: Timing) -> float:
    """Seconds: every step as if every part learned, validation when it is due and at the end, the test set once."""
    need, every = checked.need, checked.recipe.loop.eval_every
    steps = every.value * need.steps_per_epoch if every.unit == "ep" else every.steps(total=need.steps, epoch=1)
    val, test = (len(checked.data.splits.get(split, ())) for split in ("val", "test"))
    return timing.total(need.steps, round((need.steps / max(1.0, steps) + 2) * val + test))


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
