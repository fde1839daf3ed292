"""Every wrong recipe gets a sentence with a code, and a fix where one is certain: as the reviewed table says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.wrong_recipes import WRONG, answered, table

TABLE = (Path(__file__).parent / "README.md").read_text(encoding="utf-8").splitlines()
TEXTS = [text for texts in WRONG.values() for text in texts]
BOUNDED = TEXTS[::8]


def reviewed(text: str) -> str:
    found = answered(text)
    assert found.said, "a mistake is told"
    assert "\n" not in found.said
    assert all(re.fullmatch(r"E\d{3}", code) for code in found.codes)
    return found.row(text)


@pytest.mark.parametrize("text", BOUNDED)
def test_a_wrong_recipe(text: str) -> None:
    assert reviewed(text) in TABLE


@pytest.mark.slow
@pytest.mark.parametrize("text", [text for text in TEXTS if text not in BOUNDED])
def test_another_wrong_recipe(text: str) -> None:
    assert reviewed(text) in TABLE


def test_the_table_has_every_recipe_and_says_how_many_are_fixed() -> None:
    rows = [line for line in TABLE if re.match(r"\| `.*` \| (E\d{3}(, )?)+ \| (passes|in part|) ?\| ", line)]
    assert len(rows) == len(TEXTS) == len(set(TEXTS)) >= 130
    whole, part = (sum(f" | {fixed} | " in row for row in rows) for fixed in ("passes", "in part"))
    assert f"{len(rows)} recipes, no traceback; {whole} pass after `--fix`, {part} are mended in part." in TABLE
    assert table.__doc__
