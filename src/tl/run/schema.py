"""What the JSON files of a run must look like: they may come from another machine, cut short, edited, or made up."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tl.errors import TLError
from tl.recipe.shape import Choice, ListOf, MapOf, Maybe, Record, Scalar, Shape
from tl.recipe.weights import RUN_ASSETS, RUN_META, RUN_MODEL, RUN_PREPROCESS, RUN_SPACE
from tl.run.disk import hash_of

# A measurement may be infinite or undefined, a setting may not.
_WORD, _NUMBER, _COUNT, _FIGURE = Scalar("str"), Scalar("float"), Scalar("int"), Scalar("figure")
META: Mapping[str, Shape] = {
    "status": Choice(("running", "done", "stopped", "failed")),
    "created": _WORD,
    "command": _WORD,
    "device": _WORD,
    "platform": _WORD,
    "git": _WORD,
    "verdict": _WORD,
    "processes": _COUNT,
    "seed": _COUNT,
    "device_batch": _COUNT,
    "precision": Choice(("no", "bf16", "fp16")),
    "seconds": _NUMBER,
    "temperature": _NUMBER,
    "versions": MapOf(_WORD),
    "files": MapOf(_WORD),
    "peak_memory_mb": MapOf(_NUMBER),
    "data": Record({"fingerprint": _WORD, "splits": MapOf(_COUNT)}, ""),
    "preprocess": Record({"fingerprint": _WORD, "lines": ListOf(_WORD)}, ""),
    "best": Record({"metric": _WORD, "value": Maybe(_FIGURE), "step": _COUNT}, ""),
}
SPACE = Record(
    {
        "kind": Choice(("single", "multi", "number")),
        "names": ListOf(_WORD),
        "mean": ListOf(_NUMBER),
        "std": ListOf(_NUMBER),
        "class_weights": ListOf(_NUMBER),
        "temperature": _NUMBER,
    },
    "",
)
STEP = {"step": _COUNT}
OUTCOME = Record(
    {
        "split": _WORD,
        "samples": _COUNT,
        "metrics": MapOf(Record({"value": _FIGURE, "low": _FIGURE, "high": _FIGURE}, "")),
    },
    "",
)


class FileValues(dict[str, Any]):
    """A file's values by key; TLError, not KeyError, for one that it lacks."""

    def __init__(self, file: Path, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.file = file

    def __missing__(self, key: str) -> Any:
        raise damaged(self.file, f"it lacks '{key}'")


def damaged(file: Path, why: str = "", of: str = "run") -> TLError:
    """What is said of a file of a run, or of another folder, that is not what was written there."""
    return TLError(f"'{file}' is damaged{f' ({why})' if why else ''}: copy the {of} again as a whole.")


def read_json(file: Path, of: str = "run") -> Any:
    """The content of a JSON file; TLError where it is missing or damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TLError(f"'{file}' is missing: copy the {of} again as a whole.") from error
    except (ValueError, RecursionError, IsADirectoryError) as error:
        raise damaged(file, of=of) from error


def demand(file: Path, shape: Shape, content: Any, of: str = "run") -> None:
    """TLError where a file's content lacks the shape; keys that the shape does not have may be there."""
    wrong: list[str] = []

    def report(key: str, text: str) -> None:
        if not text.startswith("is no key"):
            wrong.append(f"{key} {text}".strip().rstrip("."))

    shape.check(content, "", report)
    if wrong:
        raise damaged(file, wrong[0], of)


def read_facts(file: Path, shapes: Mapping[str, Shape], of: str = "run") -> FileValues:
    """A mapping of which each key that is there has its shape."""
    content = read_json(file, of)
    if not isinstance(content, dict):
        raise damaged(file, of=of)
    demand(file, Record({key: shape for key, shape in shapes.items() if key in content}, ""), content, of)
    return FileValues(file, content)


def answer_files(run: Path) -> list[str]:
    """The files of a run that its answers follow from."""
    assets = sorted(file.name for file in (run / RUN_ASSETS).glob("*"))
    return [RUN_MODEL, RUN_SPACE, RUN_PREPROCESS, *(f"{RUN_ASSETS}/{name}" for name in assets)]


def demand_whole(run: Path, names: Sequence[str]) -> None:
    """TLError where a file is not what the run wrote."""
    known = read_facts(run / RUN_META, META)["files"]
    for name in names:
        if not (run / name).is_file():
            raise TLError(f"'{run / name}' is missing: copy the run again as a whole.")
        if known.get(name) != hash_of(run / name):
            raise damaged(run / name, "it differs from its checksum")


def demand_own(folder: Path) -> None:
    """TLError where something in a folder would lead what is written there to elsewhere."""
    home = os.path.realpath(folder)
    for entry in _entries(folder):
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if os.path.commonpath((home, target)) != home:
                raise TLError(f"'{entry.path}' is a link that leads out of the run, to {target}: remove it.")
        elif not stat.S_ISREG(mode := entry.stat(follow_symlinks=False).st_mode) and not stat.S_ISDIR(mode):
            raise TLError(f"'{entry.path}' is neither a file nor a folder: remove it.")


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        for entry in found:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path))
