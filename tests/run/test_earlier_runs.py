"""Runs made at commit e58e684, before the wings: they are evaluated, resumed and read as ever."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tl.cli.printing.progress import Quiet
from tl.commands.evaluate import EvaluationData
from tl.commands.evaluate import evaluate as evaluate_run
from tl.commands.finetune import Request, finetune
from tl.recipe.recipe import load
from tl.recipe.weights import Weights
from tl.run.run import Run

STORED = Path(__file__).parent / "runs_of_e58e684"


def test_a_finished_run_is_evaluated_as_it_was() -> None:
    found = evaluate_run(STORED / "finished", EvaluationData("test", None, ()), lambda line: None).as_json()
    expected = json.loads((STORED / "finished" / "evaluation" / "test.json").read_text())
    values, known = ({name: one["value"] for name, one in m["metrics"].items()} for m in (found, expected))
    del known["top5"]  # always 1 for so few classes, and no metric of theirs any more
    assert {name: values[name] for name in known} == pytest.approx(known, rel=1e-4)


def test_a_stopped_run_is_resumed_to_the_end_that_it_would_have_had(tmp_path: Path, forget_accelerate: object) -> None:
    run = Path(shutil.copytree(STORED / "stopped", tmp_path / "stopped"))
    before = Run.open(run).rows()
    recipe = load(str(run / "recipe.yaml"), ["cache.use=never"])
    finetune(Request(recipe, tmp_path, run, "test"), Quiet())
    after = Run.open(run).rows()
    assert after[: len(before)] == before
    uninterrupted = [json.loads(line) for line in (STORED / "whole_metrics.jsonl").read_text().splitlines()]
    losses, expected = ([row["loss"] for row in rows if row["split"] == "train"] for rows in (after, uninterrupted))
    assert losses == pytest.approx(expected, rel=1e-4)
    found, known = (
        json.loads((at / "test.json").read_text()) for at in (run / "evaluation", STORED / "whole_evaluation")
    )
    for name in ("accuracy", "macro_f1", "mcc"):  # the temperature is not fitted to so few samples any more
        assert found["metrics"][name]["value"] == pytest.approx(known["metrics"][name]["value"])


@pytest.mark.parametrize("name, file", [("finished", "tiny_image"), ("sentences", "tiny_text")])
def test_shipped_weights_that_a_stored_recipe_names_are_found_where_they_lie_now(name: str, file: str) -> None:
    text = load(str(STORED / name)).backbone.values["weights"]
    assert text == f"package:tl/backbone/shipped/{file}.safetensors"
    path = Weights.parse(text).path
    assert path is not None
    assert path.is_file()
    assert path.parent.parent.name == "backbone"
