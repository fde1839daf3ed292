"""Settings of a recipe that have no effect on this data, or that hardly can be meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tl.commands.chosen_task import target_word, without_effect
from tl.commands.parts import class_literal
from tl.components.data.base import Data
from tl.errors import Mistake
from tl.recipe.recipe import Loop, Node

_NO_EFFECT, _ODD_RATE = "E070", "E071"


def recipe_doubts(nodes: Mapping[str, Node], loop: Loop, data: Data) -> Iterator[Mistake]:
    """A sentence for each doubt, which begins with the key; nodes that are wrong may be missing."""
    yield from _without_effect(nodes, loop, data)
    if "optimizer" in nodes:
        yield from _odd_rate(nodes["optimizer"])


def _without_effect(nodes: Mapping[str, Node], loop: Loop, data: Data) -> Iterator[Mistake]:
    head = nodes["head"].values if "head" in nodes else {}
    for key, value in without_effect(nodes["task"], data.target).items() if "task" in nodes else ():
        if value:
            word = target_word(data.target)
            yield _no_effect(f"task.{key}", value, f"the data has {word} to predict, whose task has no such key", 0)
    if head.get("ridge_strength") is not None and head["init"] in ("random", "class_means"):
        why = f"head.init={head['init']} uses no penalty"
        yield _no_effect("head.ridge_strength", head["ridge_strength"], why, "null")
    if isinstance(loop.patience, int) and not data.splits.get("val"):
        yield _no_effect("loop.patience", loop.patience, "there is no val split to see a gain on", "null")
    if loop.views is not None and "augment" in nodes and nodes["augment"].option == "none":
        yield _no_effect("loop.views", loop.views, "augment=none shows a sample in one way only", "null")


def _no_effect(key: str, value: object, why: str, off: object) -> Mistake:
    return Mistake(f"{key}={value} has no effect: {why}. Set {key}={off}.", code=_NO_EFFECT, key=key)


def _odd_rate(optimizer: Node) -> Iterator[Mistake]:
    most, values = class_literal(optimizer, "MOST_RATE"), optimizer.values
    if not isinstance(most, (int, float)) or "lr" not in values:
        return
    fastest = values["lr"] * max(1.0, values["head_factor"])
    if fastest > most:
        head = f" (times head_factor: {fastest:g})" if fastest > values["lr"] else ""
        text = (
            f"optimizer.lr={values['lr']:g}{head} is above what {optimizer.option} can learn with ({most:g}): "
            "training breaks down. Set optimizer.lr=1e-4, or let tl finetune --find-lr look for it."
        )
        yield Mistake(text, code=_ODD_RATE, key="optimizer.lr")
