"""Processes that die, or whose launcher does: the job ends in seconds and says why, and the run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.faults.test_processes import logged
from tests.training.test_signals import LONG, meta, stop_once_it_trains

Train = Callable[..., Path]
SECONDS = 30
SLOW = ["loop.length=4000step", "loop.save_every=20step", "loop.bootstrap=5"]


def launch(*arguments: object, by: tuple[str, ...] = (sys.executable,)) -> subprocess.Popen[str]:
    command = [*by, "-m", "tl", "finetune", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def ranks(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of a job, in the order of their ranks."""
    return sorted(psutil.Process(process.pid).children(), key=lambda child: int(child.environ()["RANK"]))


def listening(processes: list[psutil.Process]) -> list[str]:
    """The addresses at which the processes accept connections or datagrams."""
    sockets = [one for process in processes for one in process.net_connections(kind="inet")]
    return [one.laddr.ip for one in sockets if one.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)]


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all have ended, within the time that they are given."""
    _, alive = psutil.wait_procs(processes, timeout=SECONDS)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """How a job ends, and what it says, within the time that it is given."""
    _, said = process.communicate(timeout=SECONDS)
    return process.returncode, said


def again(processes: int) -> str:
    return (
        f"Process 1 of 0 to {processes - 1} was ended by SIGKILL, as by a system that has no memory left. "
        "The run goes on from its last checkpoint with: tl finetune --resume RUN\n"
    )


@pytest.mark.parametrize("processes", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_killed_process_ends_the_job_and_the_run_goes_on(processes: int, train: Train, tmp_path: Path) -> None:
    short = ["loop.length=150step", "loop.save_every=5step"]
    process = launch("base", *LONG, *short, "--runs", tmp_path, "--processes", processes)
    children: list[psutil.Process] = []

    def kill_one(number: int) -> None:
        children.extend(ranks(process))
        children[1].send_signal(number)

    run = stop_once_it_trains(process, tmp_path, signal.SIGKILL, rows=5, send=kill_one)
    assert ended(process) == (137, again(processes))
    assert gone(children)
    assert meta(run)["status"] == "failed"
    assert not list(run.glob("checkpoints/.*.gone"))
    train(resume=run)
    assert [row["step"] for row in logged(run) if row["split"] == "train"] == list(range(1, 151))


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_killed_while_the_cache_is_filled_ends_the_job(rank: int, train: Train, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    recipe = [*LONG, "data.n=3000", "freeze=linear_probe", "loop.length=20step", "cache.use=always"]
    recipe += [f"cache.folder={folder}", "loop.workers=1"]
    process = launch("base", *recipe, "--runs", tmp_path, "--processes", 2)
    until = time.monotonic() + 120
    while not list(folder.glob("*.part/*")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    children = ranks(process)
    below = [child for one in children for child in one.children(recursive=True)]
    children[rank].kill()
    code, said = ended(process)
    assert code == 137
    assert f"Process {rank} of 0 to 1 was ended by SIGKILL" in said
    assert said.count("\n") == 1
    assert list(folder.glob("*.part")), "the pass was to be hit"
    assert gone([*children, *below])
    (run,) = (tmp_path / "base").iterdir()
    assert meta(train(resume=run))["status"] == "done"


def test_processes_listen_on_loopback_alone_and_stop_when_their_launcher_is_killed(tmp_path: Path) -> None:
    process = launch("base", *LONG, *SLOW, "--runs", tmp_path, "--processes", 2)
    children: list[psutil.Process] = []
    addresses: list[str] = []

    def kill(number: int) -> None:
        children.extend(ranks(process))
        addresses.extend(listening([psutil.Process(process.pid), *children]))
        process.send_signal(number)

    run = stop_once_it_trains(process, tmp_path, signal.SIGKILL, rows=5, send=kill)
    process.communicate(timeout=SECONDS)
    assert addresses == ["127.0.0.1", "127.0.0.1"], "one socket of gloo for each process, and no rendezvous"
    assert gone(children)
    assert meta(run)["status"] == "stopped"
    assert (run / "checkpoints").is_dir()


@pytest.mark.slow
def test_a_killed_process_ends_a_job_of_torchrun(train: Train, tmp_path: Path) -> None:
    by = (sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2")
    process = launch("base", *LONG, "--runs", tmp_path, by=by)
    children: list[psutil.Process] = []

    def kill_one(number: int) -> None:
        children.extend(ranks(process))
        children[1].send_signal(number)

    run = stop_once_it_trains(process, tmp_path, signal.SIGKILL, rows=5, send=kill_one)
    code, said = ended(process)
    assert code != 0
    assert "SIGKILL" in said
    assert gone(children)
    train(resume=run)
    assert meta(run)["status"] == "done"
