"""Freeze schedules built from their YAML defaults, and the names of the parts of a few models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.built import option
from tl.components.freeze.base import Phase

TOTAL, EPOCH = 1000, 100
SHALLOW = ("backbone.0", "head")
FOUR = ("backbone.0", "backbone.1", "backbone.2", "backbone.3", "head")
ADAPTED = ("backbone.0", "backbone.1", "backbone.2", "adapter", "head")
DEEP = (*(f"backbone.{i}" for i in range(25)), "head")


def phases_of(name: str, parts: Sequence[str] = FOUR, **changes: Any) -> tuple[Phase, ...]:
    found: tuple[Phase, ...] = option("freeze", name, **changes).phases(parts)
    return found


def ends(phases: Sequence[Phase]) -> list[int]:
    """The step at which each phase ends in a run of TOTAL steps."""
    return [min(TOTAL, phase.end.steps(total=TOTAL, epoch=EPOCH)) for phase in phases]
