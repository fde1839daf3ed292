"""`tl check`."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Run, pictures
from tests.metrics.test_catalogue import SINGLE
from tl.errors import Mistakes


def test_check_counts_samples_and_steps(tl: Run) -> None:
    pictures(Path("photos"), cat=20, dog=20)
    found = json.loads(
        tl("check", "base", "data.root=photos", "loop.batch=7", "loop.length=3ep", "backbone.weights=none", "--json")
    )
    assert found["ok"] is True
    assert found["counts"] == {
        "train": {"cat": 14, "dog": 14},
        "val": {"cat": 3, "dog": 3},
        "test": {"cat": 3, "dog": 3},
    }
    assert (found["forecast"]["steps_per_epoch"], found["forecast"]["steps"]) == (4.0, 12)
    assert found["forecast"]["memory"] is None
    text = tl("check", "base", "data.root=photos")
    assert "samples     28    6     6" in text
    assert text.rstrip().endswith("run it: tl finetune base data.root=photos")


def test_check_knows_the_needs_of_weights_from_their_file(tl: Run) -> None:
    import torch
    from safetensors.torch import save_file

    pictures(Path("photos"), cat=20, dog=20)
    save_file({"a": torch.zeros(256, 1024), "b": torch.zeros(0)}, "weights.safetensors")
    arguments = ["check", "base", "data.root=photos", "backbone.weights=weights.safetensors", "--json"]
    need = json.loads(tl(*arguments))["forecast"]
    assert (need["weights"], need["memory"], need["disk"]) == (2**18, 4.0, 5.0)
    probe = json.loads(tl(*arguments, "freeze=linear_probe"))["forecast"]
    assert (probe["memory"], probe["disk"]) == (1.0, 3.0)
    sgd = json.loads(tl(*arguments, "optimizer=sgd", "loop.ema=0.9"))["forecast"]
    assert (sgd["memory"], sgd["disk"]) == (4.0, 5.0)


def test_check_tells_everything_at_once_in_json_too(tl: Run) -> None:
    pictures(Path("photos"), cat=4, dog=4)
    Path("mine.yaml").write_text(
        dedent(
            """\
            defaults:
              - base
              - backbone: tiny_text
              - augment: text
              - method: dann
              - freeze: surgical
            data:
              root: photos
            freeze:
              train: [bakbone.*]
            loop:
              best: macrof1
            """
        )
    )
    found = json.loads(tl("check", "mine.yaml", "--json", code=2))
    details = found.pop("details")
    assert [(one["code"], one["line"], one["key"]) for one in details] == [
        *(("E061", 10, "freeze.train"), ("E050", 3, "backbone"), ("E051", 4, "augment")),
        *(("E052", 12, "loop.best"), ("E055", 5, "method")),
    ]
    assert {one["file"] for one in details} == {"mine.yaml"}
    assert [one["text"] for one in details] == found["mistakes"]
    assert found == {
        "ok": False,
        "mistakes": [
            "mine.yaml:10: freeze.train: 'bakbone.*' matches no part: the parts are backbone.0 .. backbone.2, head. "
            "Did you mean 'backbone.*'?",
            "mine.yaml:3: backbone 'tiny_text' takes texts, but the data holds images.",
            "mine.yaml:4: augment 'text' is for texts, but the data holds images.",
            "mine.yaml:12: loop.best: 'macrof1' is no metric of one class. Did you mean 'macro_f1'? There is: "
            f"{', '.join(name for name in SINGLE if name != 'top5')}.",
            "mine.yaml:5: method 'dann' needs a split 'target', but the data has train, val, test.",
        ],
    }


def test_check_goes_on_past_a_recipes_mistakes(tl: Run) -> None:
    overrides = ["optimizer.lr=fast", "data.root=nowhere", "freeze=top_k", "freeze.stages=9", "method=distill"]
    with pytest.raises(Mistakes) as caught:
        tl("check", "base", *overrides, "method.teacher=nothing")
    assert caught.value.mistakes == (
        "command line: optimizer.lr 'fast' is not a number above 0.",
        "command line: freeze.stages: 9 is more than the 4 stages of this backbone.",
        f"command line: method.teacher: there is nothing at '{Path('nothing').absolute()}'.",
        "command line: data.root=nowhere: there is no such folder.",
    )


def test_check_refuses_hub_weights_that_nobody_may_fetch(tl: Run) -> None:
    recipe = ["data=tiny_sentences", "backbone=text_encoder", "backbone.weights=hub:nobody/has-this"]
    with pytest.raises(Mistakes) as caught:
        tl("check", "base", *recipe)
    assert caught.value.mistakes == (
        "command line: backbone.weights: 'hub:nobody/has-this' is not on this machine: set backbone.download=true.",
    )
    assert json.loads(tl("check", "base", *recipe, "backbone.download=true", "--json"))["phases"] == []
    assert "known once the weights are on this machine" in tl("show", "base", *recipe)


def test_check_places_a_mistake_in_the_users_recipe(tl: Run) -> None:
    Path("mine.yaml").write_text("defaults:\n  - base\n  - data: table\n")
    with pytest.raises(Mistakes) as caught:
        tl("check", "mine.yaml")
    assert [text.partition(" ")[0] for text in caught.value.mistakes] == ["mine.yaml:3:"]


def test_check_finds_leaks_and_broken_pictures(tl: Run) -> None:
    pictures(Path("photos/train"), cat=3, dog=3)
    pictures(Path("photos/test"), cat=1, dog=1)
    text = tl("check", "base", "data.root=photos")
    assert "train and test share 2 exact duplicates: photos/train/cat/0.png = photos/test/cat/0.png" in text
    Path("photos/train/dog/0.png").write_bytes(b"no picture")
    with pytest.raises(Mistakes, match=r"photos/train/dog/0\.png: is no picture that can be read"):
        tl("check", "base", "data.root=photos")


def test_check_with_time_measures_and_writes_nothing(tl: Run) -> None:
    found = json.loads(tl("check", "base", "data=tiny_shapes", "data.n=40", "loop.device=cpu", "--time", "--json"))
    assert found["timing"]["weights"] > 100_000
    assert found["timing"]["step"] > 0
    assert found["timing"]["total"] > found["timing"]["step"] * found["forecast"]["steps"]
    assert not list(Path().iterdir())
