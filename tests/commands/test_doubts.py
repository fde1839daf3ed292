from __future__ import annotations

import pytest

from tests.tasks import load_data
from tl.commands.doubts import recipe_doubts
from tl.recipe.build import build
from tl.recipe.recipe import load

NUMBERS = ["data=table", "data.file=n.csv", "data.text=t", "data.numbers=[n]", "backbone=tiny_text"]


def doubts(*overrides: str) -> list[tuple[str, str]]:
    """(code, key) of each doubt about a recipe."""
    recipe = load("base", ["data=tiny_shapes", *overrides])
    return [(one.code, one.key) for one in recipe_doubts(recipe.nodes(), recipe.loop, load_data(build(recipe.data)))]


@pytest.mark.parametrize(
    "overrides, expected",
    [
        ([], []),
        (["task.label_smoothing=0.1", "task.focal_gamma=2"], []),
        (["head.ridge_strength=2"], []),
        (["head.ridge_strength=2", "head.init=random"], [("E070", "head.ridge_strength")]),
        (["loop.patience=2"], []),
        (["loop.patience=2", "data.split.val=0"], [("E070", "loop.patience")]),
        (["loop.views=2", "augment=image"], []),
        (["loop.views=2"], [("E070", "loop.views")]),
        (["optimizer.lr=10"], [("E071", "optimizer.lr")]),
        (["optimizer.lr=0.11"], [("E071", "optimizer.lr")]),  # the head learns ten times faster, at 1.1
        (["optimizer.lr=0.11", "optimizer.head_factor=1"], []),
        (["optimizer=sgd", "optimizer.lr=5"], []),
        (["optimizer=sgd", "optimizer.lr=50"], [("E071", "optimizer.lr")]),
    ],
)  # fmt: skip
def test_a_setting_without_effect_or_sense_is_told(overrides: list[str], expected: list[tuple[str, str]]) -> None:
    assert doubts(*overrides) == expected


def test_numbers_have_no_labels_to_smooth(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    with open("n.csv", "w") as file:
        file.write("t,n\n" + "".join(f"word {i},{i}\n" for i in range(30)))
    found = doubts(*NUMBERS, "task.label_smoothing=0.1", "task.focal_gamma=2")
    assert found == [("E070", "task.label_smoothing"), ("E070", "task.focal_gamma")]
    assert doubts(*NUMBERS) == []
