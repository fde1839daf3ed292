"""`tl runs`: the runs in a folder, from the files that each run left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tl.errors import TLError
from tl.run.run import META, Run
from tl.run.schema import OUTCOME, check_shape, read_json


@dataclass(frozen=True)
class RunSummary:
    """A run in one row; `best` is the validation value of the metric that picked its weights, `test` its test value."""

    path: str
    recipe: str
    when: str
    status: str
    metric: str | None
    best: float | None
    test: float | None
    seconds: float | None


def list_runs(root: Path) -> list[RunSummary]:
    """All runs below a folder, the newest first; TLError where there is no such folder."""
    if not root.is_dir():
        raise TLError(f"There is no folder '{root}': runs are in ./runs unless 'tl finetune --runs' says otherwise.")
    return sorted((_summary(path) for path in _folders(root)), key=lambda past: past.when, reverse=True)


def _folders(root: Path) -> Iterator[Path]:
    return (file.parent for depth in ("", "*/", "*/*/") for file in root.glob(f"{depth}{META}"))


def _summary(path: Path) -> RunSummary:
    recipe, when = path.absolute().parent.name, path.absolute().name
    try:
        run = Run.open(path)
        meta = run.meta
        best = meta.get("best") or {"metric": None, "value": None}
        test = _test_value(path, best["metric"])
        status = "killed" if run.killed else meta["status"]
        return RunSummary(str(path), recipe, when, status, best["metric"], best["value"], test, meta["seconds"])
    except TLError:
        return RunSummary(str(path), recipe, when, "unreadable", None, None, None, None)


def _test_value(path: Path, metric: str | None) -> float | None:
    file = path / "evaluation" / "test.json"
    if metric is None or not file.is_file():
        return None
    found = read_json(file)
    check_shape(file, OUTCOME, found)
    value: float | None = found["metrics"].get(metric, {"value": None})["value"]
    return value
