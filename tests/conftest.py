"""What several tests need: threads kept few, Accelerate's process-wide state forgotten, a run in a line."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

_freeze, _unfreeze = gc.freeze, gc.unfreeze
_looked_at = [0]
"""The numbers of modules that garbage collections pass over."""
TEXT = ["data=tiny_sentences", "data.n=160", "backbone=tiny_text", "loop.batch=16", "loop.device_batch=16"]
IMAGE = ["data=tiny_shapes", "data.n=160", "backbone=tiny_image", "loop.batch=16", "loop.device_batch=16"]
SHORT = ["loop.length=12step", "loop.log_every=1step", "loop.eval_every=4step", "loop.bootstrap=20", "loop.device=cpu"]


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither read nor fill the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _signals_as_in_a_terminal() -> None:
    """Tests in the background of a shell ignore SIGINT and SIGQUIT, under nohup SIGHUP; so would what they start."""
    for number, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(scope="session")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The network is refused to this process and to those that it starts; the file says who asked for it."""
    file = tmp_path_factory.mktemp("network") / "refused"
    file.touch()
    import_module("tests.offline.sitecustomize")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TL_REFUSED", str(file))
        patch.setenv("PYTHONPATH", str(Path(__file__).parent / "offline"), prepend=os.pathsep)
        yield file


@pytest.fixture(autouse=True)
def _no_network(refused: Path) -> Iterator[None]:
    before = refused.read_text()
    yield
    assert refused.read_text() == before


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def forget_accelerate() -> Iterator[Callable[[], None]]:
    """Accelerate keeps precision and device for the whole process; a test that changes them forgets them after."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(True)
    yield lambda: AcceleratorState._reset_state(True)
    AcceleratorState._reset_state(True)


@pytest.fixture
def train(tmp_path: Path, forget_accelerate: Callable[[], None]) -> Callable[..., Path]:
    """train(*overrides) runs a recipe from `base` to its end and gives the run's folder."""

    def run(*overrides: str, resume: Path | None = None) -> Path:
        from tl.cli.printing.progress import Quiet
        from tl.commands.finetune import Request, finetune
        from tl.recipe.recipe import load

        forget_accelerate()
        recipe = load(str(resume / "recipe.yaml")) if resume else load("base", list(overrides))
        return finetune(Request(recipe, tmp_path / "runs", resume, "test"), Quiet())

    return run


@pytest.fixture(autouse=True)
def _no_garbage_in_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no garbage collection look again at the modules that tests imported: that took a third of their time.

    Each run freezes and unfreezes all objects of its process, which would undo this.
    """
    monkeypatch.setattr(gc, "freeze", _nothing)
    monkeypatch.setattr(gc, "unfreeze", _nothing)
    yield
    if len(sys.modules) > _looked_at[-1] + 200:
        _looked_at.append(len(sys.modules))
        gc.collect()
        _freeze()


def _nothing() -> None:
    """In the place of `gc.freeze` and `gc.unfreeze`."""


def pytest_sessionfinish() -> None:
    _unfreeze()


@pytest.fixture
def rows() -> Callable[..., list[dict[str, Any]]]:
    """rows(run, split) gives the logged rows of a run."""

    def read(path: Path, split: str = "train") -> list[dict[str, Any]]:
        from tl.run.run import Run

        return [row for row in Run.open(path).rows() if row["split"] == split]

    return read
