"""The laws of the codes of mistakes: each stands in mistakes.toml, is used, and never comes to mean anything else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tl.commands.kinds import FILE, kinds
from tl.errors import TLError

SOURCE = FILE.parent
KEPT = Path(__file__).with_name("mistake_codes.txt")
# Where every mistake has a code: what `tl check` may answer.
CHECKS = ("check", "collector", "doubts", "fit", "machine", "warmup")
CODED = sorted([*(SOURCE / "recipe").glob("*.py"), *(SOURCE / "commands" / f"{name}.py" for name in CHECKS)])
RAISED = {"TLError", "Mistake"}


def codes_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"E\d{3}", node.value):
            yield node.value


def raised(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISED:
            yield node


def test_every_code_that_is_used_exists_and_every_code_is_used() -> None:
    used = {code for path in SOURCE.rglob("*.py") for code in codes_in(ast.parse(path.read_text()))}
    unknown, idle = used - kinds().keys(), kinds().keys() - used
    assert not unknown, f"{unknown}: write an entry in src/tl/mistakes.toml"
    assert not idle, f"{idle}: no mistake has this code any more; a code does not go away, so keep its check"


@pytest.mark.parametrize("path", CODED, ids=lambda path: path.stem)
def test_every_mistake_of_a_recipe_has_a_code(path: Path) -> None:
    without = [node.lineno for node in raised(path) if not any(word.arg in ("code", None) for word in node.keywords)]
    assert not without, f'{path.name}, lines {without}: give the mistake a code="..." of src/tl/mistakes.toml'


def test_a_code_keeps_its_meaning_for_ever() -> None:
    now = [f"{code} {kind.name}" for code, kind in kinds().items()]
    kept = KEPT.read_text().splitlines()
    gone = [line for line in kept if line not in now]
    assert not gone, f"{gone}: users have written these codes down; a new kind takes a code that was never used"
    assert now == kept, "write the new kinds into tests/cli/mistake_codes.txt as well"
    assert now == sorted(now), "entries stand in the order of their codes"


def test_every_entry_is_whole_sentences() -> None:
    for kind in kinds().values():
        assert re.fullmatch(r"[a-zA-Z'].*[^.]", kind.name), kind.code
        for text in (kind.cause, kind.remedy):
            assert re.fullmatch(r"([A-Z'$]|[a-z]+\.[a-z]).*\.", text), kind.code
        assert kind.example, kind.code


def test_an_error_carries_its_code_beside_its_text() -> None:
    (mistake,) = TLError("The batch is empty.", code="E034").mistakes
    assert (str(mistake), mistake.code, mistake.key) == ("The batch is empty.", "E034", "")
    moved = mistake.after("r.yaml:3: ", key="loop.batch")
    assert (moved, moved.code, moved.key) == ("r.yaml:3: The batch is empty.", "E034", "loop.batch")
    assert str(TLError("The batch is empty.", code="E034")) == "The batch is empty."
