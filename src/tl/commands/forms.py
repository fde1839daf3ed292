"""Whether head, method and augmentation go with the form of features that the task reads; without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tl.commands.parts import class_literal
from tl.errors import Mistake
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.space import Form

_WHY = {
    "head": "answers for {}",
    "method": "works on {}",
    "augment": "changes what the targets of the task stand at",
}
WORDS: dict[Form, str] = {
    "pooled": "one vector a sample",
    "tokens": "tokens",
    "maps": "maps",
    "pair": "pairs of texts or pictures",
}
_OUTPUTS = "outputs"


def form_mistakes(nodes: Mapping[str, Node], task: str, form: Form) -> Iterator[Mistake]:
    """A sentence for each option that does not go with the form that the task of this name reads."""
    why_not = {**_WHY, "backbone": "gives no maps"} if form == "maps" else _WHY
    for group, why in why_not.items():
        node = nodes.get(group)
        if node is None or form in _forms(node):
            continue
        own = WORDS[next((one for one in WORDS if one in _forms(node)), "pooled")]
        nodes_of = (Node(group, name, {}) for name in options(group))
        others = [one.option for one in nodes_of if form in _forms(one) and (group != "head" or _suits(one, task))]
        remedy = f"take {' or '.join(f'{group}={name}' for name in others)}" if others else "choose another task"
        text = f"{group} '{node.option}' {why.format(own)}, but task '{task}' reads {WORDS[form]}: {remedy}."
        yield Mistake(text, code="E069", key=f"{group}=")
    head = nodes.get("head")
    if head is not None and form in _forms(head) and not _suits(head, task):
        yield _other_answers(head, task, form)
    if form == "maps" and "augment" in nodes:
        yield from _unmasked(nodes["augment"], task)


def _other_answers(head: Node, task: str, form: Form) -> Mistake:
    """A sentence on a head that does not answer with what the task asks for."""
    nodes = (Node("head", name, {}) for name in options("head"))
    others = " or ".join(f"head={one.option}" for one in nodes if form in _forms(one) and _suits(one, task))
    asked = _asked(task)
    text = f"head '{head.option}' gives {_answers(head)}, but task '{task}' asks for {asked}: take {others}."
    return Mistake(text, code="E069", key="head=")


def _suits(head: Node, task: str) -> bool:
    return _answers(head) == _asked(task)


def _asked(task: str) -> object:
    return class_literal(Node("task", task, {}), "asks") or _OUTPUTS


def _answers(head: Node) -> object:
    return class_literal(head, "answers") or _OUTPUTS


def _unmasked(augment: Node, task: str) -> Iterator[Mistake]:
    """A sentence for each key of an augmentation that changes pictures in a way that masks or boxes cannot follow."""
    neutral = class_literal(augment, "MASKED")
    for key, value in neutral.items() if isinstance(neutral, dict) else ():
        if augment.values[key] != value:
            shown, mended = ("null" if one is None else str(one) for one in (augment.values[key], value))
            text = f"augment.{key}={shown} changes pictures in a way that targets of task '{task}' cannot follow: "
            yield Mistake(f"{text}set augment.{key}={mended}.", code="E069", key=f"augment.{key}")


def _forms(node: Node) -> tuple[object, ...]:
    """What an option's source says in `forms`; one that says nothing goes with pooled features."""
    found = class_literal(node, "forms")
    return found if isinstance(found, tuple) else ("pooled",)
