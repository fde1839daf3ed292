"""How two runs compare, for `tl reproduce` and `tl verify-resume`."""

from __future__ import annotations

from dataclasses import asdict

from tl.cli.printing.json_output import print_json
from tl.cli.printing.terminal import say
from tl.commands.reproduce import RunDifference


def print_comparison(found: RunDifference, as_json: bool) -> None:
    """Logged rows, weights, and each metric and fact that differs."""
    if as_json:
        return print_json({**asdict(found), "same": found.same})
    if found.step is None:
        say(f"{found.rows} logged rows: equal bit for bit")
    else:
        say(f"{found.rows} logged rows: differ from step {found.step} on, by {found.largest:.2g} of the value at most")
    say(f"weights: {'equal bit for bit' if found.weights else 'differ'}")
    for name, (one, other) in found.values.items():
        say(f"{name}: {_number(one)} and {_number(other)}")
    for name, (then, now) in found.facts.items():
        say(f"{name}: {then}, now {now}")
    return None


def _number(value: float | None) -> str:
    return "missing" if value is None else f"{value:.6g}"
