"""The README and every how-to page, executed: recipes are written, commands end with the exit codes that they name.

A ```yaml block whose first line is `# name.yaml` is that file. In a ```sh block each line is a command of `tl`. A
comment such as `# exit 3` names another exit code than 0, and STAMP stands for the newest run. The lines of a ```text
block must be among what the ```sh block before it printed, where `...` stands for anything. Commands that train are
made small.
"""

from __future__ import annotations

import csv
import glob
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.user_data import bert, shapes, tables
from tl.cli.app import run_command
from tl.components.data.tiny_shapes import draw
from tl.recipe.recipe import read_recipe

ROOT = Path(__file__).parents[1]
HOWTO = sorted((ROOT / "recipes" / "howto").glob("*.md"))
PAGES = [ROOT / "README.md", *HOWTO]
# Blocks that are not run here, by their first words: they set up an environment, or start several processes.
NOT_RUN = ("make quickstart", "tl finetune flowers.yaml --processes 2")
WITHOUT_COMMANDS = {"figures.md", "several_gpus.md"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TRAINS = re.compile(r"tl (finetune|verify-resume|extract-features|check|show) (?!--resume)")
SMALL = ["loop.length=2step", "loop.eval_every=2step", "loop.batch=8", "loop.device_batch=8", "loop.device=cpu"]
SMALL += ["loop.bootstrap=10"]
# What makes an option small or free of packages that an extra brings.
SMALLER = {
    "image_folder": ["data.split.val=0.25", "data.split.test=0.25"],
    "efficientnet_lite0": ["backbone.weights=none", "backbone.size=32"],
    "text_encoder": ["backbone.weights=bert", "backbone.max_length=16"],
}


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages name: pictures in class folders, a table of texts, new pictures; and a small encoder."""
    folder = tmp_path_factory.mktemp("user")
    shapes(folder / "pictures")
    tables(folder)
    bert(folder / "bert")
    (folder / "texts.csv").rename(folder / "reviews.csv")
    (folder / "pictures").rename(folder / "photographs")
    (folder / "new").mkdir()
    for number, picture in enumerate(sorted((folder / "photographs").rglob("*.png"))[:2]):
        shutil.copyfile(picture, folder / "new" / f"{number}.jpg")
    return folder


def uneven() -> None:
    """Twelve times as many daisies as orchids."""
    shutil.rmtree("photographs")
    for name, shape, count in (("daisy", "disc", 48), ("rose", "cross", 24), ("orchid", "square", 4)):
        Path("photographs", name).mkdir(parents=True)
        for i in range(count):
            Path("photographs", name, f"{i}.png").write_bytes(draw(shape, 0, i))


def dirty() -> None:
    """A text with two labels, a class in two spellings, an empty text and a missing label."""
    with Path("reviews.csv").open(newline="", encoding="utf-8") as file:
        text, label = list(csv.reader(file))[1]
    other = "praise" if label == "complaint" else "complaint"
    with Path("reviews.csv").open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("", "praise"), ("good tea", ""), (text, other), ("lovely cakes", "Praise")])


SPOILED: dict[str, Callable[[], None]] = {"uneven_classes": uneven, "dirty_labels": dirty}


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """The language and the text of each block that is run here."""
    found = ((match[1], match[2]) for match in FENCE.finditer(page.read_text(encoding="utf-8")))
    return ((language, text) for language, text in found if not text.startswith(NOT_RUN))


def commands(block: str) -> list[tuple[str, int]]:
    """Each command with the exit code that its comment names."""
    found = []
    for line in filter(None, block.splitlines()):
        command, _, comment = line.partition(" # ")
        assert command.startswith("tl "), f"'{line}' is no command of tl: name its block in NOT_RUN"
        named = re.match(r"exit (\d+)", comment)
        found.append((command.strip(), int(named[1]) if named else 0))
    return found


def arguments(command: str, code: int) -> list[str]:
    """The command's words, with the newest run for STAMP, files for globs, and keys that make it small or stop it."""
    words: list[str] = []
    for word in shlex.split(command)[1:]:
        if "*" in word:
            words += sorted(glob.glob(word)) or [word]
        else:
            words.append(re.sub(r"(runs/\w+)/STAMP", lambda found: str(max(Path(found[1]).iterdir())), word))
    if not TRAINS.match(command):
        return words
    given = {word.partition("=")[0] for word in words if "=" in word}
    nodes = read_recipe(words[1], [word for word in words[2:] if re.match(r"[\w.]+=", word)]).nodes
    small = [*SMALL, *(key for group in ("data", "backbone") for key in SMALLER.get(nodes[group].option, []))]
    if command.startswith("tl verify-resume"):
        small += ["backbone=tiny_image", "--steps=2"]
    if code == 142:
        small.append("loop.max_time=0.0001min")
    return words + [one for one in small if one.partition("=")[0] not in given]


def told(line: str, printed: str) -> bool:
    """Whether a line of a page was printed; white space counts for one space, and `...` for anything."""
    pattern = r".*".join(r"\s+".join(map(re.escape, part.split())) for part in line.split("..."))
    return re.search(pattern, printed) is not None


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name not in WITHOUT_COMMANDS], ids=lambda page: page.stem
)
def test_a_page_does_what_it_says(
    page: Path,
    user: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    forget_accelerate: Callable[[], None],
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(user, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    SPOILED.get(page.stem, lambda: None)()
    printed = ""
    for language, block in blocks(page):
        if language == "yaml":
            name = block.splitlines()[0].removeprefix("# ")
            assert name.endswith(".yaml"), f"{page.name}: the first line of a yaml block names its file"
            Path(name).write_text(block, encoding="utf-8")
        elif language == "sh":
            printed = "".join(run(page, command, code, monkeypatch, capsys) for command, code in commands(block))
            forget_accelerate()
        else:
            assert language == "text", f"{page.name}: a block of '{language}': is it yaml, sh or text?"
            assert [line for line in block.splitlines() if not told(line, printed)] == [], printed
    shutil.rmtree(folder)


def run(
    page: Path, command: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What the command printed; it must end with this exit code."""
    monkeypatch.setattr(sys, "argv", ["tl", *arguments(command, code)])
    found, message = run_command()
    out, err = capsys.readouterr()
    assert found == code, f"{page.name}: {command}: exit code {found}, not {code}: {message}\n{out}{err}"
    return f"{out}{err}{message}\n"


def test_every_page_has_commands_or_is_named_here() -> None:
    without = {page.name for page in PAGES if not any(language == "sh" for language, _ in blocks(page))}
    assert without == WITHOUT_COMMANDS


def test_pages_link_to_files_that_exist() -> None:
    for page in [*PAGES, ROOT / "recipes" / "README.md", *(ROOT / "src").rglob("README.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.relative_to(ROOT)} links to {link}"


def test_the_readme_names_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in HOWTO if f"(recipes/howto/{page.name})" not in text] == []


def test_pages_are_short() -> None:
    lines = {page.name: page.read_text(encoding="utf-8").count("\n") for page in PAGES}
    assert lines.pop("README.md") <= 150
    lines.pop("figures.md")  # tables that scripts write
    assert {name: count for name, count in lines.items() if count > 80} == {}
