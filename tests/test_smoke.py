"""Every shipped recipe, really run to its end on small data.

A recipe that needs files, or is slow, says in a line `# smoke: key=value ...` how it is made small; `{tmp}` stands for
the folder of tests/user_data.py and `{teacher}` for a run of `probe_images`.
"""

from __future__ import annotations

import json
import math
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.user_data import write_all
from tl.errors import Mistakes, TLError
from tl.recipe.recipe import Recipe, load
from tl.recipe.registry import shipped_recipes

STORIES = [name for name in shipped_recipes() if name != "base"]
SMALL = ["data.limit=24", "loop.batch=8", "loop.device_batch=8", "loop.device=cpu", "loop.bootstrap=10"]
SMALL += ["loop.length=4step", "loop.eval_every=2step", "loop.save_every=1000step", "loop.log_every=1step"]
MARK = "# smoke: "
ABSENT = ("is not installed", "pip install 'tl-toolkit[")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    write_all(folder)
    return folder


@pytest.fixture(scope="module")
def teacher(made: Path) -> Path:
    return trained("probe_images", overrides("probe_images", made), made / "runs")


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    """Where runs go; they are big, so none is kept."""
    yield tmp_path / "runs"
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)


def overrides(name: str, made: Path, teacher: Path | None = None) -> list[str]:
    text = shipped_recipes()[name].read_text(encoding="utf-8")
    lines = [line.removeprefix(MARK) for line in text.splitlines() if line.startswith(MARK)]
    return [*SMALL, *shlex.split(" ".join(lines).format(tmp=made, teacher=teacher))]


def loaded(name: str, changes: list[str]) -> Recipe:
    """The recipe; the test is skipped where all that is wrong with it is a package that an extra brings."""
    try:
        return load(name, changes)
    except Mistakes as error:
        if all(any(words in text for words in ABSENT) for text in error.mistakes):
            pytest.skip(str(error))
        raise


def trained(name: str, changes: list[str], root: Path) -> Path:
    from tl.cli.printing.progress import Quiet
    from tl.commands.finetune import Request, finetune

    try:
        return finetune(Request(loaded(name, changes), root, None, "smoke"), Quiet())
    except TLError as error:
        if any(words in str(error) for words in ABSENT):
            pytest.skip(str(error))
        raise


def predicted(run: Path, picture: Path) -> dict[str, Any]:
    """What the run answers for one picture, text or pair of texts."""
    from tl.commands.given import Input, read_given
    from tl.commands.open_run import open_run
    from tl.commands.predict import predict

    opened = open_run(run)
    text = "is it warm\tis it hot" if opened.recipe.data.values.get("pair") else "the soup was good"
    given = str(picture) if opened.model.backbone.preprocess.modality == "image" else text
    (answers,) = predict(opened, read_given(opened, [Input(given, typed=True)], print), 1)
    (answer,) = answers.mappings()
    return answer


@pytest.mark.parametrize("name", STORIES)
def test_a_shipped_recipe_runs_to_its_end(
    name: str, made: Path, runs: Path, request: pytest.FixtureRequest, forget_accelerate: Callable[[], None]
) -> None:
    from tl.commands.check import check
    from tl.run.run import Run

    needs_teacher = "{teacher}" in shipped_recipes()[name].read_text(encoding="utf-8")
    changes = overrides(name, made, request.getfixturevalue("teacher") if needs_teacher else None)
    forget_accelerate()
    path = trained(name, changes, runs)
    assert check(name, changes, runs).findings.errors == ()
    run = Run.open(path)
    assert run.meta["status"] == "done"
    assert (path / "model.safetensors").stat().st_size > 1000
    assert "</html>" in (path / "report.html").read_text(encoding="utf-8")
    for split in ("val", "test"):
        metrics = json.loads((path / "evaluation" / f"{split}.json").read_text(encoding="utf-8"))
        assert metrics
        assert (path / "predictions" / f"{split}.csv").stat().st_size > 0
    learning = [row["loss"] for row in run.rows() if row["split"] == "train"]
    assert all(map(math.isfinite, learning))
    assert learning or load(name, changes).head.option == "nearest_mean"
    answer = predicted(path, next((made / "pictures").rglob("*.png")))
    assert answer["predicted"] not in ([], "", None) or run.read_json("space.json")["target"] in (
        "multi",
        "spans",
        "boxes",
    )
    assert all(math.isfinite(score) for score in answer.get("scores", {}).values())


def test_a_line_makes_small_what_needs_files_of_the_user() -> None:
    for name in STORIES:
        text = shipped_recipes()[name].read_text(encoding="utf-8")
        assert ("???" in text) <= (MARK in text), f"{name} names no data: add a line '{MARK}...'"
        assert text.count(MARK) <= 1
