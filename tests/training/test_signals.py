"""Real signals to real processes, one and two of them: the run stops with a checkpoint and can be finished."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

import tl.commands.finetune as finetuning
from tl.commands.launch import _passing_signals_on
from tl.errors import Stopped
from tl.inputs.filling import Filling
from tl.inputs.supply import Supply
from tl.inputs.waiting import wait_on
from tl.run.stops import STOPS
from tl.training.signals import StopSignals

LONG = ["data=tiny_sentences", "data.n=60", "backbone=tiny_text", "loop.length=400step", "loop.batch=8"]
LONG += ["loop.log_every=1step", "loop.eval_every=200step", "loop.bootstrap=5", "loop.device=cpu", "freeze=full"]


def start(*arguments: object, new_group: bool = False) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tl", "finetune", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=new_group
    )


def stop_once_it_trains(
    process: subprocess.Popen[str], root: Path, number: int, rows: int = 0, send: Callable[[int], None] | None = None
) -> Path:
    """Send the signal as soon as more steps than `rows` are logged; gives the run's folder."""
    until = time.monotonic() + 150
    while time.monotonic() < until and process.poll() is None:
        logged = list(root.glob("*/*/metrics.jsonl"))
        if logged and len(logged[0].read_text().splitlines()) > rows:
            (send or process.send_signal)(number)
            return logged[0].parent
        time.sleep(0.01)
    process.kill()
    pytest.fail(f"no step was logged: {process.communicate()}")


def meta(run: Path) -> Any:
    return json.loads((run / "meta.json").read_text())


def steps(run: Path) -> list[int]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row["step"] for row in rows if row["split"] == "train"]


def stopped(process: subprocess.Popen[str], run: Path, code: int) -> None:
    """The process ends with this code, one sentence that says how to go on, and a run that waits for it."""
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert meta(run)["status"] == "stopped"
    assert said == f"Stopped after step {steps(run)[-1]} of 400. Go on with: tl finetune --resume {run}\n"


def test_sigterm_then_sigint_then_to_the_end(
    tmp_path: Path, forget_accelerate: Callable[[], None], train: Callable[..., Path]
) -> None:
    process = start("base", *LONG, "--runs", tmp_path)
    run = stop_once_it_trains(process, tmp_path, signal.SIGTERM)
    stopped(process, run, 143)
    done = len((run / "metrics.jsonl").read_text().splitlines())
    process = start("--resume", run)
    assert stop_once_it_trains(process, tmp_path, signal.SIGINT, rows=done) == run
    stopped(process, run, 130)
    assert train(resume=run) == run
    assert meta(run)["status"] == "done"
    assert steps(run) == list(range(1, 401))


@pytest.mark.parametrize("phase", [0, 1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGALRM])
def test_a_signal_while_the_cache_is_filled_or_at_the_end_stops_there_and_then(
    phase: int,
    number: int,
    train: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before training, between two phases, and while the answers are evaluated; the work so far is not lost."""
    recipe = ["data=tiny_sentences", "data.n=60", "backbone=tiny_text", "loop.length=6step", "loop.device=cpu"]
    recipe += ["freeze=gradual", "freeze.every=3step", "cache.use=always", f"cache.folder={tmp_path / 'cache'}"]
    recipe += ["loop.batch=8", "loop.log_every=1step", "loop.bootstrap=5", "loop.max_time=60min"]
    whole = train(*recipe)
    shutil.rmtree(tmp_path / "cache")
    place, name, call = ((Filling, "_write", 0), (Supply, "enter", 1), (finetuning, "_temperature", 0))[phase]
    work, calls = getattr(place, name), iter(range(9))

    def interrupted(*given: Any) -> Any:
        if next(calls) == call:
            signal.raise_signal(number)
            pytest.fail("the signal was not heeded")
        return work(*given)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, interrupted)
        with pytest.raises(Stopped, match=r"topped\. Go on with: tl finetune --resume") as said:
            train(*recipe)
    assert said.value.exit_code == 128 + number
    (halted,) = (path for path in whole.parent.iterdir() if path != whole)
    assert meta(halted)["status"] == "stopped"
    assert (halted / "metrics.jsonl").is_file() == (phase > 0)
    assert phase == 0 or len(steps(halted)) == 3 * phase
    assert train(resume=halted) == halted
    for name in ("metrics.jsonl", "model.safetensors"):
        assert (halted / name).read_bytes() == (whole / name).read_bytes()


def test_a_signal_to_all_processes_lets_those_that_read_finish_the_step(tmp_path: Path) -> None:
    """As a scheduler sends it: to the run and to the processes that read for it."""
    pictures = ["data=tiny_shapes", "backbone=tiny_image", "augment=image", "loop.workers=2", "cache.use=never"]
    process = start("base", *LONG, *pictures, "--runs", tmp_path, new_group=True)
    run = stop_once_it_trains(process, tmp_path, signal.SIGTERM, send=lambda number: os.killpg(process.pid, number))
    stopped(process, run, 143)
    assert steps(run) == list(range(1, len(steps(run)) + 1))
    assert (run / "checkpoints" / "1" / "manifest").is_file()


def test_two_processes_stop_together_and_finish_as_one(
    tmp_path: Path, forget_accelerate: Callable[[], None], train: Callable[..., Path]
) -> None:
    process = start("base", *LONG, "--runs", tmp_path, "--processes", 2)
    run = stop_once_it_trains(process, tmp_path, signal.SIGTERM)
    stopped(process, run, 143)
    assert "--processes 2" in meta(run)["command"]
    train(resume=run)
    assert meta(run)["status"] == "done"
    assert steps(run) == list(range(1, 401))


def test_a_mistake_of_two_processes_is_said_once(tmp_path: Path) -> None:
    process = start("base", *LONG, "--runs", tmp_path, "--processes", 2, "loop.best=acuracy")
    out, said = process.communicate(timeout=150)
    assert process.returncode == 2
    assert out == ""
    assert said.count("'acuracy' is no metric of one class. Did you mean 'accuracy'?") == 1
    assert said.count("\n") == 1


def test_a_mistake_that_one_process_meets_alone_is_said_alone(tmp_path: Path) -> None:
    """Eight pictures to a step; the broken one is read by one of the two while the other waits for it."""
    from PIL import Image

    for number in range(40):
        place = tmp_path / "data" / ("train", "val")[number % 5 == 4] / ("dark", "light")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.new("L", (32, 32), 200 * (number % 2)).save(place / f"{number}.png")
    broken = tmp_path / "data" / "train" / "dark" / "0.png"
    broken.write_bytes(broken.read_bytes()[:40])
    recipe = ["base", f"data.root={tmp_path / 'data'}", "loop.batch=8", "loop.length=20step", "loop.device=cpu"]
    recipe += ["head.standardize=false", "data.split.test=0", "freeze=full"]
    process = start(*recipe, "--runs", tmp_path / "runs", "--processes", 2)
    _, said = process.communicate(timeout=150)
    assert process.returncode == 2, said
    assert said.startswith(f"{broken}: "), said
    assert said.count("\n") == 1
    (run,) = (tmp_path / "runs" / "base").iterdir()
    assert meta(run)["status"] == "failed"


class AloneInItsJob:
    """What `StopSignals` asks of Accelerate."""

    num_processes = 1


def gives_up(stopped: Stopped) -> NoReturn:
    os.write(2, f"{stopped}\n".encode())
    os._exit(stopped.exit_code)


def alone(until: float = math.inf, say: Callable[[str], None] = print) -> StopSignals:
    return StopSignals(AloneInItsJob(), Path("run"), until, say, gives_up)  # type: ignore[arg-type]


@pytest.fixture
def ignored() -> Iterator[list[signal.Signals]]:
    """SIGINT and SIGHUP, ignored for the time of a test, as a script's background job under nohup begins."""
    numbers = [signal.SIGINT, signal.SIGHUP]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_that_was_ignored_from_the_start_stays_ignored(ignored: list[signal.Signals]) -> None:
    with alone() as signals:
        for number in ignored:
            signal.raise_signal(number)
        assert signals.pending(save=False) == (0, False)
        signal.raise_signal(signal.SIGTERM)
        assert signals.pending(save=False) == (signal.SIGTERM, False)
    assert [signal.getsignal(number) for number in ignored] == [signal.SIG_IGN, signal.SIG_IGN]


@pytest.mark.parametrize("number", STOPS)
def test_each_signal_is_heard_and_a_warning_may_come_again(number: signal.Signals) -> None:
    with alone() as signals:
        for _ in range(2):
            signal.raise_signal(number)
            assert signals.pending(save=True) == (number, True)
        assert signals.stopped(*signals.pending(save=False)[:1]).exit_code == 128 + number


def test_a_slow_disk_is_waited_for_until_the_run_is_to_stop() -> None:
    said: list[str] = []
    with alone(say=said.append) as signals:
        for seconds in (*range(1, 300), 3):
            wait_on(seconds, "a/1.png and 7 more")
        assert said == [
            "Waiting for a/1.png and 7 more since 1 min 0 s: loop.workers read on.",
            "Waiting for a/1.png and 7 more since 2 min 0 s: loop.workers read on.",
            "Waiting for a/1.png and 7 more since 4 min 0 s: loop.workers read on.",
        ]
        signals.stops.hear(signal.SIGUSR1)
        wait_on(9, "a/1.png")
        with pytest.raises(Stopped, match=r"Stopped, since reading a/1\.png does not end\. Go on with: "):
            wait_on(11, "a/1.png")
    wait_on(11, "a/1.png")


def test_the_time_limit_is_heard_whatever_was_ignored() -> None:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        with (
            alone(until=time.monotonic() + 0.01) as signals,
            pytest.raises(Stopped, match=r"loop\.max_time is over"),
            signals.at_once(),
        ):
            signal.pause()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_launcher_passes_on_no_signal_that_it_was_to_ignore(ignored: list[signal.Signals], tmp_path: Path) -> None:
    """Its processes are started as it was: a signal to the whole group is ignored by all of them."""
    asks = "import signal, sys; sys.exit(10 * (signal.getsignal(2) == signal.SIG_IGN) + (signal.getsignal(1) == 1))"
    with _passing_signals_on([], tmp_path) as orders:
        for number in ignored:
            signal.raise_signal(number)
        assert orders.stops.number == 0
        signal.raise_signal(signal.SIGTERM)
        assert orders.stops.number == signal.SIGTERM
        assert subprocess.run([sys.executable, "-c", asks], check=False, process_group=0).returncode == 11
