"""The compiled step: the losses of the uncompiled one, and a line that says what it cost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import IMAGE, SHORT, TEXT
from tests.training.test_trainer import losses, tiny_bert, weights
from tl.commands.check import check
from tl.errors import TLError
from tl.recipe.recipe import load
from tl.training.compiling import CompileTimer

Train = Callable[..., Path]
Rows = Callable[..., list[dict[str, Any]]]
PHASES = [*SHORT, "freeze.probe=50%", "optimizer.lr=0.0005"]


def test_what_compiling_cost_is_said_once_and_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    clock = iter([0.0, 34.1, *(value for n in range(10) for value in (100.0 + n, 100.21 + n))])
    monkeypatch.setattr("tl.training.compiling.time.perf_counter", lambda: next(clock))
    warmup = CompileTimer("all", torch.device("cpu"), said.append)
    for _ in range(30):
        with warmup.step():
            pass
    warmup.end_phase()
    assert said == ["compile: the first step of 'all' took 34.1 s, the next ones 0.21 s."]
    clock = iter([0.0, 2.0])
    short = CompileTimer("head", torch.device("cpu"), said.append)
    with short.step():
        pass
    short.end_phase()
    CompileTimer("none", torch.device("cpu"), said.append).end_phase()
    assert said[1:] == ["compile: the first step of 'head' took 2.0 s, and there was no other."]


def test_a_missing_compiler_is_found_before_training(
    monkeypatch: pytest.MonkeyPatch, train: Train, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    text = (
        "loop.compile: no C++ compiler 'no-such-compiler' is on this machine: install one, "
        "or name one in the variable CXX, or set it to false."
    )
    recipe = ["data=tiny_shapes", "loop.compile=true"]
    with pytest.raises(TLError) as checked:
        check("base", recipe, tmp_path)
    assert str(checked.value) == f"command line: {text}"
    with pytest.raises(TLError) as trained:
        train(*recipe)
    assert (str(trained.value), trained.value.exit_code) == (text, 2)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_compiled_losses_are_the_uncompiled_ones(kind: list[str], train: Train, rows: Rows) -> None:
    recipe = [*kind, *PHASES, "loop.ema=0.9", f"augment={'text' if kind is TEXT else 'image'}"]
    plain = train(*recipe)
    torch._dynamo.utils.counters.clear()
    fast = train(*recipe, "loop.compile=true")
    assert losses(rows(fast)) == pytest.approx(losses(rows(plain)), rel=1e-4)
    assert weights(fast).keys() == weights(plain).keys()
    for name, value in weights(plain).items():
        torch.testing.assert_close(weights(fast)[name], value, rtol=1e-2, atol=1e-4)
    said = re.findall(r"compile: the first step of '(\w+)' took", (fast / "log.txt").read_text())
    assert said == ["probe", "full"]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 2, "one for each phase, whatever the lengths"


@pytest.mark.slow
def test_processes_compile_alike(train: Train, rows: Rows, tmp_path: Path) -> None:
    bert = tiny_bert(tmp_path)
    recipe = [*TEXT, *SHORT, "freeze=top_k", "freeze.stages=1", "optimizer.lr=0.001"]
    recipe += ["backbone=text_encoder", f"backbone.weights={bert}"]
    plain = train(*recipe)
    command = [sys.executable, "-m", "tl", "finetune", "base", *recipe, "loop.compile=true"]
    command += ["--processes", "2", "--runs", str(tmp_path / "many")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=450, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (many,) = (tmp_path / "many" / "base").iterdir()
    assert losses(rows(many)) == pytest.approx(losses(rows(plain)), rel=1e-4)
    assert "compile: the first step of" in (many / "log.txt").read_text()


def test_compiling_and_checkpointing_are_refused_together() -> None:
    with pytest.raises(TLError) as refused:
        load("base", ["data=tiny_shapes", "loop.compile=true", "loop.gradient_checkpointing=true"])
    text = "loop.compile is true: write false, or gradient_checkpointing=false."
    assert str(refused.value) == f"command line: {text}"
