"""The verdict on a run: its main metric on the split that judges it, against guessing, and what it never answers."""

from __future__ import annotations

from tl.evaluation.outcome import Outcome
from tl.metrics.guessing import compare
from tl.metrics.measured import Prior
from tl.metrics.units import independent_units
from tl.report.facts import Verdict, Versus
from tl.report.words import finite


def verdict_of(metric: str, judged: Outcome, known: Prior) -> Verdict:
    """`known` is what the other splits tell of the true answers: all that a guess may use."""
    low, high, missing = judged.intervals[metric]
    return Verdict(
        metric=metric,
        split=judged.split,
        value=judged.values[metric],
        low=finite(low),
        high=finite(high),
        missing=missing,
        n=len(judged.samples),
        versus=versus_guessing(metric, judged, known),
        never=tuple(judged.task.never_answered(judged.found)),
        caution=judged.caution,
    )


def versus_guessing(metric: str, judged: Outcome, known: Prior) -> Versus | None:
    """The metric against the best guess for it; where there is no best guess, the default metric against its own."""
    units = independent_units([sample.group for sample in judged.samples])
    for name in (metric, judged.found.main):
        found = compare(judged.found, name, units, known)
        if found is not None:
            low, high = finite(found.low), finite(found.high)
            return Versus(
                metric=name,
                value=found.value,
                guess=found.guess,
                low=low,
                high=high,
                says=found.says,
                missing=found.missing,
            )
    return None
