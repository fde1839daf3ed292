"""The newest run in a folder of runs: `runs/flowers` stands for it wherever a run is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tl.recipe.weights import RUN_META, RUN_RECIPE


def newest_run(folder: Path) -> Path:
    """The newest run directly in a folder; the folder itself where it is a run or holds none."""
    if _is_run(folder) or not folder.is_dir():
        return folder
    return max((path for path in folder.iterdir() if _is_run(path)), key=_age, default=folder)


def newest_in_words(folder: Path, run: Path) -> str:
    """A line for the user: which run was taken."""
    return f"{folder}: its newest run is taken, {run}."


def _is_run(folder: Path) -> bool:
    return (folder / RUN_META).is_file() and (folder / RUN_RECIPE).is_file()


def _age(run: Path) -> tuple[str, list[int], str]:
    """When the run was created, then the numbers in its name: several runs may be of one second."""
    try:
        created = json.loads((run / RUN_META).read_text(encoding="utf-8"))["created"]
    except (ValueError, LookupError, TypeError, RecursionError):  # damaged; whoever opens the run says so
        created = ""
    return str(created), [int(digits) for digits in re.findall(r"\d{1,18}", run.name)], run.name
