"""runs/NAME is its newest run, wherever a run is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.recipe.conftest import Write
from tl.recipe.newest import newest_run
from tl.recipe.recipe import load


def run(folder: Path, name: str, created: str = "", recipe: str = "defaults: [tiny_texts]\n") -> Path:
    """As much of a run as it takes to find it."""
    path = folder / name
    path.mkdir(parents=True)
    (path / "meta.json").write_text(json.dumps({"created": created} if created else {}))
    (path / "recipe.yaml").write_text(recipe)
    return path


def test_the_newest_is_the_one_created_last_whatever_its_name(tmp_path: Path) -> None:
    run(tmp_path, "zz_the_best_one", "2026-01-01T10:00:00+00:00")
    last = run(tmp_path, "2026-02-01_10-00-00", "2026-02-01T10:00:00+00:00")
    run(tmp_path, "2026-01-31_23-59-59", "2026-01-31T23:59:59+00:00")
    (tmp_path / "2027").mkdir()
    (tmp_path / "2028.txt").touch()
    assert newest_run(tmp_path) == last
    assert newest_run(last) == last


def test_of_several_in_one_second_the_last_made_is_taken(tmp_path: Path) -> None:
    for name in ("2026-02-01_10-00-00", "2026-02-01_10-00-00_9", "2026-02-01_10-00-00_10"):
        run(tmp_path, name, "2026-02-01T10:00:00+00:00")
    assert newest_run(tmp_path).name == "2026-02-01_10-00-00_10"


def test_a_run_with_damaged_facts_is_older_than_any_other(tmp_path: Path) -> None:
    run(tmp_path, "2027-01-01_00-00-00")
    (run(tmp_path, "2028-01-01_00-00-00") / "meta.json").write_text("{")
    whole = run(tmp_path, "2026-01-01_00-00-00", "2026-01-01T00:00:00+00:00")
    assert newest_run(tmp_path) == whole
    (whole / "recipe.yaml").unlink()
    assert newest_run(tmp_path).name == "2028-01-01_00-00-00"


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_runs_stays_what_it_is(there: bool, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    if there:
        (folder / "cats").mkdir(parents=True)
    assert newest_run(folder) == folder


def test_a_recipe_that_names_such_a_folder_keeps_the_run_and_says_which(write: Write, tmp_path: Path) -> None:
    """A newer run of that name must not change what a resumed or repeated run starts from."""
    newest = run(tmp_path / "runs" / "first", "2026-02-01_10-00-00", "2026-02-01T10:00:00+00:00")
    write("defaults: [tiny_texts, {method: distill}]\nmethod: {teacher: runs/first}\n")
    recipe = load(str(tmp_path / "mine.yaml"), ["backbone.weights=runs/first"])
    assert recipe.method.values["teacher"] == recipe.backbone.values["weights"] == str(newest)
    line = "runs/first: its newest run is taken, runs/first/2026-02-01_10-00-00."
    assert recipe.notes == (line, line)


def test_the_recipe_of_the_newest_run(write: Write, tmp_path: Path) -> None:
    write("defaults: [tiny_texts]\nseed: 5\n")  # the working directory
    run(tmp_path / "runs" / "first", "a", "2026-02-01T10:00:00+00:00", "defaults: [tiny_texts]\nseed: 7\n")
    run(tmp_path / "tiny_images", "b", "2026-02-01T10:00:00+00:00")
    found = load("runs/first")
    assert (found.seed, found.notes) == (7, ("runs/first: its newest run is taken, runs/first/a.",))
    assert load("tiny_images").backbone.option == "tiny_image", "a shipped recipe's name comes first"
