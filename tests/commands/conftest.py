"""One tiny run for each kind of answer, trained once, and the command line as a user has it."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

KINDS = ("image", "text", "number", "multi", "pair")
SIZES = ["loop.length=6step", "loop.batch=16", "loop.device_batch=16", "loop.bootstrap=20", "loop.device=cpu"]
TEXT = ["data=table", "data.text=text", "backbone=tiny_text", "freeze=full", "optimizer.lr=0.003", *SIZES]
WORDS = ["good", "bad", "quick", "slow", "warm", "cold", "sweet", "sour", "big", "small", "new", "old"]


@dataclass(frozen=True)
class Said:
    """What a command did: exit code, standard output, and its mistake."""

    code: int
    out: str
    mistake: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Said]
Runs = Callable[[str], Path]


@pytest.fixture
def tl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """tl(*arguments) is the command in this process."""
    from tl.cli.app import run_command

    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: object) -> Said:
        monkeypatch.setattr("sys.argv", ["tl", *map(str, arguments)])
        capsys.readouterr()
        code, mistake = run_command()
        return Said(code, capsys.readouterr().out, mistake)

    return command


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """runs(kind) is the folder of a finished run of that kind."""
    folder = tmp_path_factory.mktemp("answers")
    recipes = {
        "image": lambda: ["data=image_folder", f"data.root={shapes(folder)}", "backbone=tiny_image", *SIZES],
        "text": lambda: [*TEXT, f"data.file={texts(folder)}", "data.label=class"],
        "number": lambda: [*TEXT, f"data.file={numbers(folder)}", "data.numbers=[length,vowels]"],
        "multi": lambda: [*TEXT, f"data.file={tags(folder)}", f"data.label_columns=[{','.join(WORDS[:4])}]"],
        "pair": lambda: [*TEXT, f"data.file={pairs(folder)}", "data.pair=other", "data.label=same"],
    }

    @cache
    def run(kind: str) -> Path:
        return trained(folder / "runs", [*recipes[kind](), f"name={kind}"])

    return run


def trained(root: Path, overrides: Sequence[str]) -> Path:
    """A finished run of a recipe from `base`."""
    import torch
    from accelerate.state import AcceleratorState

    from tl.cli.printing.progress import Quiet
    from tl.commands.finetune import Request, finetune
    from tl.recipe.recipe import load

    torch.set_num_threads(1)
    AcceleratorState._reset_state(True)
    try:
        return finetune(Request(load("base", list(overrides)), root, None, "test"), Quiet())
    finally:
        AcceleratorState._reset_state(True)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def shapes(folder: Path) -> Path:
    """The built-in shapes as picture files in a folder for each class."""
    from tl.components.picture import open_image
    from tl.recipe.build import build
    from tl.recipe.recipe import load

    for number, sample in enumerate(build(load("base", ["data=tiny_shapes", "data.n=80"]).data).read()):
        place = folder / "shapes" / str(sample.target)
        place.mkdir(parents=True, exist_ok=True)
        open_image(sample.input).save(place / f"{number}.png")
    return folder / "shapes"


def sentences(n: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [f"{' '.join(rng.sample(WORDS, rng.randint(2, 9)))} {number}" for number in range(n)]


def texts(folder: Path) -> Path:
    rows = [(f"row {i}", s, ("short", "middle", "long")[len(s) // 15 % 3]) for i, s in enumerate(sentences(90, 1))]
    return write_table(folder / "texts.csv", ("name", "text", "class"), rows)


def numbers(folder: Path) -> Path:
    rows = [(s, len(s) / 10, sum(map(s.count, "aeiou"))) for s in sentences(80, 2)]
    return write_table(folder / "numbers.csv", ("text", "length", "vowels"), rows)


def tags(folder: Path) -> Path:
    rows = [(s, *(int(word in s.split()) for word in WORDS[:4])) for s in sentences(80, 3)]
    return write_table(folder / "tags.csv", ("text", *WORDS[:4]), rows)


def pairs(folder: Path) -> Path:
    one, other = sentences(80, 4), sentences(80, 5)
    rows = [(a, b, "yes" if a < b else "no") for a, b in zip(one, other, strict=True)]
    return write_table(folder / "pairs.csv", ("text", "other", "same"), rows)
