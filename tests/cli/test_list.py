"""`tl list`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Run
from tl.errors import TLError
from tl.recipe.registry import GROUPS, options, shipped_recipes


def test_list_names_every_recipe_and_option(tl: Run) -> None:
    found = json.loads(tl("list", "--json"))
    assert set(found["recipes"]) == set(shipped_recipes())
    assert {group: set(known) for group, known in found["options"].items()} == {g: set(options(g)) for g in GROUPS}
    text = tl("list")
    assert all(name in text for name in (*shipped_recipes(), *GROUPS, *options("backbone")))


def test_list_of_a_group_shows_keys_with_defaults_and_comments(tl: Run) -> None:
    text = tl("list", "freeze")
    assert "probe     30%  how long the head learns alone" in text
    found = json.loads(tl("list", "optimizer", "--json"))
    adamw = next(entry for entry in found["entries"] if entry["name"] == "adamw")
    lr = next(key for key in adamw["keys"] if key["name"] == "optimizer.lr")
    assert (lr["takes"], lr["comment"]) == ("a number above 0", "of the deepest backbone stage")
    assert lr["place"].endswith("recipes/optimizer/_common.yaml:2")
    with pytest.raises(TLError, match=r"'heads' is no group of options\. Did you mean 'head'"):
        tl("list", "heads")
