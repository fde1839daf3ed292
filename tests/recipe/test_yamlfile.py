"""YAML files: what is refused, and that values are stored as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.conftest import Write, mistakes
from tl.recipe.yamlfile import dump, flow, read


def test_files_that_are_no_recipes(write: Write, tmp_path: Path) -> None:
    assert mistakes(write("seed: 1\nloop:\n  batch: [1\nx: 2\n")) == [
        "mine.yaml:3:10: the bracket [ that opens here is not closed: write [1]."
    ]
    assert mistakes(write("seed: 1\nseed: 2\n")) == [
        "mine.yaml:2:1: the key 'seed' stands twice, first in line 1: keep one of the two."
    ]
    assert mistakes(write("- base\n")) == ["mine.yaml:1: a recipe is a mapping of keys to values, not a list."]
    for single in ("4", "base", "'4'", "~", "1e5 # x"):
        assert mistakes(write(single)) == ["mine.yaml:1: a recipe is a mapping of keys to values, not a single value."]
    (tmp_path / "mine.yaml").write_bytes(b"a: \xff\n")
    assert mistakes("mine.yaml") == [
        "mine.yaml:1:4: byte 0xff is no UTF-8, which would be 'ÿ' in Latin-1: save the file as UTF-8."
    ]
    assert mistakes("mein.yaml") == ["There is no recipe file 'mein.yaml'. Did you mean 'mine.yaml'?"]
    assert mistakes("bass")[0].startswith("There is no recipe 'bass'. Did you mean 'base'?")


@pytest.mark.parametrize(
    "values",
    [
        {"a": "1e5", "b": "no", "c": "1.5", "d": "2020-01-01", "e": "null", "f": "ü: x", "g": [1, "x", None]},
        {"a": True, "b": 1e-4, "c": float("inf"), "d": "two\nlines", "e": "~", "f": "0x1f", "g": "12:30", "h": {}},
    ],
)
def test_values_are_stored_as_they_are(values: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(dump(values), encoding="utf-8")
    assert read(tmp_path / "x.yaml").values == values
    for value in values.values():
        (tmp_path / "y.yaml").write_text(f"key: {flow([value, {'k': value}])}\nalone: {flow(value)}", encoding="utf-8")
        assert read(tmp_path / "y.yaml").values == {"key": [value, {"k": value}], "alone": value}
