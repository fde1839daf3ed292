"""What tl answers to each malformed input: python -m tests.faults.answering prints it as the table of README.md."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from tests.faults.corpus import CASES, IMAGE, NUMBERS, TEXT, folder, made, numbers, rows

SECONDS = 120
VERBS = ("check", "finetune", "evaluate", "predict")
SMALL = ("There is no ", "train and ", "val has", "test has")


@dataclass(frozen=True)
class Answer:
    """How a command ended, what it printed, and its last words."""

    code: int
    printed: str
    words: str

    @property
    def first(self) -> str:
        """The first line of a refusal."""
        return self.words.splitlines()[0] if self.code and self.words else ""


@dataclass(frozen=True)
class Answers:
    """What every verb said to a case; the classes and the log of the run, where there is one."""

    by: dict[str, Answer]
    names: list[str]
    noted: list[str]

    def row(self, name: str) -> str:
        """The case's row in the table."""
        from tl.cli.printing.terminal import visible

        codes = " | ".join(str(self.by[verb].code) for verb in VERBS)
        said = self.by["finetune"].first or self._said() or "taken"
        shown = visible(said).encode("utf-8", "backslashreplace").decode()
        return f"| {name} | {codes} | {shown.replace('|', chr(92) + '|')} |"

    def _said(self) -> str:
        """What check notes and warns of, beside what holds of any small set."""
        lines = [line.split(maxsplit=1) for line in self.by["check"].printed.splitlines()]
        told = [words[1] for words in lines if len(words) == 2 and words[0] in ("note", "warning")]
        cut = [line for line in self.noted if line.startswith("train: ")]
        return " ".join(line for line in (*told, *cut) if not line.startswith(SMALL))


@contextmanager
def alarm() -> Iterator[None]:
    """TimeoutError for what hangs."""

    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tl(*words: str, given: bytes = b"") -> Answer:
    """A command in this process, `given` to its standard input; what is no answer of the command line is raised."""
    from accelerate.state import AcceleratorState

    from tl.cli.app import run_command

    AcceleratorState._reset_state(True)
    before, said = (sys.argv, sys.stdin), io.StringIO()
    sys.argv, sys.stdin = ["tl", *words], io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
    try:
        with alarm(), redirect_stdout(said), redirect_stderr(said):
            code, text = run_command()
    finally:
        sys.argv, sys.stdin = before
    return Answer(code, said.getvalue(), text)


@cache
def sound(kind: str) -> Path:
    """A run of sound data, which then answers for the odd one."""
    place = Path(mkdtemp())
    (place / "x.csv").write_bytes(numbers("3") if kind == "number" else made(rows()).encode())
    table = [*TEXT, f"data.file={place / 'x.csv'}", *(NUMBERS if kind == "number" else ())]
    overrides = folder(place / "pictures") if kind == "image" else table
    done = tl("finetune", "base", *overrides, "--runs", str(place / "runs"))
    assert done.code == 0, done.words
    (run,) = (place / "runs" / "base").iterdir()
    return run


def answers(name: str) -> Answers:
    """What every verb says to a case."""
    from tl.run.run import LOG

    with TemporaryDirectory() as place:
        root = Path(place, "data")
        root.mkdir()
        overrides = CASES[name](root)
        run = sound("image" if IMAGE[0] in overrides else "number" if NUMBERS[0] in overrides else "text")
        data = data_of(overrides)
        asked, given = (["-"], data.read_bytes()) if data.is_file() else ([str(data)], b"")
        found = {
            "check": tl("check", "base", *overrides),
            "finetune": tl("finetune", "base", *overrides, "--runs", f"{place}/runs"),
            "evaluate": tl("evaluate", str(run), "--data", str(data)),
            "predict": tl("predict", str(run), *asked, given=given),
        }
        spaces = list(Path(place, "runs").glob("*/*/space.json"))
        names = json.loads(spaces[0].read_text())["names"] if spaces else []
        logs = [path.parent / LOG for path in spaces]
        noted = [line.partition(" ")[2] for line in logs[0].read_text().splitlines()] if logs else []
        hide = (place, os.path.realpath(place))
        return Answers({verb: without(answer, hide) for verb, answer in found.items()}, names, noted)


def data_of(overrides: Sequence[str]) -> Path:
    """The folder or file of a case; of several files the one of val."""
    (value,) = [one for one in overrides if one.startswith(("data.root=", "data.file=", "data.files="))]
    path = value.partition("=")[2]
    return Path(path.partition("val: ")[2].rstrip("}") or path)


def without(answer: Answer, places: tuple[str, ...]) -> Answer:
    """The answer without the folders that it was made in."""
    printed, words = answer.printed, answer.words
    for place in places:
        printed, words = printed.replace(place, ""), words.replace(place, "")
    return Answer(answer.code, printed, words)


def main() -> None:
    for name in sys.argv[1:] or CASES:
        sys.stdout.buffer.write(f"{answers(name).row(name)}\n".encode())
        sys.stdout.flush()


if __name__ == "__main__":
    main()
