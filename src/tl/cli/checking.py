"""What `tl check` prints."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from tl.cli.screen import Screen
from tl.cli.tables import plain_table, print_json
from tl.commands.check import Checked, check
from tl.commands.forecast import Forecast
from tl.errors import Mistakes, TLError

if TYPE_CHECKING:
    from tl.commands.timing import Timing

_SHOWN = 20


def check_recipe(reference: str, overrides: list[str], time: bool, as_json: bool) -> None:
    """All mistakes at once and exit code 2, or what the run will be."""
    try:
        ready = check(reference, overrides, Path("runs"))
        timing = _measured(ready) if time else None
    except TLError as error:
        if not as_json:
            raise
        mistakes = error.mistakes if isinstance(error, Mistakes) else [str(error)]
        print_json({"ok": False, "mistakes": mistakes})
        raise typer.Exit(error.exit_code) from error
    if as_json:
        return print_json(_as_plain(ready, timing))
    return _print(ready, timing, shlex.join(["tl", "finetune", reference, *overrides]))


def _measured(ready: Checked) -> Timing:
    from tl.commands.timing import measure

    return measure(ready.recipe)


def _as_plain(ready: Checked, timing: Timing | None) -> dict[str, Any]:
    return {
        "ok": True,
        "name": ready.recipe.name,
        "kind": ready.data.space.kind,
        "modality": ready.data.modality,
        "counts": ready.findings.counts,
        "notes": [*ready.recipe.notes, *ready.data.notes],
        "warnings": list(ready.findings.warnings),
        "phases": [{"name": p.name, "until": str(p.until), "train": list(p.train)} for p in ready.phases],
        "forecast": vars(ready.need),
        "timing": None if timing is None else {**vars(timing), "total": _total(ready, timing)},
    }


def _print(ready: Checked, timing: Timing | None, command: str) -> None:
    console = Screen(highlight=False)
    _print_counts(console, ready)
    for note in (*ready.recipe.notes, *ready.data.notes):
        console.print(f"[dim]note[/]     {escape(note)}", soft_wrap=True)
    for warning in ready.findings.warnings:
        console.print(f"[yellow]warning[/]  {escape(warning)}", soft_wrap=True)
    for line in _needs(ready, ready.need):
        console.print(line, soft_wrap=True)
    if timing is not None:
        for line in _times(ready, timing):
            console.print(line, soft_wrap=True)
    console.print(f"[green]ok[/]       nothing is wrong; run it: {escape(command)}", soft_wrap=True)


def _print_counts(console: Console, ready: Checked) -> None:
    counts, names = ready.findings.counts, ready.data.space.names
    table = plain_table()
    table.add_column({"single": "class", "multi": "label", "number": "numbers"}[ready.data.space.kind])
    for split in counts:
        table.add_column(split, justify="right")
    rows: Sequence[str] = names[:_SHOWN] if ready.data.space.kind != "number" else ()
    for name in rows:
        table.add_row(escape(name), *(str(of[name]) if name in of else "" for of in counts.values()))
    if len(names) > len(rows) and rows:
        table.add_row(f"[dim]and {len(names) - len(rows)} more[/]")
    if ready.data.space.kind == "number":
        table.add_row(escape(", ".join(names)))
    sizes = (str(len(ready.data.splits[split])) for split in counts)
    table.add_row("[bold]samples[/]", *sizes)
    console.print(table)


def _needs(ready: Checked, need: Forecast) -> list[str]:
    loop = ready.recipe.loop
    batch = min(loop.batch, need.samples)
    parts = "" if ready.parts is None else f"; {len(ready.parts)} parts in {len(ready.phases)} phases"
    lines = [
        f"steps    {need.steps:,} of {batch} samples ({loop.length}, {need.steps_per_epoch:.1f} to an epoch){parts}"
    ]
    if need.memory is None or need.disk is None or need.weights is None:
        lines.append(
            f"memory   not known before the weights are made (--time measures it); {need.free:,.0f} MB of disk free"
        )
    else:
        lines.append(
            f"memory   at least {need.memory:,.0f} MB for {need.weights / 1e6:.1f} million weights; activations on top"
        )
        lines.append(f"disk     about {need.disk:,.0f} MB for the run; {need.free:,.0f} MB are free")
    return lines


def _times(ready: Checked, timing: Timing) -> list[str]:
    peak = ", ".join(f"{name} {mb:,.0f} MB" for name, mb in timing.memory.items())
    return [
        *(f"model    {escape(line)}" for line in timing.lines),
        f"time     at most about {_spoken(_total(ready, timing))} on {escape(timing.device)}: "
        f"{timing.step:.3g} s a step, measured over three",
        f"peak     {peak}",
    ]


def _total(ready: Checked, timing: Timing) -> float:
    """Seconds: every step as if everything learned, validation when it is due and at the end, the test set once."""
    need, every = ready.need, ready.recipe.loop.eval_every
    steps = every.value * need.steps_per_epoch if every.unit == "ep" else every.steps(total=need.steps, epoch=1)
    val, test = (len(ready.data.splits.get(split, ())) for split in ("val", "test"))
    return timing.total(need.steps, round((need.steps / max(1.0, steps) + 2) * val + test))


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
