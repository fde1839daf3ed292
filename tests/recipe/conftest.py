"""What the tests of recipes share: a folder to write recipes into, and the mistakes that a recipe has."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from tl.commands import explain as reference
from tl.errors import Mistakes, TLError
from tl.recipe.recipe import Recipe, load
from tl.recipe.registry import GROUPS, Option, options, shipped_recipes

Write = Callable[..., str]
SMALL = ["data=tiny_shapes"]
ALL = [option for group in GROUPS for option in options(group).values()]
GIVEN = {"a path": ".", "a path or null": ".", "a text": "x"}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """write(text, name) puts a recipe into an empty folder, which is the working directory."""
    monkeypatch.chdir(tmp_path)

    def put(text: str, name: str = "mine.yaml") -> str:
        (tmp_path / name).write_text(dedent(text), encoding="utf-8")
        return name

    return put


def mistakes(reference: str, *overrides: str) -> list[str]:
    with pytest.raises(TLError) as caught:
        load(reference, list(overrides))
    return str(caught.value).splitlines()


def required(option: Option) -> list[str]:
    """Overrides that give a value to every key that the option leaves to the recipe."""
    keys = reference.entry(option).keys
    return [f"{key.name}={GIVEN[key.takes]}" for key in keys if key.default == "must be given"]


def loaded(*overrides: str, story: str = "base") -> Recipe:
    """The recipe; the test is skipped where nothing is wrong with it but a package that an extra brings."""
    try:
        return load(story, list(overrides))
    except Mistakes as error:
        if all("is not installed" in text for text in error.mistakes):
            pytest.skip(str(error))
        raise


def commanded(name: str) -> list[str]:
    """The overrides of the command in a shipped recipe's header."""
    line = shipped_recipes()[name].read_text(encoding="utf-8").splitlines()[1]
    assert line.startswith(f"# Run: tl finetune {name}"), line
    return [word.rstrip(".") for word in shlex.split(line) if "=" in word]
