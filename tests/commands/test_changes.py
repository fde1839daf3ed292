"""A resumed run is compared with what it began with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tl.commands.changes import changes, recipe_facts
from tl.errors import TLError
from tl.recipe.recipe import Recipe, load
from tl.run.run import Run

RECIPE = ["data=tiny_shapes", "backbone=tiny_image"]
HERE: dict[str, Any] = {
    "versions": {"torch": "2.15.0", "numpy": "2.4.1"},
    "device": "x86_64, 1 threads",
    "processes": 1,
    "platform": "Linux",
    "git": "0123",
}


def recipe(*overrides: str) -> Recipe:
    return load("base", [*RECIPE, *overrides])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    began = recipe()
    return Run.create(tmp_path, "x", began.plain(), {**HERE, "recipe": recipe_facts(began)})


def test_nothing_is_said_where_nothing_changed(run: Run) -> None:
    assert changes(run, load(str(run.path / "recipe.yaml")), HERE) == []


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimizer.weight_decay=0.25", "optimizer.weight_decay is 0.25, but was 0.01"),
        ("seed=5", "seed is 5, but was 0"),
        ("loop.batch=16", "loop.batch is 16, but was 32"),
        ("loop.length=14ep", 'loop.length is "14ep", but was'),
        ("head=mlp", '{"head": "mlp"}'),
    ],
)
def test_what_would_train_otherwise_is_refused(override: str, said: str, run: Run) -> None:
    with pytest.raises(TLError, match="was changed since the run began") as refused:
        changes(run, recipe(override), HERE)
    assert said in str(refused.value)
    assert f"backbone.weights={run.path}" in str(refused.value)


def test_what_changes_no_weight_is_said(run: Run, tmp_path: Path) -> None:
    found = changes(run, recipe("loop.max_time=5min", "loop.workers=2", f"cache.folder={tmp_path}"), HERE)
    assert [line.split(" is ")[0] for line in found] == ["recipe.yaml: loop.max_time", "recipe.yaml: loop.workers"]


def test_data_may_have_moved(tmp_path: Path) -> None:
    began, now = (
        load("base", ["data=image_folder", f"data.root={tmp_path / name}", "backbone=tiny_image"])
        for name in ("before", "after")
    )
    run = Run.create(tmp_path, "x", began.plain(), {**HERE, "recipe": recipe_facts(began)})
    (line,) = changes(run, now, HERE)
    assert line == f'recipe.yaml: data.root is "{tmp_path}/after", but was "{tmp_path}/before".'


def test_versions_code_and_threads_are_said(run: Run) -> None:
    now = {**HERE, "versions": {**HERE["versions"], "torch": "3.0"}, "device": "x86_64, 2 threads", "git": "4567"}
    assert changes(run, recipe(), now) == [
        "torch is 3.0, but was 2.15.0 when the run began: the last bits may differ.",
        "machine: x86_64, 2 threads, but x86_64, 1 threads when the run began: the last bits may differ.",
        "code: 4567, but 0123 when the run began: the last bits may differ.",
    ]


def test_a_run_of_an_earlier_version_kept_no_recipe_to_compare_with(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "x", recipe().plain(), {"versions": {}})
    assert changes(run, recipe("seed=5"), HERE) == []
