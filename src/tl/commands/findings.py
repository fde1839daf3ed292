"""What `tl check` would warn of in a run's recipe and data: for the run's check.json and for its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tl.commands.assemble import Assembly
from tl.commands.doubts import recipe_doubts
from tl.components.data.inspect import EqualSamples, data_doubts
from tl.components.sample import plain_target
from tl.errors import Mistake

FILE = "check.json"
_MOST = 1000  # inputs whose copies are listed


def found_in(assembly: Assembly, equal: EqualSamples | None) -> tuple[Mistake, ...]:
    """The warnings about a recipe and its data; `equal` holds samples with the same input, None where not compared."""
    recipe = assembly.recipe
    return (*recipe_doubts(recipe.nodes(), recipe.loop, assembly.data), *data_doubts(assembly.data, equal or ()))


def as_facts(warnings: tuple[Mistake, ...], assembly: Assembly, equal: EqualSamples | None) -> Mapping[str, Any]:
    """The content of check.json: the warnings with code and key, the splits, and which samples are copies."""
    copies = [
        [
            {"split": split, "id": sample.id, "where": sample.where, "target": plain_target(sample.target)}
            for split, sample in rows
        ]
        for rows in (equal or ())[:_MOST]
    ]
    return {
        "warnings": [{"text": str(one), "code": one.code or None, "key": one.key or None} for one in warnings],
        "splits": {name: len(rows) for name, rows in assembly.data.splits.items()},
        "copies": None if equal is None else {"inputs": len(equal), "listed": copies},
    }
