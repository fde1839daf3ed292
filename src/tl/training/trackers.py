"""Experiment trackers, through Accelerate, and only those that a recipe names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from accelerate import Accelerator

from tl.errors import TLError
from tl.recipe.recipe import Recipe


def tracker_names(names: Sequence[str]) -> list[str]:
    """The names of the trackers, which the recipe's keys allow; TLError for one whose package is missing."""
    for name in names:
        if find_spec(name) is None:
            raise TLError(f"loop.trackers: '{name}' is not installed: pip install 'tl-toolkit[{name}]'.")
    return list(names)


@contextmanager
def start_trackers(accelerator: Accelerator, folder: Path, recipe: Recipe) -> Iterator[None]:
    """A context in which the recipe's trackers write below the run's folder; afterwards they are closed."""
    if recipe.loop.trackers:
        accelerator.project_configuration.logging_dir = str(folder)
        config = {"seed": recipe.seed, "batch": recipe.loop.batch, "length": str(recipe.loop.length)}
        chosen = {group: node.option for group, node in recipe.nodes().items()}
        accelerator.init_trackers(recipe.name, config={**config, **chosen})
    try:
        yield
    finally:
        for tracker in accelerator.trackers:  # `end_training` also waits for processes that may be gone
            tracker.finish()
