"""`tl runs`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tl.errors import TLError


def past(path: Path, status: str, value: float) -> None:
    """A run's folder, as far as `tl runs` reads it."""
    (path / "evaluation").mkdir(parents=True)
    best = {"metric": "accuracy", "value": value, "step": 3}
    (path / "meta.json").write_text(json.dumps({"status": status, "best": best, "seconds": 3725.0}))
    (path / "recipe.yaml").write_text("seed: 0\n")
    metrics = {"accuracy": {"value": value / 2, "low": 0.1, "high": 0.9}}
    (path / "evaluation" / "test.json").write_text(json.dumps({"split": "test", "samples": 9, "metrics": metrics}))


def test_runs_are_listed_newest_first(tl: Run) -> None:
    Path("runs").mkdir()
    assert tl("runs") == "No run in runs yet: tl finetune RECIPE makes one.\n"
    past(Path("runs/flowers/2026-01-01_10-00-00"), "done", 0.5)
    past(Path("runs/birds/2026-02-01_10-00-00"), "stopped", 0.25)
    Path("runs/birds/2026-02-01_10-00-00/evaluation/test.json").unlink()
    Path("runs/odd/2025-01-01").mkdir(parents=True)
    Path("runs/odd/2025-01-01/meta.json").write_text("{")
    Path("runs/odd/2025-01-01/recipe.yaml").write_text("{")
    found = json.loads(tl("runs", "--json"))
    assert [(run["recipe"], run["status"], run["best"], run["test"]) for run in found] == [
        ("birds", "stopped", 0.25, None),
        ("flowers", "done", 0.5, 0.25),
        ("odd", "unreadable", None, None),
    ]
    rows = [line.split() for line in tl("runs").splitlines()]
    assert rows[2] == ["runs/flowers/2026-01-01_10-00-00", "done", "accuracy", "0.500", "0.250", "1:02:05"]
    assert json.loads(tl("runs", "runs/flowers", "--json"))[0]["recipe"] == "flowers"


NAMED = (
    ["evaluate"],
    ["predict"],
    ["replay"],
    ["reproduce"],
    ["extract-features", "--to", "x.npz"],
    ["finetune", "--resume"],
)


@pytest.mark.parametrize("command", NAMED, ids=lambda words: words[0])
def test_the_folder_of_a_recipes_runs_stands_for_the_newest(
    command: list[str], tl: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    past(Path("runs/birds/2026-02-01_10-00-00"), "stopped", 0.5)
    past(Path("runs/birds/2026-02-02_10-00-00"), "done" if "--resume" in command else "stopped", 0.5)
    with pytest.raises(TLError, match=r"^'runs/birds/2026-02-02_10-00-00' "):
        tl(*command, "runs/birds")


def test_one_line_says_which_run_was_taken(tl: Run, capsys: pytest.CaptureFixture[str]) -> None:
    from tl.cli.flags import named_run

    past(Path("runs/birds/2026-02-01_10-00-00"), "done", 0.5)
    run = Path("runs/birds/2026-02-01_10-00-00")
    assert named_run(Path("runs/birds")) == named_run(run) == run
    assert capsys.readouterr().err == f"runs/birds: its newest run is taken, {run}.\n"


def test_the_recipe_of_the_newest_run_is_copied(tl: Run) -> None:
    past(Path("runs/birds/2026-02-01_10-00-00"), "done", 0.5)
    assert "birds.yaml is yours" in tl("copy", "runs/birds")
    assert Path("birds.yaml").read_text() == "# Run: tl finetune birds.yaml\nseed: 0\n"


def test_a_path_stays_whole_in_what_is_piped(tl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    run = Path("runs", "birds_" * 30, "2026-02-01_10-00-00")
    past(run, "done", 0.5)
    assert str(run) in tl("runs")
