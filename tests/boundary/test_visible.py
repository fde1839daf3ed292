"""What came with the data takes no effect where it is shown: no escape code, no line of its own, no turned word."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tl.boundary.visible import visible, visible_line
from tl.cli.printing.mistakes import with_code
from tl.errors import Mistake
from tl.recipe.yamlfile import read
from tl.report.words import esc
from tl.run.run import Run

TURNS = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
HARMFUL = [
    chr(code)
    for code in range(0x11_0000)
    if (unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(chr(code)) in TURNS)
    and chr(code) not in "\t\n"
]
NAME = "\x1b[2J\n12:00:00 all is well\x9b31m\u202egnp\u2028\u05e9\u200f!.png"


def test_what_unicode_calls_a_control_a_separator_or_a_turn_is_visible() -> None:
    assert len(HARMFUL) == 63 + 2 + 9
    for character in HARMFUL:
        assert visible(f"a{character}b") == f"a\\u{ord(character):04x}b"
    plain = "".join(chr(code) for code in range(0xD800) if chr(code) not in HARMFUL)
    assert visible(plain) == plain
    assert visible_line("a\nb") == "a\\u000ab"


def test_a_runs_files_hold_no_control_and_give_every_name_back(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "base", {"name": NAME, "length": "1e5"}, {"seconds": 0.0, "names": [NAME]})
    run.note(NAME)
    run.log({"step": 1, "of": NAME})
    run.forget_rows_after(1)
    run.write_json("space.json", {"names": [NAME]})
    for file in run.path.iterdir():
        text = file.read_bytes().decode()
        assert not set(HARMFUL) & set(text), file.name
        assert not [line for line in text.split("\n") if line.startswith("12:00:00 all")]
    assert run.read_json("space.json") == {"names": [NAME]}
    assert (run.rows()[0]["of"], run.meta["names"]) == (NAME, [NAME])
    assert read(run.path / "recipe.yaml").values == {"name": NAME, "length": "1e5"}
    assert len((run.path / "log.txt").read_text().splitlines()) == 1


@pytest.mark.parametrize("shown", [with_code(Mistake(NAME)), esc(NAME)])
def test_a_name_stands_in_a_sentence_and_on_the_report_without_effect(shown: str) -> None:
    assert not set(HARMFUL) & set(shown)
    assert "\\u001b[2J" in shown
