"""The result of `tl finetune`, and the table of `tl finetune --find-lr`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tl.cli.printing.metrics import print_metrics
from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import plain_table
from tl.cli.printing.terminal import say
from tl.run.run import Run
from tl.run.schema import OUTCOME, check_shape, read_json

if TYPE_CHECKING:
    from tl.training.finder import RateSweep

_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 40


def print_run(run: Run) -> None:
    """The metrics of a finished run, its verdict, and where it lies."""
    print_metrics(run.meta["best"]["metric"], *_outcomes(run))
    say(f"{run.meta['verdict']}\nrun     {run.path}\nreport  {run.path / 'report.html'}")


def run_as_json(run: Run) -> dict[str, Any]:
    return {
        "run": str(run.path),
        "evaluation": {outcome["split"]: outcome for outcome in _outcomes(run)},
        "meta": run.meta,
    }


def _outcomes(run: Run) -> list[Any]:
    """The evaluation of each split, as the run folder holds it."""
    outcomes = []
    for file in sorted((run.path / "evaluation").glob("*.json")):
        outcome = read_json(file)
        check_shape(file, OUTCOME, outcome)
        outcomes.append(outcome)
    return outcomes


def print_rates(sweeps: Mapping[str, RateSweep]) -> None:
    """A row for each phase: the suggested optimizer.lr, and how the loss changed over the rates as bars."""
    table = plain_table()
    for name in ("phase", "optimizer.lr", "change of the loss over the rates"):
        table.add_column(name)
    for phase, sweep in sweeps.items():
        span = f"{sweep.rates[0]:.0e} {_bars(sweep.changes)} {sweep.rates[-1]:.0e}"
        table.add_row(phase, f"{sweep.suggestion:.1g}", span)
    Screen().print(table)
    say(rate_advice([sweep.suggestion for sweep in sweeps.values()]))


def rate_advice(suggestions: Sequence[float]) -> str:
    """What to do with the suggested rates."""
    low = min(suggestions)
    which = (
        "One optimizer.lr serves all phases, so begin with the smallest" if len(suggestions) > 1 else "Begin with it"
    )
    return (
        f"Nothing was trained. {which}: optimizer.lr={low:.1g}, a tenth of where the loss goes up. Then try "
        f"{low / 3:.1g} and {low * 3:.1g} in short runs, and keep what validates best: a sweep finds the order of "
        "magnitude, no more."
    )


def _bars(losses: Sequence[float]) -> str:
    low, high = min(losses), max(losses)
    every = max(1, len(losses) // _MOST_BARS)
    return "".join(_BARS[int(7 * (loss - low) / ((high - low) or 1))] for loss in losses[::every])
