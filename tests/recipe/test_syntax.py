"""What is said of a file that is no YAML, and that a fix which is offered mends it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.recipe.conftest import Write
from tl.errors import Mistake, TLError
from tl.recipe.edits import applied
from tl.recipe.yamlfile import read

UNMENDED = ""


def mistake_in(text: str, write: Write) -> Mistake:
    with pytest.raises(TLError) as caught:
        read(Path(write(text, "mine.yaml")))
    (mistake,) = caught.value.mistakes
    return mistake


@pytest.mark.parametrize(
    "text, code, told, mended",
    [
        ("loop:\n\tbatch: 4\n\tlength: 3ep\n", "E003", "2:1: a tab: write spaces (also in line 3).",
         "loop:\n  batch: 4\n  length: 3ep\n"),
        ("loop:\n    batch: 4\n\tlength: 3ep\n", "E003", "3:1: a tab: write spaces.",
         "loop:\n    batch: 4\n    length: 3ep\n"),
        ("seed:\t1 # tab\there\n", "E003", "1:6: a tab: write spaces.", "seed: 1 # tab\there\n"),
        ("loop:\n\u00a0 batch: 4\n", "E003", "2:1: a blank that is no space (U+00A0): write a space.",
         "loop:\n  batch: 4\n"),
        ("name: 'abc\nseed: 1\n", "E004", "1:7: the quote that opens here is not closed: write 'abc'.",
         "name: 'abc'\nseed: 1\n"),
        ('name: "abc   # a try\nseed: 1\n', "E004", '1:7: the quote that opens here is not closed: write "abc".',
         'name: "abc"   # a try\nseed: 1\n'),
        ("name: 'it's'\n", "E004", "1:8: a quote within quotes is written twice: 'it''s'.", "name: 'it''s'\n"),
        ('root: "C:\\photos"\n', "E004", "1:7: a backslash in double quotes begins a special character: write "
         "'C:\\photos'.", "root: 'C:\\photos'\n"),
        ("root: \u201cmy photos\u201d\n", "E004", "1:7: typographic quotes are letters in YAML: write 'my photos'.",
         "root: 'my photos'\n"),
        ("classes: [a, b  # two\nseed: 1\n", "E005", "1:10: the bracket [ that opens here is not closed: write [a, b].",
         "classes: [a, b]  # two\nseed: 1\n"),
        ("classes: [a, b}\n", "E005", "1:15: } cannot close [: write ].", "classes: [a, b]\n"),
        ("classes: [a, b]]\n", "E005", "1:16: a ] too many: remove it.", "classes: [a, b]\n"),
        ("split: {val: 0.1 test: 0.2}\n", "E005", "1:8: a bracket opens here that is not closed, or a comma is missing "
         "behind it.", UNMENDED),
        ("loop:\n  batch: {{x}}\n", "E005", "2:11: a key is one word, but this is a list or a mapping: remove the "
         "extra brackets.", UNMENDED),
        ("seed: 1\nname: x\nseed: 1\n", "E006", "3:1: the key 'seed' stands twice, first in line 1: keep one of the "
         "two.", "seed: 1\nname: x\n"),
        ("seed: 1\nseed: 2\n", "E006", "2:1: the key 'seed' stands twice, first in line 1: keep one of the two.",
         UNMENDED),
        ("loop:\n  batch: 4\n   length: 3ep\n", "E007", "3:4: the line begins in column 4, where it fits no line "
         "above: begin it in column 3.", "loop:\n  batch: 4\n  length: 3ep\n"),
        ("loop:\n    batch: 4\n  length: 3ep\n", "E007", "3:3: the line begins in column 3, where it fits no line "
         "above: mend its indentation, or what it belongs to.", UNMENDED),
        ("defaults:\n  - base\n    - head: mlp\n", "E007", "3:5: the line begins in column 5, where it fits no line "
         "above: begin it in column 3.", "defaults:\n  - base\n  - head: mlp\n"),
        ("loop:\n  batch:4\n  length: 3ep\n", "E008", "2:9: a space is missing behind the colon: write 'batch: 4'.",
         "loop:\n  batch: 4\n  length: 3ep\n"),
        ("loop:\n  batch 4\n  length: 3ep\n", "E008", "2:8: a colon is missing: write 'batch: 4'.",
         "loop:\n  batch: 4\n  length: 3ep\n"),
        ("loop\n  batch: 4\n", "E008", "1:5: a colon is missing: write 'loop:'.", "loop:\n  batch: 4\n"),
        ("loop:\n  batch = 4\n  length: 3ep\n", "E008", "2:8: a value stands behind a colon in YAML: write 'batch: 4'.",
         "loop:\n  batch: 4\n  length: 3ep\n"),
        ("lr = 1e-3\nseed = 5\n", "E008", "1:3: a value stands behind a colon in YAML: write 'lr: 1e-3'.",
         "lr: 1e-3\nseed: 5\n"),
        ("name: flowers: a try  # mine\n", "E009", "1:7: the value holds a colon and a space: put it in quotes, "
         "'flowers: a try'.", "name: 'flowers: a try'  # mine\n"),
        ("root: *.jpg\n", "E010", "1:7: a text cannot begin with *: put it in quotes, '*.jpg'.", "root: '*.jpg'\n"),
        ("train: [head, *]\n", "E010", "1:15: a text cannot begin with *: put it in quotes, '*'.",
         "train: [head, '*']\n"),
        ("root: *photos\n", "E010", "1:7: a text cannot begin with *: put it in quotes, '*photos'.",
         "root: '*photos'\n"),
        ("seed: 1\n---\nseed: 2\n", "E011", "2:1: a second document begins here, but a recipe is one: remove the line "
         "---.", UNMENDED),
        ("root: @home/x\n", "E012", "1:7: a text cannot begin with @: put it in quotes, '@home/x'.",
         "root: '@home/x'\n"),
        ("length: %10\n", "E012", "1:9: a text cannot begin with %: put it in quotes, '%10'.", "length: '%10'\n"),
        ("%YAML 1.2\nseed: 1\n", "E012", "1:1: a line that begins with % is a directive of YAML, which recipes do "
         "without: remove it.", UNMENDED),
        ("text: - x\n", "E012", "1:7: a list cannot begin here: put the text in quotes, or the list below.", UNMENDED),
        ("root: !x y\n", "E013", "1:7: a text cannot begin with !: put it in quotes, '!x y'.", "root: '!x y'\n"),
        ("a: " + 50 * "[" + 50 * "]", "E014", "1:43: is no recipe: it is nested deeper than 40 levels.", UNMENDED),
        ("<!doctype html>\n<p>404: not found</p>\n", "E047", "1:1: this is a web page or XML, no recipe: download the "
         "file itself.", UNMENDED),
        ("[loop]\nbatch = 4\n", "E047", "1:1: this is TOML, but a recipe is YAML: write the name with a colon, and its "
         "keys indented below.", UNMENDED),
        ("name: a\x07b\n", "E048", "1:8: a control character (U+0007) is no text: remove it.", UNMENDED),
    ],
)  # fmt: skip
def test_a_file_that_is_no_yaml(text: str, code: str, told: str, mended: str, write: Write) -> None:
    mistake = mistake_in(text, write)
    assert (mistake, mistake.code) == (f"mine.yaml:{told}", code)
    assert (applied(text, mistake.fix) if mistake.fix else UNMENDED) == mended
    if mended:
        yaml.safe_load(mended)  # PyYAML itself is the judge


def test_line_ends_stay_as_they_are_in_a_mended_file(write: Write, tmp_path: Path) -> None:
    text = "seed: 1\r\nname: x\r\nseed: 1\r\nloop:\r\n  batch: 4\r\n"
    (tmp_path / "mine.yaml").write_bytes(text.encode())
    with pytest.raises(TLError) as caught:
        read(tmp_path / "mine.yaml")
    assert applied(text, caught.value.mistakes[0].fix) == "seed: 1\r\nname: x\r\nloop:\r\n  batch: 4\r\n"


def test_a_change_that_does_not_fit_is_not_made() -> None:
    from tl.errors import Edit

    fits, wrong = Edit("x", 2, 3, "c", "C"), Edit("x", 1, 1, "b", "B")
    assert applied("ab\nabc", [fits]) == "ab\nabC"
    assert applied("ab\nabc", [wrong]) is None
    assert applied("ab\nabc", [fits, Edit("x", 2, 2, "bc", "")]) is None
    assert applied("ab\nabc", [fits, Edit("x", 1, 1, "a", "A")]) == "Ab\nabC"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_a_recipe_in_utf_16_says_so(encoding: str, write: Write, tmp_path: Path) -> None:
    write("")
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / "mine.yaml").write_bytes(mark + "seed: 1\n".encode(encoding))
    with pytest.raises(TLError, match=r"^mine\.yaml:1:1: the file is in UTF-16: save it as UTF-8\.$"):
        read(Path("mine.yaml"))
