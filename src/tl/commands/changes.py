"""What differs between a run as it began and as it is resumed: its recipe, versions, code, machine and threads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tl.errors import TLError
from tl.recipe.recipe import Recipe
from tl.run.run import RECIPE, Run

# Keys of which the weights do not depend, beside paths: a run may go on elsewhere, for longer, or be saved more often.
_FREE = (
    *("cache.", "loop.device", "loop.workers", "loop.max_time", "loop.trackers", "loop.keep_checkpoints"),
    *("loop.save_every", "loop.log_every"),
)
_UNSAID = ("cache.folder",)  # why a folder does not count is said where the recipe is read
_FACTS = {"device": "machine", "platform": "system", "processes": "processes", "git": "code"}


def recipe_facts(recipe: Recipe) -> dict[str, str]:
    """Every dotted key of the recipe with its value as JSON, for a run's meta.json."""
    return {key: json.dumps(value, default=str) for key, value in _flat(recipe.plain(), "")}


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def changes(run: Run, recipe: Recipe, facts: Mapping[str, Any]) -> list[str]:
    """A line on each difference from what the run began with; TLError where its recipe would train otherwise.

    `facts` are those of this machine and code. A run of an earlier version did not keep its recipe's values.
    """
    meta = run.meta
    differing = _differing(meta.get("recipe", {}), recipe_facts(recipe))
    wrong = [text for key, text, path in differing if not path and not key.startswith(_FREE)]
    if wrong:
        raise TLError(
            f"'{run.path / RECIPE}' was changed since the run began: {'; '.join(wrong)}. Set it back, or start a new "
            f"run with backbone.weights={run.path}."
        )
    lines = [f"{RECIPE}: {text}." for _, text, _ in differing]
    then, now = meta.get("versions", {}), facts["versions"]
    lines += [
        f"{name} is {now[name]}, but was {then[name]} when the run began: the last bits may differ."
        for name in now
        if then.get(name, now[name]) != now[name]
    ]
    return lines + [
        f"{what}: {facts[name]}, but {meta[name]} when the run began: the last bits may differ."
        for name, what in _FACTS.items()
        if name in meta and meta[name] != facts[name]
    ]


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """The keys whose values differ, each with a clause that says so, and True where both values are paths."""
    return [
        (key, f"{key} is {now[key]}, but was {then[key]}", then[key].startswith('"/') and now[key].startswith('"/'))
        for key in sorted(then.keys() & now.keys())
        if then[key] != now[key] and key not in _UNSAID
    ]
