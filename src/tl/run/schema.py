"""What the JSON files of a run must look like. They may come from a stranger: cut short, edited, or made up."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tl.boundary.foreign import reading
from tl.errors import TLError
from tl.recipe.range import Range
from tl.recipe.shape import Choice, ListOf, MapOf, Maybe, Record, Scalar, Shape
from tl.recipe.weights import RUN_ASSETS, RUN_META, RUN_MODEL, RUN_PREPROCESS, RUN_SPACE
from tl.run.disk import hash_of

# A figure is a measurement and may be infinite or nan; a number is a setting and may not.
_WORD, _NUMBER, _FIGURE = Scalar("str"), Scalar("float"), Scalar("figure")
_COUNT, _SOME = Scalar("int", Range.parse("at least 0")), Scalar("int", Range.parse("at least 1"))
_AMOUNT, _POSITIVE = Scalar("float", Range.parse("at least 0")), Scalar("float", Range.parse("above 0"))
_METRICS = MapOf(Record(dict.fromkeys(("value", "low", "high"), Maybe(_FIGURE)), ""))
META: Mapping[str, Shape] = {
    "status": Choice(("running", "done", "stopped", "failed")),
    "created": _WORD,
    "command": _WORD,
    "device": _WORD,
    "platform": _WORD,
    "git": _WORD,
    "verdict": _WORD,
    "processes": _SOME,
    "seed": Scalar("int"),
    "device_batch": _SOME,
    "precision": Choice(("no", "bf16", "fp16")),
    "seconds": _AMOUNT,
    "temperature": _POSITIVE,
    "versions": MapOf(_WORD),
    "recipe": MapOf(_WORD),
    "files": MapOf(_WORD),
    "peak_memory_mb": MapOf(_AMOUNT),
    "data": Record({"fingerprint": _WORD, "splits": MapOf(_COUNT)}, ""),
    "data_files": Record({"contents": _WORD, "stamps": _WORD}, ""),
    "preprocess": Record({"fingerprint": _WORD, "lines": ListOf(_WORD)}, ""),
    "learnt": ListOf(_WORD),
    "warnings": ListOf(_WORD),
    "zero_shot": MapOf(_METRICS),
    "best": Record({"metric": _WORD, "value": Maybe(_FIGURE), "step": _COUNT}, ""),
}
SPACE = Record(
    {
        "kind": Choice(("single", "multi", "number", "embedding")),
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
        "metrics": _METRICS,
    },
    "",
)


class FileValues(dict[str, Any]):
    """The values of a JSON file by key; a key that the file lacks raises TLError, not KeyError."""

    def __init__(self, file: Path, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.file = file

    def __missing__(self, key: str) -> Any:
        raise damaged_error(self.file, f"it lacks '{key}'")


def damaged_error(file: Path, why: str = "", of: str = "run") -> TLError:
    """The error for a file of a run, or of another folder (`of`), that is not what was written there."""
    return TLError(f"'{file}' is damaged{f' ({why})' if why else ''}: copy the {of} again as a whole.")


def read_json(file: Path, of: str = "run") -> Any:
    """The content of a JSON file; TLError where it is missing or damaged."""
    with reading(f"'{file}'", "cannot be read", f"copy the {of} again as a whole"):
        try:
            if not stat.S_ISREG(file.stat().st_mode):  # a pipe would be waited for
                raise damaged_error(file, "it is no file", of)
            return json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise TLError(f"'{file}' is missing: copy the {of} again as a whole.") from error
        except (ValueError, RecursionError) as error:
            raise damaged_error(file, of=of) from error


def check_shape(file: Path, shape: Shape, content: Any, of: str = "run") -> None:
    """TLError where a file's content does not have the shape; further keys may be there."""
    wrong: list[str] = []

    def report(key: str, text: str) -> None:
        if not text.startswith("is no key"):
            wrong.append(f"{key} {text}".strip().rstrip("."))

    shape.check(content, "", report)
    if wrong:
        raise damaged_error(file, wrong[0], of)


def read_facts(file: Path, shapes: Mapping[str, Shape], of: str = "run") -> FileValues:
    """The mapping in a JSON file; TLError where the value of a key does not have the shape for that key."""
    content = read_json(file, of)
    if not isinstance(content, dict):
        raise damaged_error(file, of=of)
    check_shape(file, Record({key: shape for key, shape in shapes.items() if key in content}, ""), content, of)
    return FileValues(file, content)


def model_files(run: Path) -> list[str]:
    """The files of a run that its predictions depend on."""
    assets = sorted(file.name for file in (run / RUN_ASSETS).glob("*"))
    return [RUN_MODEL, RUN_SPACE, RUN_PREPROCESS, *(f"{RUN_ASSETS}/{name}" for name in assets)]


def check_hashes(run: Path, names: Sequence[str]) -> None:
    """TLError where one of these files is missing or differs from the checksum in the run's meta.json."""
    known = read_facts(run / RUN_META, META)["files"]
    for name in names:
        if not (run / name).is_file():
            raise TLError(f"'{run / name}' is missing: copy the run again as a whole.")
        if known.get(name) != hash_of(run / name):
            raise damaged_error(run / name, "it differs from its checksum")


def check_links(folder: Path) -> None:
    """TLError where a link in the folder leads out of it: files that are written there would land elsewhere."""
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
