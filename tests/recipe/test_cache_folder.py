"""A recipe's cache.folder counts on the command line, below the recipe's own folder, and in the user's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from tl.recipe.cache_folder import why_not_counted
from tl.recipe.overrides import COMMAND_LINE
from tl.recipe.recipe import load

RECIPE = "defaults: [base, {data: tiny_shapes}, {backbone: tiny_image}]\n"


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's folder, in which the user works."""
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "own"))
    (tmp_path / "strange").mkdir()
    monkeypatch.chdir(tmp_path / "strange")
    return tmp_path / "strange"


@pytest.mark.parametrize(
    ("named", "counts"),
    [
        ("cache", True),
        ("deep/er", True),
        ("../own/of/mine", True),
        ("..", False),
        ("../elsewhere", False),
        ("out", False),
    ],
)
def test_where_a_recipes_folder_counts(named: str, counts: bool, strange: Path) -> None:
    (strange / "out").symlink_to(strange.parent / "elsewhere")
    (strange / "recipe.yaml").write_text(f"{RECIPE}cache: {{folder: {named}}}\n")
    found = load("recipe.yaml")
    assert (found.cache.folder is not None) is counts
    said = [note for note in found.notes if "cache.folder" in note]
    assert not said if counts else said[0].startswith(f"recipe.yaml:2: cache.folder '{strange}/{named}' lies neither")


def test_the_command_line_names_any_folder(strange: Path) -> None:
    (strange / "recipe.yaml").write_text(RECIPE)
    assert load("recipe.yaml", ["cache.folder=/elsewhere"]).cache.folder == Path("/elsewhere")
    assert why_not_counted(Path("/elsewhere"), COMMAND_LINE) == ""


def test_the_folder_of_a_base_recipe_does_not_count_elsewhere(strange: Path, tmp_path: Path) -> None:
    """What counts is the file that names the folder, not the one that starts from it."""
    (strange / "base_of_theirs.yaml").write_text(f"{RECIPE}cache: {{folder: {tmp_path / 'mine' / 'cache'}}}\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.yaml").write_text("defaults: [../strange/base_of_theirs.yaml]\n")
    assert load("../mine/recipe.yaml").cache.folder is None
