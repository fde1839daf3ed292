"""`tl reproduce` and `tl verify-resume`: train a run again, or kill and resume it, and compare bit for bit."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tl.commands.chosen_task import read_data
from tl.commands.finetune import Request, finetune
from tl.commands.same_data import change_of_data
from tl.commands.settle import settle, without_cache_folder
from tl.errors import TLError
from tl.inputs.pace import EVERY
from tl.recipe.recipe import load
from tl.recipe.weights import RUN_MODEL
from tl.report.words import counted, duration
from tl.run.run import METRICS, RECIPE, Listener, Run
from tl.run.schema import OUTCOME, check_shape, read_json

_POLL, _LONGEST = 0.002, 3600.0  # seconds


@dataclass(frozen=True)
class RunDifference:
    """How two runs of one recipe differ.

    `rows` counts the logged rows; `step` is that of the first row that differs, None where none does. `largest` is the
    largest relative difference between logged numbers. `weights` says whether the models are equal bit for bit.
    `values` are the final metrics that differ, `facts` the versions, machine and data that differ.
    """

    one: str
    other: str
    rows: int
    step: int | None
    largest: float
    weights: bool
    values: Mapping[str, tuple[float | None, float | None]]
    facts: Mapping[str, tuple[str, str]]

    @property
    def same(self) -> bool:
        """True where the two runs are equal bit for bit."""
        return self.step is None and self.weights and not self.values


def reproduce(path: Path, root: Path, listener: Listener) -> RunDifference:
    """Train a finished run again below `root`, as it was, and compare the two."""
    run = Run.open(path)
    if run.meta["status"] != "done":
        raise TLError(f"'{path}' is {run.meta['status']}, so there is nothing to compare with: resume it first.")
    recipe = without_cache_folder(settle(load(str(path / RECIPE)), run))
    change = change_of_data(run, read_data(recipe.data, recipe.task))
    if change is not None:
        raise TLError(f"The data of '{path}' changed since it was trained ({change}): bring it back to reproduce it.")
    return compare(path, finetune(Request(recipe, root, None, f"tl reproduce {path}"), listener))


def verify_resume(
    reference: str, overrides: Sequence[str], steps: int, folder: Path, say: Callable[[str], None]
) -> RunDifference:
    """Train a recipe for `steps` steps below `folder`, once undisturbed, once killed and resumed, and compare.

    `say` gets a line on each of these runs, and every half minute how far it is.
    """
    short = [f"loop.length={steps}step", f"loop.eval_every={-(-steps // 3)}step", "loop.trackers=[]"]
    recipe = [reference, *overrides, *short, "loop.log_every=1step", "loop.save_every=2step"]
    say(f"1 of 3: {steps} steps, undisturbed")
    _train([*recipe, "--runs", str(folder / "whole")], folder / "whole", say)
    say(f"2 of 3: the same, killed after step {steps // 2}")
    arguments = [*recipe, "--runs", str(folder / "killed")]
    halted = _train_and_kill(arguments, folder / "killed", steps // 2, say)
    say("3 of 3: resumed to the end")
    _train(["--resume", str(halted)], folder / "killed", say)
    (whole,) = _runs(folder / "whole")
    return compare(whole, halted)


def compare(one: Path, other: Path) -> RunDifference:
    """Compare two finished runs."""
    runs = [Run.open(path) for path in (one, other)]
    rows = [run.rows() for run in runs]
    step, largest = _compare_rows(*rows)
    values = [dict(_values(path)) for path in (one, other)]
    weights = (one / RUN_MODEL).read_bytes() == (other / RUN_MODEL).read_bytes()
    facts = [_environment(run.meta) for run in runs]
    values_differ, facts_differ = _differing(*values), _differing(*facts)
    return RunDifference(str(one), str(other), len(rows[0]), step, largest, weights, values_differ, facts_differ)


def _compare_rows(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> tuple[int | None, float]:
    """The step of the first row that differs, and the largest relative difference between numbers."""
    first: int | None = None
    largest = 0.0
    for a, b in zip(one, other, strict=False):
        if a == b:
            continue
        first = a["step"] if first is None else first
        for name in a.keys() & b.keys():
            if isinstance(a[name], float) and isinstance(b[name], float):
                largest = max(largest, abs(a[name] - b[name]) / max(abs(a[name]), abs(b[name])))
    if first is None and len(one) != len(other):
        return max(one, other, key=len)[min(len(one), len(other))]["step"], math.inf
    return first, largest


def _values(path: Path) -> Iterator[tuple[str, float]]:
    for file in sorted((path / "evaluation").glob("*.json")):
        outcome = read_json(file)
        check_shape(file, OUTCOME, outcome)
        for name, found in outcome["metrics"].items():
            yield f"{file.stem} {name}", found["value"]


def _environment(meta: Mapping[str, Any]) -> dict[str, str]:
    named = ("device", "platform", "processes", "precision", "git")
    facts = {name: str(meta[name]) for name in named}
    return {**facts, **meta["versions"], "data": meta["data"]["fingerprint"]}


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The values that differ between the two; nan equals nan."""
    names = [*one, *(name for name in other if name not in one)]
    pairs = {name: (one.get(name), other.get(name)) for name in names}
    return {name: (a, b) for name, (a, b) in pairs.items() if a != b and not (a != a and b != b)}


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-P", "-m", "tl", "finetune", *arguments, "--json"]


def _train(arguments: Sequence[str], folder: Path, say: Callable[[str], None]) -> None:
    """Train below `folder` to the end."""
    with subprocess.Popen(_command(arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        began = time.monotonic()
        while child.returncode is None:
            try:
                _, stderr = child.communicate(timeout=EVERY)
            except subprocess.TimeoutExpired:
                say(_so_far(folder, time.monotonic() - began))
    if child.returncode:
        raise TLError(stderr.strip() or f"tl finetune ended with {child.returncode}.")


def _train_and_kill(arguments: Sequence[str], folder: Path, rows: int, say: Callable[[str], None]) -> Path:
    """Start a run, kill it as soon as it has logged `rows` rows, and give its folder."""
    with subprocess.Popen(
        _command(arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        began = told = time.monotonic()
        while child.poll() is None and time.monotonic() < began + _LONGEST:
            if any(_count_logged(run) >= rows for run in _runs(folder)):
                os.killpg(child.pid, signal.SIGKILL)
                break
            if time.monotonic() >= told + EVERY:
                told = time.monotonic()
                say(_so_far(folder, told - began))
            time.sleep(_POLL)
        _, stderr = child.communicate()
    if child.returncode > 0:
        raise TLError(stderr.strip() or f"tl finetune ended with {child.returncode}.")
    (run,) = _runs(folder)
    if Run.open(run).meta["status"] == "done":
        raise TLError("The run was over before it could be killed: give more --steps.")
    return run


def _so_far(folder: Path, seconds: float) -> str:
    steps = max(map(_count_logged, _runs(folder)), default=0)
    return f"  {duration(seconds)}: {counted(steps, 'steps')} logged"


def _runs(folder: Path) -> list[Path]:
    return [file.parent for file in folder.glob("*/*/meta.json")]


def _count_logged(run: Path) -> int:
    file = run / METRICS
    return file.read_text(encoding="utf-8").count('"train"') if file.is_file() else 0
