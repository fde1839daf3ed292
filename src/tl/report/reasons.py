"""Why some metrics have no value or no interval, and what speaks against a split's values, in lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tl.report.words import split_name

_UNDEFINED = "not defined"


def reasons(outcomes: Sequence[Mapping[str, Any]], named: Callable[[str], str]) -> list[str]:
    """A line for each reason, with the metrics and splits that it is about.

    Each outcome is a split's, as `evaluation/` holds it; `named` says how a metric is written. Files of earlier
    versions give no reasons.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for outcome in outcomes:
        for metric, one in outcome["metrics"].items():
            if "why" in one:
                found.setdefault(one["why"], {}).setdefault(named(metric), []).append(outcome["split"])
    lines = [_line(why, metrics) for why, metrics in found.items()]
    cautions = [(outcome["split"], outcome["caution"]) for outcome in outcomes if "caution" in outcome]
    return [*lines, *(f"On the {split_name(split)} split, {caution}." for split, caution in cautions)]


def _line(why: str, metrics: Mapping[str, Sequence[str]]) -> str:
    splits = " and ".join(split_name(split) for split in dict.fromkeys(s for many in metrics.values() for s in many))
    names = ", ".join(metrics)
    if why.startswith(_UNDEFINED):
        return f"On the {splits} split: {names} {'is' if len(metrics) == 1 else 'are'} {why}."
    return f"On the {splits} split: no interval for {names}, {why}."
