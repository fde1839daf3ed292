"""How recipe files, chosen options and overrides become one recipe, and where each key of it was set."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.recipe.conftest import SMALL, Write, mistakes
from tl.recipe.recipe import load
from tl.recipe.registry import RECIPES
from tl.recipe.yamlfile import dump


def test_a_recipe_anywhere_may_use_the_shipped_groups(write: Write, tmp_path: Path) -> None:
    write("defaults: [base, {data: image_folder}, {head: mlp}]\ndata: {root: pictures}\nhead: {hidden: [8, 4]}\n")
    recipe = load(str(tmp_path / "mine.yaml"), ["loop.batch=4"])
    assert (recipe.name, recipe.head.option, recipe.head.values["hidden"]) == ("mine", "mlp", [8, 4])
    assert recipe.data.values["root"] == str(tmp_path / "pictures")
    assert recipe.loop.batch == 4
    assert recipe.origin_of("head.hidden") == "mine.yaml:3"
    assert recipe.origin_of("loop.batch") == "command line"
    assert recipe.origin_of("optimizer.eps").endswith("adamw.yaml:4")


def test_a_mistake_is_placed_in_the_users_file_wherever_recipes_were_read_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(RECIPES)
    assert load("base", SMALL).origin_of("optimizer.eps") == "optimizer/adamw.yaml:4"
    monkeypatch.chdir(tmp_path)
    assert load("base", SMALL).origin_of("optimizer.eps") == f"{RECIPES / 'optimizer' / 'adamw.yaml'}:4"


def test_a_recipe_may_start_from_another_one_beside_it(write: Write) -> None:
    write("defaults: [base, {data: tiny_shapes}]\noptimizer: {lr: 0.5, eps: 0.25}\nseed: 3\n", "first.yaml")
    recipe = load(write("defaults: [first]\noptimizer: {lr: 0.125}\n"))
    assert (recipe.optimizer.values["lr"], recipe.optimizer.values["eps"], recipe.seed) == (0.125, 0.25, 3)
    assert mistakes(write("defaults: [frist]\n")) == [
        "mine.yaml:1: there is no recipe 'frist' to start from. Did you mean 'first'?"
    ]
    assert mistakes(write("defaults: [mine]\n")) == [
        "mine.yaml: this recipe starts from itself: break the circle in 'defaults'."
    ]


def test_another_option_drops_the_keys_of_the_old_one_and_says_so(write: Write) -> None:
    first = write("defaults: [base, {data: tiny_shapes}, {head: mlp}]\nhead: {dropout: 0.5}\n", "first.yaml")
    assert load(first).notes == ()
    recipe = load(first, ["head=linear"])
    assert recipe.notes == ("head.dropout belonged to head 'mlp' and went with it (command line).",)
    assert "dropout" not in recipe.head.values
    second = load(write("defaults:\n  - first\n  - head: cosine\n"))
    assert second.notes == ("head.dropout belonged to head 'mlp' and went with it (mine.yaml:3).",)


def test_references_between_keys_see_overrides(write: Write) -> None:
    recipe = write("defaults: [base, {data: tiny_shapes}]\nloop: {device_batch: '${loop.batch}'}\n")
    assert load(recipe).loop.device_batch == 32
    assert load(recipe, ["loop.batch=8"]).loop.device_batch == 8
    broken = write("defaults: [base, {data: tiny_shapes}]\nloop: {batch: '${loop.btch}'}\n")
    assert mistakes(broken) == ["mine.yaml:2: loop.batch: Interpolation key 'loop.btch' not found."]


def test_what_yaml_reads_otherwise_is_taken_as_meant(write: Write) -> None:
    recipe = load(write("defaults: [base, {data: tiny_shapes}]\nloop: {precision: no}\noptimizer: {lr: 1e-3}\nhead:\n"))
    assert recipe.loop.precision == "no"
    assert recipe.optimizer.values["lr"] == 0.001


def test_a_stored_recipe_keeps_its_name_and_is_found_by_its_run(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(dump(load("base", [*SMALL, "name=flowers"]).plain()))
    assert load(str(tmp_path)).name == "flowers"
    assert load(str(tmp_path / "recipe.yaml")).name == "flowers"


@pytest.mark.parametrize(
    "lines",
    [
        "data: {_target_: trap.spring}",
        "hydra: {searchpath: ['pkg://trap']}",
        "defaults: [base, {data: trap}]",
        "defaults: [base, {override hydra/launcher: trap}]",
        "defaults: [base, {data: trap.spring}]",
        "defaults: ['pkg://trap/x.yaml']",
        "seed: !!python/object/apply:trap.spring []",
        "seed: '${trap:}'",
        "backbone: {weights: 'package:trap/x'}",
        "method: {teacher: trap.spring}",
    ],
)
def test_no_word_in_a_recipe_decides_what_code_runs(lines: str, tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text("from pathlib import Path\nPath('sprung').touch()\ndef spring(*a, **k): pass\n")
    (tmp_path / "mine.yaml").write_text(("" if "defaults" in lines else "defaults: [base]\n") + f"{lines}\n")
    done = subprocess.run(
        [sys.executable, "-m", "tl", "check", "mine.yaml"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert not (tmp_path / "sprung").exists()


def test_a_stored_recipe_takes_the_defaults_of_settings_that_came_after_it(tmp_path: Path) -> None:
    stored = load("tiny_texts").plain()
    del stored["loop"]["keep_checkpoints"], stored["cache"]["dtype"]
    file = tmp_path / "recipe.yaml"
    file.write_text(dump(stored))
    found = load(str(tmp_path))
    assert (found.loop.keep_checkpoints, found.cache.dtype) == (False, "same")
    assert "base.yaml:" in found.origins["loop.keep_checkpoints"]
