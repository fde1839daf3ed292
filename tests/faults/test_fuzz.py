"""A bounded search, the same each time; `python -m tests.faults.fuzz` goes on from where it stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from .fuzz import Places, answer, fuzz


@pytest.mark.parametrize("number", [0, 1], ids=["recipes", "tables"])
def test_odd_input_ends_in_a_sentence(number: int, tmp_path: Path) -> None:
    places = Places(tmp_path)
    _, search = fuzz(places, None, 15)[number]
    search()
    assert places.count >= 15
    assert places.codes["check 2"]


@pytest.mark.parametrize("key", ["seed", "head", "loop.batch", "optimizer.lr"])
@pytest.mark.parametrize("value", ["9" * 5000, "9" * 400, "1e999", "[" * 3000, "\ud800", "${oc.env:HOME}", "~no-one/x"])
def test_a_value_that_nothing_takes(key: str, value: str) -> None:
    assert answer("check", "tiny_texts", "--", f"{key}={value}") == 2
