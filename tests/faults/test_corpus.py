"""Every malformed input gets a sentence or is taken as what it is: as the reviewed table in README.md says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.answering import answers
from tests.faults.corpus import CASES

# Pillow's own word on a broken EXIF block, which the user sees; tests make errors of warnings.
pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF")
README = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
TABLE = README.partition("\n## Malformed inputs\n")[2].partition("\n## ")[0]
BOUNDED = list(CASES)[::12]
# Classes that a case itself adds to a and b, or takes away.
OTHERS = {
    "markup in texts and labels": {"a", "b", "<b>[red]"},
    "a class with one text": {"a", "b", "c"},
    "10 000 classes": {f"c{n}" for n in range(10000)},
}


def reviewed(name: str) -> str:
    """The row that the commands earn, which does not contradict what holds of every case."""
    found = answers(name)
    for answer in found.by.values():
        assert answer.code in (0, 2)
        assert "Traceback" not in answer.printed + answer.words
        assert not answer.code or re.fullmatch(r"\S[^\n]*[.?]( \[E\d{3}\])?", answer.first)
    trained, checked = found.by["finetune"], found.by["check"]
    assert trained.code == checked.code
    if not trained.code and "number" not in name:
        assert set(found.names) == OTHERS.get(name, {"a", "b"})
    return found.row(name)


@pytest.mark.parametrize("name", BOUNDED)
def test_a_malformed_input(name: str) -> None:
    assert reviewed(name) in TABLE.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in BOUNDED])
def test_another_malformed_input(name: str) -> None:
    assert reviewed(name) in TABLE.splitlines()


def test_the_table_has_every_case_and_no_other() -> None:
    assert len(CASES) >= 60
    rows = [
        line.split(" | ")[0].removeprefix("| ") for line in TABLE.splitlines() if re.search(r"( \| [02]){4} \| ", line)
    ]
    assert rows == list(CASES)
