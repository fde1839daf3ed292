"""`tl copy`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tl.errors import TLError
from tl.recipe.recipe import load


def test_copy_makes_a_recipe_that_composes_to_the_same_and_is_never_overwritten(tl: Run) -> None:
    tl("copy", "base", "my base.yaml")
    text = Path("my base.yaml").read_text()
    assert "# Run: tl finetune 'my base.yaml'\n" in text
    copied, shipped = (load(name, ["data=tiny_shapes", "name=x"]).plain() for name in ("my base.yaml", "base"))
    assert copied == shipped
    with pytest.raises(TLError, match="is already there and is not overwritten"):
        tl("copy", "base", "my base.yaml")
    with pytest.raises(TLError, match=r"does not end in \.yaml"):
        tl("copy", "base", "mine")
    with pytest.raises(TLError, match=r"There is no shipped recipe 'bass'\. Did you mean 'base'"):
        tl("copy", "bass")
    tl("copy", "quickstart_texts")
    assert "tl finetune quickstart_texts.yaml (" in Path("quickstart_texts.yaml").read_text()
