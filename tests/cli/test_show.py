"""`tl show`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run
from tl.recipe.recipe import load


def test_show_gives_the_origin_of_what_is_no_default_and_a_table_of_rates(tl: Run) -> None:
    Path("mine.yaml").write_text("defaults: [base, {data: tiny_shapes}]\noptimizer:\n  stage_factor: 2\n  lr: 0.08\n")
    text = tl("show", "mine.yaml", "freeze.lr_after=0.5")
    lines = [line.rstrip() for line in text.splitlines()]
    assert "  - data: tiny_shapes  # mine.yaml:1" in lines
    assert "  stage_factor: 2  # mine.yaml:3" in lines
    assert "  lr_after: 0.5  # command line" in lines
    assert "  - backbone: tiny_image" in lines
    table = [line.split() for line in lines[lines.index("") + 1 :]]
    assert table[0] == ["probe", "full"]
    assert table[2:] == [
        ["head", "0.8", "0.4"],
        ["backbone.3", "frozen", "0.04"],
        ["backbone.2", "frozen", "0.02"],
        ["backbone.1", "frozen", "0.01"],
        ["backbone.0", "frozen", "0.005"],
    ]


def test_show_as_json_and_plain_can_be_used_again(tl: Run) -> None:
    found = json.loads(tl("show", "base", "data=tiny_shapes", "--json"))
    assert found["parts"] == ["backbone.0", "backbone.1", "backbone.2", "backbone.3", "head"]
    assert [phase["name"] for phase in found["phases"]] == ["probe", "full"]
    assert found["phases"][0]["rates"] == {"head": pytest.approx(1e-3)}
    Path("again.yaml").write_text(tl("show", "base", "data=tiny_shapes", "seed=7", "--plain"))
    assert (
        load("again.yaml").plain()
        == load("base", ["data=tiny_shapes", "seed=7"]).plain()
        == found["recipe"] | {"seed": 7}
    )


def test_show_of_many_phases_is_a_row_for_each(tl: Run) -> None:
    text = tl("show", "base", "data=tiny_shapes", "freeze=gradual", "optimizer.lr=0.08", "optimizer.stage_factor=2")
    rows = [line.split() for line in text.splitlines() if "until" in line]
    assert rows[0] == ["probe", "until", "1ep", "0.8", "frozen"]
    assert rows[2] == ["from", "backbone.2", "until", "3ep", "0.8", "2,", "3", "at", "0.04", "..", "0.08"]
    assert rows[4] == ["full", "until", "100%", "0.8", "0-3", "at", "0.01", "..", "0.08"]


def test_show_augment_writes_a_contact_sheet_and_prints_texts(tl: Run) -> None:
    assert tl("show", "base", "data=tiny_shapes", "augment=image", "--augment", "--to", "sheet.png")
    with Image.open("sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert min(sheet.size) > 6 * 96
    texts = json.loads(
        tl("show", "base", "data=tiny_sentences", "backbone=tiny_text", "augment=text", "--augment", "--json")
    )
    assert [len(views) for views in texts] == [7] * 6
    assert all(set(view.split()) <= set(text.split()) for text, *views in texts for view in views)
