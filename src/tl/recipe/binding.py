"""From checked plain values to the Python values that annotations name, and back to plain values that are stored."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tl.recipe.duration import Duration
from tl.recipe.newest import newest_in_words, newest_run
from tl.recipe.shape import Choice, Either, ListOf, MapOf, Maybe, Record, Scalar, Shape
from tl.recipe.weights import Weights


def bind(shape: Shape, value: Any) -> Any:
    """The Python value of a checked plain value, as the annotation names it; a Record stays a mapping."""
    match shape:
        case Maybe():
            return None if value is None else bind(shape.item, value)
        case Either():
            return value if value in shape.choice.values else bind(shape.item, value)
        case ListOf():
            return tuple(bind(shape.item, item) for item in value)
        case MapOf():
            return {str(key): bind(shape.item, item) for key, item in value.items()}
        case Record():
            return {key: bind(inner, value[key]) for key, inner in shape.fields.items()}
        case Choice():
            return "no" if value is False and "no" in shape.values else value
        case Scalar("float"):
            return float(value)
        case Scalar("Path"):
            return Path(value)
        case Scalar("Duration"):
            return Duration.parse(value)
        case Scalar("Weights"):
            return Weights.parse(value)
        case _:
            return value


def absolute(shape: Shape, value: Any, place: Callable[[str], str]) -> Any:
    """Plain values with every path made absolute by `place`, so that a stored recipe runs from any folder."""
    match shape:
        case Maybe() if value is not None:
            return absolute(shape.item, value, place)
        case Either() if value not in shape.choice.values:
            return absolute(shape.item, value, place)
        case ListOf():
            return [absolute(shape.item, item, place) for item in value]
        case MapOf():
            return {str(key): absolute(shape.item, item, place) for key, item in value.items()}
        case Record():
            return {key: absolute(inner, value[key], place) for key, inner in shape.fields.items()}
        case Scalar("Path"):
            return place(value)
        case Scalar("Weights") if value != "none" and not value.startswith(("package:", "hub:")):
            return place(value)
        case _:
            return value


def plain(value: Any) -> Any:
    """A bound value of `loop` or `cache` as a plain YAML value."""
    match value:
        case tuple():
            return [plain(item) for item in value]
        case Duration() | Path():
            return str(value)
        case _:
            return value


def absolute_path(text: str) -> str:
    return str(Path(os.path.expanduser(text)).absolute())


def run_path(text: str, notes: list[str]) -> str:
    """The absolute path; of a folder of runs, that of its newest run, with a note: the folder gets newer ones later."""
    path = Path(absolute_path(text))
    run = newest_run(path)
    if run != path:
        notes.append(newest_in_words(Path(text), Path(text) / run.name))
    return str(run)
