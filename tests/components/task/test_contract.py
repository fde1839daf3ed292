"""What every task keeps, whichever it is: found by its files."""

from __future__ import annotations

import pytest

from tests.tasks import PLAIN
from tl.commands.chosen_task import AUTO, build_task, chosen_task, target_word, without_effect
from tl.errors import TLError
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.recipe.signature import literal, signature

TASKS = [name for name in options("task") if name != AUTO]
in_every_task = pytest.mark.parametrize("name", TASKS)


def says(name: str, attribute: str) -> object:
    return literal(options("task")[name].source, attribute)


@in_every_task
def test_a_task_says_what_it_takes_without_being_imported(name: str) -> None:
    assert says(name, "takes")
    assert says(name, "word")
    assert says(name, "noun")
    assert isinstance(says(name, "usual"), bool)
    assert says(name, "gives") in ("single", "multi", "number", "embedding")


def test_one_task_at_most_is_the_usual_one_for_a_kind_of_target() -> None:
    usual = [says(name, "takes") for name in TASKS if says(name, "usual")]
    assert len(usual) == len({*usual})


@in_every_task
def test_auto_is_the_usual_task_with_the_keys_that_this_has(name: str) -> None:
    target = str(says(name, "takes"))
    if not says(name, "usual"):
        return
    found = chosen_task(Node("task", AUTO, {"label_smoothing": 0.25, "focal_gamma": 1.0}), target)
    option = options("task")[name]
    assert found.option == name
    assert found.values.keys() == signature(option.source, option.module).record.fields.keys()
    built = build_task(Node("task", AUTO, {"label_smoothing": 0.25, "focal_gamma": 1.0}), target)
    assert built.options == ((0.25, 1.0) if "focal_gamma" in found.values else (0.0, 0.0))


def test_a_key_that_the_usual_task_does_not_have_is_told() -> None:
    node = Node("task", AUTO, {"label_smoothing": 0.25, "focal_gamma": 0.0})
    assert without_effect(node, "number") == {"label_smoothing": 0.25, "focal_gamma": 0.0}
    assert without_effect(node, "single") == {}


@pytest.mark.parametrize(
    "task, target, message",
    [
        ("classification", "multi", "task 'classification' takes one class, but the data gives several labels for "
         "each sample: take task=multi_label."),
        ("regression", "single", "task 'regression' takes numbers, but the data gives one class for each sample: "
         "take task=classification or task=contrastive."),
        ("multi_label", "smells", "task 'multi_label' takes several labels, but the data gives smells for each "
         "sample, and no task takes that."),
        (AUTO, "smells", "no task is the usual one for smells, which the data gives for each sample, and no task "
         "takes that."),
    ],
)  # fmt: skip
def test_a_task_for_other_targets_is_refused(task: str, target: str, message: str) -> None:
    with pytest.raises(TLError) as error:
        chosen_task(Node("task", task, PLAIN), target)
    assert str(error.value) == message
    assert error.value.mistakes[0].code == "E068"


def test_targets_are_told_in_the_words_of_the_task_that_takes_them() -> None:
    assert [target_word(target) for target in ("single", "multi", "number", "smells")] == [
        "one class", "several labels", "numbers", "smells",
    ]  # fmt: skip
