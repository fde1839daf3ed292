from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tasks import load_data
from tl.commands.collector import Collector
from tl.commands.fit import check_fit
from tl.errors import Mistake
from tl.recipe.build import build
from tl.recipe.recipe import read_recipe


def misfits(*overrides: str) -> list[Mistake]:
    reading = read_recipe("base", ["data=tiny_shapes", "data.n=60", *overrides])
    assert reading.mistakes == ()
    collector = Collector(reading.composition)
    check_fit(reading, load_data(build(reading.nodes["data"])), collector)
    return collector.mistakes


@pytest.mark.parametrize(
    "overrides, key, words",
    [
        (["head.init=logistic", "task.focal_gamma=2"], "head.init", "not convex"),
        (["backbone=vit", "backbone.weights=none", "backbone.size=100"], "backbone.size", "multiples of 16"),
        (
            ["backbone=vit", "backbone.name=vit_h_14", "backbone.weights=none", "backbone.size=32"],
            "backbone.size",
            "14",
        ),
    ],
)
def test_what_does_not_fit_is_told(overrides: list[str], key: str, words: str) -> None:
    (found,) = misfits(*overrides)
    assert (found.key, words in found) == (key, True)
    assert found.startswith("command line: ")


def test_what_fits_is_not() -> None:
    assert misfits() == []
    assert misfits("backbone=vit", "backbone.weights=none", "backbone.size=96") == []
    assert misfits("head.init=class_means") == []


def test_a_teacher_of_other_classes_is_told(tmp_path: Path) -> None:
    space = {"kind": "single", "names": ["cat", "dog"], "mean": [], "std": [], "class_weights": [], "temperature": 1.0}
    (tmp_path / "space.json").write_text(json.dumps(space))
    (found,) = misfits("method=distill", f"method.teacher={tmp_path}")
    assert (found.key, found.code) == ("method.teacher", "E065")
    space["names"] = ["cross", "disc", "square", "triangle"]
    (tmp_path / "space.json").write_text(json.dumps(space))
    assert misfits("method=distill", f"method.teacher={tmp_path}") == []
