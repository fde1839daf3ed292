"""Single bytes changed in checkpoints, finished runs and the cache: all are found, none gives another result."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import IMAGE, SHORT, TEXT
from tests.training.test_trainer import interrupt
from tl.commands.open_run import open_run
from tl.errors import Stopped, TLError
from tl.inputs.cache import Cache
from tl.inputs.layout import Wanted, parse_layout
from tl.run.checkpoint import Checkpoints

Train = Callable[..., Path]
RECIPE = [*TEXT, *SHORT, "loop.save_every=3step", "loop.ema=0.9"]
RESULTS = ("model.safetensors", "metrics.jsonl", "space.json", "predictions/val.csv", "predictions/test.csv")


def change(file: Path, draw: random.Random) -> None:
    """Another value for one byte; the file is a copy of its own, also where it was shared."""
    content = bytearray(file.read_bytes())
    place = draw.randrange(len(content))
    content[place] ^= draw.randrange(1, 256)
    file.unlink()
    file.write_bytes(content)


def results(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in RESULTS]


@pytest.fixture
def halted(train: Train, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[bytes]]:
    """A run that was stopped after step 8 with checkpoints of steps 6 and 8, and what it would have ended with."""
    whole = train(*RECIPE)
    with monkeypatch.context() as patch:
        interrupt(8, patch)
        with pytest.raises(Stopped):
            train(*RECIPE)
    (run,) = (path for path in whole.parent.iterdir() if path != whole)
    return run, results(whole)


@pytest.mark.parametrize("resumed", [1, pytest.param(25, marks=pytest.mark.slow)])
def test_200_changed_bytes_of_a_runs_checkpoints_are_found_and_none_gives_another_result(
    resumed: int, halted: tuple[Path, list[bytes]], train: Train, tmp_path: Path
) -> None:
    (run, expected), draw = halted, random.Random(resumed)
    numbers = sorted(int(place.name) for place in (run / "checkpoints").iterdir())
    names = sorted(file.name for file in (run / "checkpoints" / str(numbers[-1])).iterdir())
    for number in range(200):
        copy = tmp_path / "copies" / str(number)
        shutil.copytree(run, copy)
        name = names[number % len(names)]
        change(copy / "checkpoints" / str(numbers[-1]) / name, draw)
        said: list[str] = []
        found = Checkpoints(copy / "checkpoints").latest(said.append)
        assert found is not None
        assert found.step == 6
        assert [name in line and "going on from the checkpoint before it" in line for line in said] == [True]
        if number % (200 // resumed) == 0:
            assert results(train(resume=copy)) == expected
        shutil.rmtree(copy)


def test_changed_bytes_in_every_checkpoint_stop_the_run_with_a_sentence(
    halted: tuple[Path, list[bytes]], train: Train
) -> None:
    draw = random.Random(1)
    for place in (halted[0] / "checkpoints").iterdir():
        change(place / "last.pt", draw)
    with pytest.raises(TLError, match="no whole checkpoint is left, so the run cannot go on: start a new one"):
        train(resume=halted[0])


@pytest.mark.parametrize("changes", [12, pytest.param(40, marks=pytest.mark.slow)])
def test_a_changed_byte_in_what_a_run_answers_by_is_found(changes: int, train: Train, tmp_path: Path) -> None:
    run, draw, files = train(*RECIPE), random.Random(2), ("model.safetensors", "space.json", "preprocess.json")
    open_run(run)
    for number in range(changes):
        copy = tmp_path / "copies" / str(number)
        shutil.copytree(run, copy)
        name = files[number % len(files)]
        change(copy / name, draw)
        with pytest.raises(TLError, match=rf"{name}' is damaged \(it differs from its checksum\)"):
            open_run(copy)


@pytest.mark.parametrize("trained", [1, pytest.param(25, marks=pytest.mark.slow)])
def test_200_changed_bytes_of_the_caches_rows_layouts_and_checksums_are_found(
    trained: int, train: Train, tmp_path: Path
) -> None:
    """Entries of all kinds of rows: of texts (ragged), pooled, crops (bytes). `trained` of the changes meet a run."""
    cache, draw = tmp_path / "cache", random.Random(trained)
    recipe = [*TEXT, *SHORT, "freeze=gradual", "freeze.every=3step", "cache.use=always", f"cache.folder={cache}"]
    pictures = [*IMAGE, *SHORT, "freeze=top_k", "freeze.stages=1", "augment=image", *recipe[-2:]]
    expected = results(train(*recipe))
    kept = {entry.folder.name for entry in Cache(cache, 0).entries()}
    train(*pictures)
    files = sorted(file for file in cache.glob("*/*.*") if file.name != "what.json")
    assert {file.name for file in files} == {"layout.json", "rows.bin", "digests.bin"}
    whole, told = tmp_path / "whole", list[str]()
    shutil.copytree(cache, whole)
    for number in range(200):
        file = files[number % len(files)]
        name, layout = file.parent.name, parse_layout((file.parent / "layout.json").read_bytes())
        assert Cache(cache, 0).find(name, Wanted.exactly(layout)) is not None
        change(file, draw)
        if name in kept and trained:
            trained -= 1
            run = train(*recipe)
            assert results(run) == expected
            assert f"{name} is not used: " in (run / "log.txt").read_text()
        else:
            assert Cache(cache, 0, tell=told.append).find(name, Wanted.exactly(layout)) is None
            assert told.pop().startswith(f"cache: {file.parent} is not used: ")
        shutil.rmtree(file.parent)
        shutil.copytree(whole / name, file.parent)
