"""README.md, recipes/README.md and the how-to pages, executed: no page shows a recipe or a command that does not work.

Every fenced block of a page is read. A ```yaml block begins with `# name.yaml` and is written to that file. In a ```sh
block every line is a `tl` command, run in order: `exit 3` in its comment names another exit code than 0. Each line of a
```text block is in the output of the commands before it. Commands that read a recipe get overrides that make them
small; those that end with 142 also get a short `loop.max_time`.
"""

from __future__ import annotations

import csv
import glob
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import test_smoke
from tests.cli.conftest import pictures
from tests.user_data import alike, bert, boxes, masks, names
from tl.cli.app import COMMAND_FILES, run_command
from tl.commands.explain import explain
from tl.recipe.registry import GROUPS, options

ROOT = Path(__file__).parents[1]
HOWTO = sorted((ROOT / "recipes" / "howto").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "recipes" / "README.md", *HOWTO]
NOT_RUN = {("README.md", "make quickstart"), ("several_gpus.md", "torchrun")}
"""The blocks that no test can run, marked `<!-- not run in tests: ... -->`: the page, and how the block begins."""

FENCE = re.compile(r"(<!-- not run in tests: [^\n]+ -->\n)?^```([^\n]*)\n(.*?)^```$", re.M | re.S)
EXIT = re.compile(r"\s#.*?\bexit (\d+)\b")
KEY = re.compile(rf"`((?:{'|'.join((*GROUPS, 'loop', 'cache'))})\.[a-z_.]+)(?:[=:` ])")
CHOICE = re.compile(rf"`({'|'.join(GROUPS)})(?:=|: )([a-z0-9_]+)`")
COMMAND = re.compile(r"`tl ([a-z][a-z-]*)((?: [^`]*)?)`")

SMALL = [one for one in test_smoke.SMALL if not one.startswith("data.")]
SMALL_BACKBONES: dict[str, list[str]] = {
    "tiny_text": [],
    "efficientnet_lite0": ["backbone.weights=none", "backbone.size=32"],
    "resnet": ["backbone.name=resnet18", "backbone.weights=none", "backbone.size=32"],
    "text_encoder": ["backbone.weights={bert}", "backbone.max_length=16"],
}
COUNTS = {"daisy": 16, "rose": 16, "tulip": 16}
UNEVEN = {"daisy": 60, "orchid": 5, "rose": 30}
DIRTY = {
    7: ("the fine soup", "Praise"),
    9: ("the fine bread", "Praise"),
    11: ("the fine beer", "Praise"),
    20: ("the cold soup", "complaint"),
    30: ("", "complaint"),
    41: ("the nice soup", ""),
    61: ("The cold  soup", "praise"),
}


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    runs: bool


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = [Block(match[2], match[3], match[1] is None) for match in FENCE.finditer(text)]
    assert 2 * len(found) == len(re.findall("^```", text, re.M)), f"{page.name}: a block does not end"
    return found


def write_files(folder: Path, page: str) -> None:
    """What the pages' recipes name: photographs by class, new pictures, a table of reviews."""
    pictures(folder / "photographs", **(UNEVEN if page == "uneven_classes" else COUNTS))
    (folder / "new").mkdir()
    for number, picture in enumerate(sorted((folder / "photographs").rglob("*.png"))[::20]):
        shutil.copyfile(picture, folder / "new" / f"{number}.jpg")
    rows = [
        (f"the {'good' if i % 2 else 'bad'} soup number {i}", "praise" if i % 2 else "complaint") for i in range(100)
    ]
    if page == "dirty_labels":
        rows = [DIRTY.get(i, row) for i, row in enumerate(rows)]
    names(folder)
    alike(folder)
    if page == "pixels_of_pictures":
        masks(folder / "cells")
    if page == "boxes_in_pictures":
        boxes(folder / "cells")
    with (folder / "reviews.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


def small(words: list[str], code: int, encoder: Path) -> list[str]:
    """The overrides that make a command small: none where it reads no recipe, or names the same key itself."""
    command, *rest = words
    if command not in ("finetune", "check", "show", "verify-resume", "extract-features") or rest[0] == "--resume":
        return []
    file = Path(rest[0])
    named = re.search(r"backbone: (\w+)", file.read_text(encoding="utf-8")) if file.suffix == ".yaml" else None
    backbone = SMALL_BACKBONES[named[1]] if named else []
    # A run that its time stops must not come to its end before.
    stopped = ["loop.length=1000step", "loop.max_time=0.01min"] if code == 142 else []
    steps = ["--steps=2"] if command == "verify-resume" else []
    found = [*SMALL, *stopped, *steps, *(one.format(bert=encoder) for one in backbone)]
    return [one for one in found if not any(word.startswith(f"{one.partition('=')[0]}=") for word in rest)]


def words_of(line: str, code: int, encoder: Path) -> list[str]:
    """The words of a command after `tl`, as a shell would give them, and those that make it small."""
    words: list[str] = []
    for word in shlex.split(line, comments=True)[1:]:
        words += sorted(glob.glob(word)) or [word] if "*" in word else [word]
    return words + small(words, code, encoder)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder") / "bert"
    bert(folder)
    return folder


@pytest.fixture
def output_of(
    encoder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    forget_accelerate: Callable[[], None],
) -> Callable[[str], str]:
    """What a line of a ```sh block prints; the line must end with the exit code that it names."""

    def run(line: str) -> str:
        assert line.startswith("tl "), f"'{line}' is no command of tl: mark its block as not run in tests"
        match = EXIT.search(line)
        expected = int(match[1]) if match else 0
        forget_accelerate()
        monkeypatch.setattr(sys, "argv", ["tl", *words_of(line, expected, encoder)])
        code, message = run_command()
        if any(words in message for words in test_smoke.ABSENT):
            pytest.skip(message)
        assert code == expected, f"'{line}' ends with {code}: {message}"
        return f"{capfd.readouterr().out}\n{message}\n"

    return run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_does_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output_of: Callable[[str], str]
) -> None:
    write_files(tmp_path, page.stem)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    output = ""
    for block in blocks(page):
        match block.language:
            case "yaml":
                name = block.text.splitlines()[0].removeprefix("# ")
                assert re.fullmatch(r"\w+\.yaml", name), f"{page.name}: a yaml block begins with '# name.yaml'"
                (tmp_path / name).write_text(block.text, encoding="utf-8")
            case "sh":
                output = flat("".join(map(output_of, block.text.splitlines()))) if block.runs else ""
            case "text":
                for line in block.text.splitlines():
                    assert flat(line) in output, f"{page.name}: no command before it prints '{line}'"
            case other:
                pytest.fail(f"{page.name}: a block of '{other}' is neither yaml, sh nor text")


def test_only_the_listed_blocks_are_not_run() -> None:
    marked = {(page.name, block.text) for page in PAGES for block in blocks(page) if not block.runs}
    assert len(marked) == len(NOT_RUN) <= 3
    assert all(any(name == page and text.startswith(start) for page, text in marked) for name, start in NOT_RUN)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_keys_options_and_commands_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for key in KEY.findall(text):
        explain(key.rstrip("."))
    for group, option in CHOICE.findall(text):
        assert option in options(group), f"{page.name}: `{group}={option}` is no option"
    commands = {name.rstrip("_").replace("_", "-") for name in COMMAND_FILES}
    for command, rest in COMMAND.findall(text):
        assert command in commands, f"{page.name}: `tl {command}{rest}` is no command"


def test_links_lead_to_files_and_those_of_the_wheel_stay_in_it() -> None:
    for page in [*PAGES, *(ROOT / "src").rglob("README.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            target = (page.parent / link).resolve()
            assert target.exists(), f"{page.name} links to {link}, which is not there"
            inside = ROOT / "recipes" not in page.parents or target.is_relative_to(ROOT / "recipes")
            assert inside, f"{page.name} is in the wheel, {link} is not: name it without a link"


def test_pages_are_short_and_the_readme_names_each() -> None:
    lines = {page: len(page.read_text(encoding="utf-8").splitlines()) for page in PAGES}
    assert lines[ROOT / "README.md"] < 150
    # The page of figures is long, because scripts write its tables.
    assert [page.name for page in HOWTO if lines[page] > 80 and page.stem != "figures"] == []
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in HOWTO if f"(recipes/howto/{page.name})" not in text] == []


def test_a_page_is_no_recipe_and_no_option(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["tl", "list", "--json"])
    assert run_command() == (0, "")
    listed = json.loads(capfd.readouterr().out)
    names = {*listed["recipes"], *listed["options"], *(name for group in listed["options"].values() for name in group)}
    assert names.isdisjoint({"howto", *(page.stem for page in PAGES)})
