"""`--fail-if 'macro_f1<0.9'`: a condition on a metric under which a command exits 3."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tl.errors import TLError, nearest

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_GATE = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Gate:
    """A condition on a metric's value, with or without an interval; the command fails where the condition holds."""

    metric: str
    op: str
    value: float

    def fails(self, values: Mapping[str, float]) -> bool:
        """True where the condition holds or the metric is nan; TLError where the metric was not measured."""
        if self.metric not in values:
            there = ", ".join(values) or "none"
            raise TLError(f"--fail-if names '{self.metric}', which was not measured here. There is: {there}.")
        measured = values[self.metric]
        return math.isnan(measured) or _COMPARE[self.op](measured, self.value)


def parse_gate(text: str, known: Collection[str]) -> Gate:
    """The gate in a text: one of the `known` metrics, one of < <= > >=, and a number, such as macro_f1<0.9."""
    found = _GATE.fullmatch(text)
    if found is None:
        raise TLError(
            f"--fail-if '{text}' is not a metric, one of < <= > >=, and a number. Write it like 'macro_f1<0.9'."
        )
    metric, op, value = found.groups()
    if metric not in known:
        raise TLError(f"--fail-if '{text}' names no metric.{nearest(metric, known)} There is: {', '.join(known)}.")
    return Gate(metric, op, float(value))
