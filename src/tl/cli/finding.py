"""What `tl finetune --find-lr` prints."""

from __future__ import annotations

from tl.cli.progress import Quiet
from tl.cli.screen import Screen
from tl.cli.tables import plain_table, print_json
from tl.cli.terminal import say
from tl.commands.finetune import find_rates
from tl.recipe.recipe import Recipe

_BARS = "▁▂▃▄▅▆▇█"


def print_rates(recipe: Recipe, listener: Quiet, as_json: bool) -> None:
    """A suggestion for optimizer.lr in each phase."""
    found = find_rates(recipe, listener)
    if as_json:
        print_json({name: vars(finding) for name, finding in found.items()})
        return

    table = plain_table()
    for name in ("phase", "steepest", "lowest / 10", "loss over the rates"):
        table.add_column(name)
    for name, finding in found.items():
        low, high = min(finding.losses), max(finding.losses)
        every = max(1, len(finding.losses) // 40)
        bars = "".join(_BARS[int(7 * (x - low) / ((high - low) or 1))] for x in finding.losses[::every])
        span = f"{finding.rates[0]:.0e} {bars} {finding.rates[-1]:.0e}"
        table.add_row(name, f"{finding.steepest:.2g}", f"{finding.tenth:.2g}", span)
    Screen().print(table)
    say("Nothing was trained. Set one with optimizer.lr=...; a phase's own lr factor multiplies it.")
