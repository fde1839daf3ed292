"""One, two and three real processes: the same steps, losses and metrics, in one run folder that any number resumes.

A sum of gradients is rounded otherwise when its parts are formed in other processes, so losses, and metrics that read
probabilities, agree to 1e-6 and not to the last bit (norms of gradients, small sums of large terms, to 1e-5); those
that count answers are identical. Nothing here has dropout: each piece of a batch draws its own masks.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.test_signals import meta, stop_once_it_trains
from tests.training.test_trainer import tiny_bert

Train = Callable[..., Path]
SAME = 1e-6
SIZES = {"val": 23, "test": 23}
STORY = [
    *("data.n=155", "loop.batch=25", "loop.device_batch=8", "loop.length=40step", "loop.eval_every=2step"),
    *("loop.log_every=1step", "loop.patience=1", "loop.ema=0.9", "loop.bootstrap=20", "loop.device=cpu"),
    *("freeze=gradual", "freeze.every=4step", "cache.use=always"),
]


def story(kind: str, folder: Path) -> list[str]:
    """Gradual unfreezing, moving average, cache, patience; no size divides by 2 or 3."""
    if kind == "image":
        return ["data=tiny_shapes", "backbone=tiny_image", *STORY]
    return ["data=tiny_sentences", "backbone=text_encoder", f"backbone.weights={tiny_bert(folder)}", *STORY]


def start(*arguments: object, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tl", "finetune", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TL_CACHE": str(cache)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def ends(process: subprocess.Popen[str]) -> str:
    """What a run prints that comes to its end."""
    out, said = process.communicate(timeout=150)
    assert process.returncode == 0, said
    return out


def the_run(root: Path) -> Path:
    (run,) = (root / "base").iterdir()
    return run


def logged(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def steps(run: Path) -> list[tuple[int, str, str]]:
    return [(row["step"], row["split"], row["phase"]) for row in logged(run)]


def numbers(run: Path) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if isinstance(value, float)} for row in logged(run)]


def predictions(run: Path, split: str) -> list[tuple[str, str, str]]:
    with (run / "predictions" / f"{split}.csv").open() as file:
        return [(row["id"], row["true"], row["predicted"]) for row in csv.DictReader(file)]


def counted(found: dict[str, Any]) -> dict[str, Any]:
    """The metrics that count answers, with their intervals."""
    read = ("log_loss", "brier", "ece", "auroc", "map")
    return {name: values for name, values in found["metrics"].items() if name not in read}


def close(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, but for the last digits of numbers with a point."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return bool(one == (pytest.approx(other, rel=SAME) if isinstance(one, float) else other))


def agree(one: Path, other: Path) -> None:
    """Two runs took the same steps with the same losses, and answer alike."""
    assert steps(one) == steps(other)
    for mine, theirs in zip(numbers(one), numbers(other), strict=True):
        assert (norm := mine.pop("grad_norm", 0.0)) == pytest.approx(theirs.pop("grad_norm", norm), rel=10 * SAME)
        assert mine == pytest.approx(theirs, rel=SAME)
    for split, size in SIZES.items():
        mine, theirs = (json.loads((run / "evaluation" / f"{split}.json").read_text()) for run in (one, other))
        assert counted(mine) == counted(theirs)
        assert close(mine, theirs)
        assert predictions(one, split) == predictions(other, split)
        assert len(predictions(one, split)) == size
    for facts in (meta(one), meta(other)):
        assert facts["status"] == "done"
    assert [path.name for path in sorted(one.iterdir())] == [path.name for path in sorted(other.iterdir())]


@pytest.mark.parametrize(
    "kind, several",
    [
        ("image", (2,)),
        ("text", (2,)),
        *(pytest.param(kind, (3,), marks=pytest.mark.slow) for kind in ("image", "text")),
    ],
    ids=["image", "text", "image3", "text3"],
)
def test_several_processes_do_as_one(kind: str, several: tuple[int, ...], train: Train, tmp_path: Path) -> None:
    recipe = story(kind, tmp_path)
    one = train(*recipe, f"cache.folder={tmp_path / 'cache1'}")
    assert len({phase for _, _, phase in steps(one)}) == {"image": 5, "text": 4}[kind]
    assert logged(one)[-1]["step"] < 20, "patience is to end it early"
    for processes in several:
        folder, root = tmp_path / f"cache{processes}", tmp_path / str(processes)
        said = ends(start("base", *recipe, "--processes", processes, "--runs", root, cache=folder))
        assert said.count("report  ") == 1
        agree(one, the_run(root))
        assert "train computed once" in (the_run(root) / "log.txt").read_text()
        assert sorted(path.name for path in folder.glob("*/rows.bin")) == sorted(
            path.name for path in (tmp_path / "cache1").glob("*/rows.bin")
        )


@pytest.mark.parametrize("kind", ["image", pytest.param("text", marks=pytest.mark.slow)])
def test_what_two_processes_began_is_ended_by_one_and_by_three(kind: str, train: Train, tmp_path: Path) -> None:
    recipe = [*story(kind, tmp_path), "loop.length=50step", "loop.log_every=3step", "loop.patience=null"]
    recipe += ["freeze.every=10step", f"cache.folder={tmp_path / 'shared'}"]
    root = tmp_path / "two"
    process = start("base", *recipe, "--processes", 2, "--runs", root, cache=tmp_path)
    run = stop_once_it_trains(process, root, signal.SIGTERM, rows=1)
    process.communicate(timeout=60)
    assert (process.returncode, meta(run)["status"]) == (143, "stopped")
    done = max(row["step"] for row in logged(run))
    assert 0 < done < 50
    copy = tmp_path / "copy" / "base" / run.name
    shutil.copytree(run, copy)
    whole = train(*recipe)
    agree(whole, train(resume=run))
    ends(start("--resume", copy, "--processes", 3, cache=tmp_path))
    agree(whole, copy)
