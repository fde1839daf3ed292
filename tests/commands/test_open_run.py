"""A run's output space must agree with itself before a model is built for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tl.commands.open_run import _space
from tl.errors import TLError
from tl.space import Space

CLASSES: dict[str, Any] = {
    "kind": "single", "names": ["a", "b"], "mean": [], "std": [], "class_weights": [], "temperature": 1.5,
}  # fmt: skip
NUMBERS = {**CLASSES, "kind": "number", "mean": [0.0, 2.0], "std": [1.0, 0.5], "temperature": 1.0}


def test_a_space_that_agrees_with_itself_is_read(tmp_path: Path) -> None:
    for facts, space in (
        (CLASSES, Space("single", ("a", "b"))),
        (NUMBERS, Space("number", ("a", "b"), (0, 2), (1, 0.5))),
    ):
        (tmp_path / "space.json").write_text(json.dumps(facts))
        assert _space(tmp_path / "space.json") == (space, space.kind, facts["temperature"])


@pytest.mark.parametrize(
    "facts, words",
    [
        ({**CLASSES, "kind": "number"}, "mean and std do not belong to its kind and names"),
        ({**NUMBERS, "kind": "single"}, "mean and std do not belong to its kind and names"),
        ({**NUMBERS, "std": [1.0, 0.0]}, "a std is not above 0"),
        ({**NUMBERS, "mean": [0.0]}, "mean and std do not belong to its kind and names"),
        ({**CLASSES, "names": []}, "it names nothing to predict"),
        ({**CLASSES, "names": ["a", "a"]}, "it names something twice"),
        ({**CLASSES, "class_weights": [1.0]}, "it has not one class weight for each class"),
        ({**CLASSES, "class_weights": [1.0, -1.0]}, "a class weight is below 0"),
        ({**CLASSES, "temperature": 0.0}, "its temperature is 0"),
    ],
)
def test_a_space_that_contradicts_itself_is_told(facts: dict[str, Any], words: str, tmp_path: Path) -> None:
    (tmp_path / "space.json").write_text(json.dumps(facts))
    with pytest.raises(TLError, match=rf"is damaged \({words}\): copy the run again as a whole\.$"):
        _space(tmp_path / "space.json")
