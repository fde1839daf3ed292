"""The verdict on a run: its main metric on the split that judges it, against guessing, and what it never answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tl.evaluation.measured import measured
from tl.evaluation.outcome import Outcome, decisions
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
        never=tuple(never_answered(judged)),
        caution=judged.caution,
    )


def versus_guessing(metric: str, judged: Outcome, known: Prior) -> Versus | None:
    """The metric against the best guess for it; where there is no best guess, the default metric against its own."""
    units = independent_units([sample.group for sample in judged.samples])
    seen = measured(judged.space, judged.scores, judged.targets)
    for name in (metric, seen.main):
        found = compare(seen, name, units, known)
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


def never_answered(judged: Outcome) -> Iterator[tuple[str, int]]:
    """Classes or labels that occur and are never answered, with how often they occur; the most frequent ones first."""
    space = judged.space
    if space.kind == "number" or not len(judged.samples):
        return
    answered = decisions(space, judged.scores)
    if space.kind == "single":
        support, said = (np.bincount(some.astype(np.intp), minlength=space.dim) for some in (judged.targets, answered))
    else:
        support, said = judged.targets.sum(axis=0), answered.sum(axis=0)
    for i in np.argsort(-support, kind="stable"):
        if support[i] and not said[i]:
            yield space.names[int(i)], int(support[i])
