"""`tl finetune` as a user sees it: what it prints, what it refuses, and what starts from a run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from .conftest import SIZES, Command, Runs
from .test_evaluate import data_of, stored, values

RECIPE = ["base", "data=tiny_sentences", "data.n=60", "backbone=tiny_text", *SIZES]
Forget = Callable[[], None]


def test_the_printed_result(tl: Command, tmp_path: Path, forget_accelerate: Forget) -> None:
    said = tl(
        "finetune", *RECIPE, "--runs", tmp_path, "loop.best=macro_f1", "freeze.probe=50%", "loop.eval_every=3step"
    )
    (run,) = (tmp_path / "base").iterdir()
    lines = said.out.splitlines()
    assert lines[-2:] == [f"run     {run}", f"report  {run / 'report.html'}"]
    verdict = (
        r"Not shown to tell 3 classes apart: macro F1 0\.\d+ on 9 test texts\. Guessing scores 0\.\d+: too little to .*"
    )
    assert re.match(verdict, lines[-3])
    assert any(
        line.startswith("On the test and validation split: no interval for balanced_accuracy, ") for line in lines
    )
    assert (
        "On the validation split, the checkpoint was chosen on this split, so its values are likely too good." in lines
    )
    table = next(i for i, line in enumerate(lines) if line.startswith("metric"))
    assert lines[table].split()[1:3] == ["test", "(n=9)"]
    assert lines[table + 1].split()[:2] == ["macro_f1", f"{values(stored(run, 'test'))['macro_f1']:.3f}"]
    assert "probe: steps 1-3, learning: head" in lines
    assert "full: steps 4-6, learning: backbone.0-2 + head" in lines
    assert [bool(re.fullmatch(r"  step [36]: (loss [\d.]+, )?val macro_f1 [\d.]+", x)) for x in lines[:table]].count(
        True
    ) == 2


def test_the_result_as_json(tl: Command, tmp_path: Path, forget_accelerate: Forget) -> None:
    found = tl("finetune", *RECIPE, "--runs", tmp_path, "--json").json
    (run,) = (tmp_path / "base").iterdir()
    assert found["run"] == str(run)
    assert found["evaluation"] == {split: stored(run, split) for split in ("test", "val")}
    assert found["meta"]["status"] == "done"
    assert found["meta"]["best"]["metric"] == "accuracy"
    assert found["meta"]["command"].startswith("tl finetune base data=tiny_sentences")


def test_what_is_refused(tl: Command, runs: Runs, tmp_path: Path) -> None:
    run = runs("text")
    done = tl("finetune", "--resume", run)
    assert (done.code, done.mistake) == (
        2,
        f"'{run}' is done; to train further from it, start a new run with backbone.weights={run}.",
    )
    for arguments in ((), ("base", "--resume", run)):
        said = tl("finetune", *arguments)
        assert (said.code, said.mistake) == (
            2,
            "Give either a recipe or --resume RUN: tl finetune RECIPE [key=value ...].",
        )
    assert tl("finetune", "--resume", tmp_path).mistake.startswith(f"'{tmp_path}' is no run")
    assert tl("finetune", "base", "--find-lr", "--processes", "2").mistake == (
        "--find-lr looks with one process: leave --processes out."
    )
    (tmp_path / "file").touch()
    said = tl("finetune", *RECIPE, "--runs", tmp_path / "file")
    assert said.code == 2
    assert "cannot be made (Not a directory): give another folder with --runs." in said.mistake


def test_a_new_run_starts_from_the_weights_of_another(
    tl: Command, runs: Runs, tmp_path: Path, forget_accelerate: Forget
) -> None:
    run = runs("text")
    recipe = ["base", "data=table", f"data.file={data_of(run)}", "data.text=text", "data.label=class", *SIZES]
    said = tl(
        "finetune", *recipe, "backbone=tiny_text", f"backbone.weights={run}", "freeze=linear_probe", "--runs", tmp_path
    )
    assert said.code == 0, said.mistake
    (new,) = (tmp_path / "base").iterdir()
    before, after = load_file(run / "model.safetensors"), load_file(new / "model.safetensors")
    backbone = [name for name in before if name.startswith("backbone.")]
    assert backbone
    assert all(torch.equal(before[name], after[name]) for name in backbone)
    wrong = tl("finetune", "base", "data=tiny_shapes", f"backbone.weights={run}", "--runs", tmp_path)
    assert wrong.code == 2
    assert "takes texts" in wrong.mistake


@pytest.mark.parametrize("name", ["meta.json", "space.json"])
def test_a_damaged_run_is_named(name: str, tl: Command, runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / "copy"
    shutil.copytree(runs("text"), run)
    (run / name).write_text("{")
    said = tl("evaluate", run)
    why = "" if name == "meta.json" else " (it differs from its checksum)"
    assert (said.code, said.mistake) == (2, f"'{run / name}' is damaged{why}: copy the run again as a whole.")


def test_changed_data_cannot_be_resumed(
    tl: Command, tmp_path: Path, runs: Runs, forget_accelerate: Forget, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tl.training.signals import StopSignals

    table = tmp_path / "texts.csv"
    shutil.copy(data_of(runs("text")), table)
    recipe = ["base", "data=table", f"data.file={table}", "data.text=text", "data.label=class", *SIZES]
    with monkeypatch.context() as patch:
        patch.setattr(StopSignals, "pending", lambda self, save: (2, save))
        said = tl("finetune", *recipe, "backbone=tiny_text", "--runs", tmp_path / "runs")
    (run,) = (tmp_path / "runs" / "base").iterdir()
    assert (said.code, said.mistake) == (130, f"Stopped after step 1 of 6. Go on with: tl finetune --resume {run}")
    assert (
        tl("evaluate", run).mistake
        == f"'{run}' has no model yet (it is stopped). Go on with: tl finetune --resume {run}"
    )
    checkpoint = run / "checkpoints" / "1" / "last.pt"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2])
    damaged = tl("finetune", "--resume", run)
    assert (damaged.code, damaged.mistake) == (
        2,
        f"{checkpoint} differs from its checksum: "
        "no whole checkpoint is left, so the run cannot go on: start a new one.",
    )
    checkpoint.write_bytes(whole)
    with table.open("a") as file:
        file.write("row 90,one more,short\n")
    said = tl("finetune", "--resume", run)
    assert said.code == 2
    assert said.mistake.startswith(f"The data changed since '{run}' began (")
    assert said.mistake.endswith(" now), so it cannot be resumed: start a new run.")
