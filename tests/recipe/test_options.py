"""The shipped recipes and options: each one binds, is used, and says what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.conftest import ALL, SMALL, Write, commanded, loaded, required
from tl.commands import explain as reference
from tl.recipe.compose import compose
from tl.recipe.recipe import load
from tl.recipe.registry import RECIPES, Option, shipped_recipes
from tl.recipe.yamlfile import dump


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name != "base"])
def test_every_shipped_recipe_binds_with_the_command_of_its_header(name: str) -> None:
    recipe = loaded(*commanded(name), story=name)
    assert recipe.name == name
    assert recipe.notes == (), f"{name}.yaml must load without a note: choose keys that no layer contradicts"


def test_every_option_is_used_by_a_shipped_recipe() -> None:
    chosen = [compose(name, []).choices for name in shipped_recipes() if name != "base"]
    used = {(group, name) for choices in chosen for group, name in choices.items()}
    there = {(option.group, option.name) for option in ALL if option.yaml.is_relative_to(RECIPES)}
    assert used <= there
    unused = ", ".join(f"{group}={name}" for group, name in sorted(there - used))
    assert not unused, f"no recipe uses {unused}: add recipes/NAME.yaml that does (src/tl/README.md, step 3)"


@pytest.mark.parametrize("option", ALL, ids=lambda option: f"{option.group}={option.name}")
def test_every_option_binds_and_is_stored_and_read_back(option: Option, write: Write) -> None:
    first = [] if option.group == "data" else SMALL
    recipe = loaded(*first, f"{option.group}={option.name}", *required(option))
    assert getattr(recipe, option.group).option == option.name
    again = load(write(dump(recipe.plain()), "stored.yaml"))
    assert (again.nodes(), again.loop, again.seed) == (recipe.nodes(), recipe.loop, recipe.seed)


@pytest.mark.parametrize("option", ALL, ids=lambda option: f"{option.group}={option.name}")
def test_every_option_says_what_it_is_for_and_every_key_has_a_place(option: Option) -> None:
    entry = reference.entry(option)
    assert 20 < len(entry.what) < 300
    for key in entry.keys:
        file, _, line = key.place.rpartition(":")
        text = Path(file).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert key.name.rpartition(".")[2] in text


def test_shipped_files_have_no_tabs_and_start_with_what_they_are_for() -> None:
    for path in RECIPES.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# "), path
        assert "\t" not in text, path


def test_a_stored_recipe_that_knows_no_key_for_copies_and_groups_keeps_its_splits(write: Write) -> None:
    recipe = load("base", SMALL)
    assert recipe.data.values["split"]["duplicates"] == "together"
    stored = recipe.plain()
    del stored["data"]["split"]["duplicates"], stored["data"]["split"]["groups"]
    former = load(write(dump(stored), "recipe.yaml")).data.values["split"]
    assert (former["duplicates"], former["groups"]) == ("apart", "by_size")
    assert load("recipe.yaml", ["data.split.duplicates=together"]).data.values["split"]["duplicates"] == "together"
    again = load(write("defaults: [base, {data: tiny_shapes}]\ndata:\n  split: {val: 0.2, test: 0.2}\n"))
    assert again.data.values["split"]["duplicates"] == "together"
