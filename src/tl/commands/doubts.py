"""Settings of a recipe that have no effect on this data, or that hardly can be meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tl.commands.chosen_task import chosen_task, target_word, tasks_reading, without_effect
from tl.commands.parts import class_literal
from tl.components.data.base import Data
from tl.errors import Mistake
from tl.recipe.recipe import Loop, Node

_NO_EFFECT, _ODD_RATE, _JOINT = "E070", "E071", "E073"
_PAIR = 2


def recipe_doubts(nodes: Mapping[str, Node], loop: Loop, data: Data) -> Iterator[Mistake]:
    """A sentence for each doubt, which begins with the key; nodes that are wrong may be missing."""
    yield from _without_effect(nodes, loop, data)
    if "task" in nodes:
        yield from _joint_pairs(nodes["task"], data)
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


def _joint_pairs(task: Node, data: Data) -> Iterator[Mistake]:
    """Pairs of texts with one number, which most often is their similarity, read as one text."""
    others = tasks_reading(data.target, "pair")
    chosen = chosen_task(task, data.target).option
    train = data.splits["train"]
    if not others or chosen in others or data.space.dim != 1 or len(train.texts) != _PAIR:
        return
    text = (
        f"task={chosen} reads the two texts of a pair as one. If '{data.space.names[0]}' says how alike they are, "
        f"task={others[0]} with head=embedding embeds each by itself: a pretrained encoder then often ranks pairs "
        "better without training than this does after it (recipe similar_texts)."
    )
    yield Mistake(text, code=_JOINT, key="task=")


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
