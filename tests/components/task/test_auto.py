"""The usual task: old recipes and stored runs that set its keys in the head."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tl.commands.fix import fix
from tl.recipe.recipe import load

OLD = "# mine\ndefaults:\n  - base\n  - data: tiny_shapes\nhead:\n  label_smoothing: 0.1  # share\n  init: random\n"


def test_a_stored_recipe_from_before_there_were_tasks_keeps_its_loss(tmp_path: Path) -> None:
    plain = load("tiny_images").plain()
    plain["defaults"] = [chosen for chosen in plain["defaults"] if "task" not in chosen]
    plain["head"] |= plain.pop("task") | {"label_smoothing": 0.25}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(plain))
    task = load(str(tmp_path / "recipe.yaml")).task
    assert (task.option, task.values) == ("auto", {"label_smoothing": 0.25, "focal_gamma": 0.0})


def test_a_users_key_in_the_head_is_moved_with_its_comment(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(OLD)
    (mistake,) = fix(str(file), []).mistakes
    assert mistake.code == "E017"
    assert "Did you mean 'task.label_smoothing'?" in mistake
    assert (
        file.read_text()
        == OLD.replace("  label_smoothing: 0.1  # share\n", "") + "task:\n  label_smoothing: 0.1  # share\n"
    )


@pytest.mark.parametrize("line", ["head: {label_smoothing: 0.1}", "head:\n  label_smoothing: 0.1"])
def test_a_key_that_stands_alone_in_the_head_is_moved_by_renaming_the_head(tmp_path: Path, line: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"defaults:\n  - base\n  - data: tiny_shapes\n{line}\n")
    fix(str(file), [])
    assert file.read_text() == f"defaults:\n  - base\n  - data: tiny_shapes\n{line.replace('head', 'task')}\n"
