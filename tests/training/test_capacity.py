"""What fits on a device at once: exact on a processor, the same in all processes, and found without a trace."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.conftest import IMAGE, SHORT, TEXT
from tests.training.test_trainer import equal, interrupt
from tl.commands.assemble import Assembly, assemble
from tl.commands.open_run import open_run
from tl.commands.prepare import measure_capacity
from tl.errors import Mistakes, Stopped
from tl.place import Place, Share
from tl.recipe.recipe import load
from tl.run.run import Run
from tl.training import capacity as room
from tl.training.capacity import Capacity, Trial
from tl.training.step import Step

Train = Callable[..., Path]
Rows = Callable[..., list[dict[str, Any]]]
AUTO = "loop.device_batch=auto"
CPU = Place(torch.device("cpu"))


def free(monkeypatch: pytest.MonkeyPatch, bytes_: float) -> None:
    """The machine has so many bytes left."""
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=bytes_))


def found(assembly: Assembly) -> Capacity:
    return measure_capacity(assembly, assembly.streams(Share()), CPU)


def kept(assembly: Assembly, samples: int) -> int:
    """Bytes that autograd keeps for a real batch of the longest texts, or of pictures, where everything learns."""
    trial = Trial(Step(assembly.model, assembly.method), assembly.streams(Share()), assembly.phases, CPU, 0, False)
    trial.step.model.learn(assembly.phases[-1].train)
    trial.step.train()
    singles = {name: room._longest(stream.source) for name, stream in trial.streams.items()}
    return room._kept(trial, singles, samples)


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_the_bytes_kept_grow_by_the_same_with_every_sample(kind: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assembly = assemble(load("base", [*kind, *SHORT, AUTO]))
    free(monkeypatch, 1e12)
    one = found(assembly)
    assert (one.samples, one.batch, one.available) == (16, 16, 1e12)
    assert one.needed == kept(assembly, 16)
    two, three, nine = (kept(assembly, n) for n in (2, 3, 9))
    assert nine == two + 7 * (three - two)


def test_bytes_are_those_counted_by_hand() -> None:
    """A head alone: its input (B, 128), log-probabilities (B, 4) and targets; beside these the weights' sum."""
    assembly = assemble(load("base", [*IMAGE, *SHORT, AUTO, "freeze=linear_probe", "head.standardize=false"]))
    each = 4 * 128 + 4 * 4 + 8
    assert [kept(assembly, samples) for samples in (2, 3)] == [2 * each + 4, 3 * each + 4]


def test_checkpointing_is_counted_as_if_there_were_none_and_stays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 1e12)
    recipe = [*IMAGE, *SHORT, AUTO]
    assembly = assemble(load("base", [*recipe, "loop.gradient_checkpointing=true"]))
    assert found(assembly).needed == found(assemble(load("base", recipe))).needed
    assert kept(assembly, 3) < kept(assemble(load("base", recipe)), 3)


@pytest.mark.parametrize("fits, samples", [(16, 16), (15, 8), (8, 8), (7, 4), (3, 2), (2, 2), (1, 1), (0, 1)])
def test_halves_until_half_of_the_memory_is_enough(fits: int, samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assembly = assemble(load("base", [*TEXT, *SHORT, AUTO]))
    two, three = kept(assembly, 2), kept(assembly, 3)
    free(monkeypatch, 2 * (two + (fits - 2) * (three - two)))
    assert found(assembly).samples == samples


def test_the_line_says_what_was_found() -> None:
    line = Capacity(16, 64, 3.1 * 1024**3, 5.9 * 1024**3).line()
    assert line == "device_batch: 16 of the 64 samples of a step fit at once (3.1 GB of 5.9 GB available)"
    assert Capacity(1, 2, 3.5 * 1024**2, 1024**3).line().endswith("(3.5 MB of 1.0 GB available)")


@pytest.mark.parametrize("method", ["finetune", "distill"])
def test_a_trial_leaves_no_trace(method: str, train: Train) -> None:
    recipe = [*IMAGE, *SHORT, AUTO, "loop.batch_norm=update", f"method={method}", "augment=image"]
    if method == "distill":
        recipe += [f"method.teacher={train(*IMAGE, *SHORT, 'freeze=full', 'loop.length=1step')}"]
    assembly = assemble(load("base", recipe))
    step = Step(assembly.model, assembly.method)
    step.model.learn(["head"])

    def state() -> list[Any]:
        facts = [(name, p.requires_grad, p.grad is None) for name, p in step.named_parameters()]
        modes = [(name, module.training) for name, module in step.named_modules()]
        return [facts, modes, step.model.learning, sorted(step.state_dict())]

    before, tensors = state(), {name: value.clone() for name, value in step.state_dict().items()}
    random = torch.get_rng_state()
    found(assembly)
    assert state() == before
    assert all(torch.equal(value, tensors[name]) for name, value in step.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("kind", [TEXT, IMAGE], ids=["text", "image"])
def test_a_run_that_finds_a_number_is_the_run_that_was_given_it(
    kind: list[str], train: Train, rows: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    augment = "augment=text" if kind is TEXT else "augment=image"
    recipe = [*kind, *SHORT, "freeze.probe=50%", "loop.batch_norm=update", augment, "loop.ema=0.9"]
    assembly = assemble(load("base", [*recipe, AUTO]))
    given = train(*recipe, "loop.device_batch=4")
    two, three = kept(assembly, 2), kept(assembly, 3)
    free(monkeypatch, 2 * (two + 3 * (three - two)))
    whole = train(*recipe, AUTO)
    assert Run.open(whole).meta["device_batch"] == 4
    assert re.search(r"device_batch: 4 of the 16 samples of a step fit at once", (whole / "log.txt").read_text())
    assert equal(given, whole)
    assert rows(given) == rows(whole)
    with monkeypatch.context() as patch:
        interrupt(7, patch)
        with pytest.raises(Stopped):
            train(*recipe, AUTO)
    halted = max(p for p in (tmp_path / "runs" / "base").iterdir() if p not in (whole, given))
    free(monkeypatch, 1e12)
    assert equal(whole, train(resume=halted))
    assert rows(whole) == rows(halted)
    assert Run.open(halted).meta["device_batch"] == 4
    assert open_run(halted).recipe.loop.device_batch == 4


def test_processes_agree(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tl", "finetune", "base", *TEXT, *SHORT, AUTO, "loop.batch=15"]
    command += ["--processes", "2", "--runs", str(tmp_path / "many")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (many,) = (tmp_path / "many" / "base").iterdir()
    assert Run.open(many).meta["device_batch"] == 8


def test_the_value_is_a_number_or_the_word() -> None:
    assert load("base", [*TEXT, AUTO]).loop.device_batch == "auto"
    for wrong, text in {
        "atuo": "'atuo' is not a whole number of at least 1 or auto. Did you mean 'auto'?",
        "1.5": "'1.5' is not a whole number of at least 1 or auto.",
        "0": "'0' is not a whole number of at least 1 or auto.",
    }.items():
        with pytest.raises(Mistakes) as mistakes:
            load("base", ["data=tiny_shapes", f"loop.device_batch={wrong}"])
        assert list(mistakes.value.mistakes) == [f"command line: loop.device_batch {text}"]
