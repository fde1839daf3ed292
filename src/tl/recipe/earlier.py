"""Whole recipes that an earlier version wrote, such as a run keeps: they mean what they meant then."""

from __future__ import annotations

from typing import Any

from tl.recipe.composition import Composition
from tl.recipe.overrides import merge
from tl.recipe.registry import GROUPS, RECIPES, SETTINGS
from tl.recipe.yamlfile import read

_BEFORE = {("loop", "keep_weights"): "best"}
_OLDEST = ("loop", "cache")  # the settings that every whole recipe has, whenever it was written
# What whole recipes meant that lack a key which came later: a run keeps its splits.
_OF_TASK = ("label_smoothing", "focal_gamma")  # keys of the head before there were tasks
_FORMER: dict[str, dict[str, Any]] = {"data": {"split": {"duplicates": "apart", "groups": "by_size"}}}


def add_task(composition: Composition) -> None:
    """Give a whole recipe from before there were tasks the usual one, with the keys that its head had then."""
    if "task" in composition.choices:
        return
    composition.choose("task", "auto", composition.file)
    head = composition.values.get("head")
    for key in _OF_TASK:
        if isinstance(head, dict) and key in head:
            merge(composition.values, {"task": {key: head.pop(key)}})
            composition.origins[f"task.{key}"] = composition.origins.pop(f"head.{key}", composition.file)


def restore_former(values: dict[str, Any], composition: Composition) -> None:
    """Give a whole recipe that was written before a key came what the key's absence meant then."""
    for group, former in _FORMER.items():
        for key, inner in former.items():
            if isinstance(values.get(group), dict) and isinstance(composition.values.get(group, {}).get(key), dict):
                merge(values[group], {key: inner})


def add_newer_settings(values: dict[str, Any], composition: Composition) -> None:
    """Give a whole recipe, such as a run keeps and `tl show --plain` prints, the defaults of settings that it lacks.

    It starts from no other recipe, so it knows no setting that came after it was written. Where runs went differently
    before there was such a setting, it has the value that they went by.
    """
    if not ({*GROUPS} <= composition.choices.keys() and {"name", "seed", *_OLDEST} <= values.keys()):
        return
    base = read(RECIPES / "base.yaml")
    for part in SETTINGS:
        values.setdefault(part, {})
        composition.origins.setdefault(part, base.origins[part])
        for key, value in base.values[part].items():
            if isinstance(values[part], dict) and key not in values[part]:
                values[part][key] = _BEFORE.get((part, key), value)
                composition.origins[f"{part}.{key}"] = base.origins[f"{part}.{key}"]
