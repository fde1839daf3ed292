"""Files of one word and tag a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.built import option
from tl.components.data.conll import Conll
from tl.components.sample import Span, Spans
from tl.errors import TLError

TABS = "Anna\tB-per\nLi\tI-per\nsleeps\tO\n\t\nRome\tB-loc\n"
SPACES = "-DOCSTART- -X- O O\n\nAnna NNP B-NP I-PER\nsleeps VBZ B-VP O\n\n\nRome NNP B-NP I-LOC\n"


def conll(tmp_path: Path, text: str, **changes: object) -> Conll:
    (tmp_path / "a.conll").write_text(text, encoding="utf-8")
    made: Conll = option("data", "conll", file=str(tmp_path / "a.conll"), **changes)
    return made


def test_a_text_ends_at_an_empty_line_or_one_of_a_tab(tmp_path: Path) -> None:
    first, second = conll(tmp_path, TABS).read()
    assert first.input == "Anna Li sleeps"
    assert first.target == Spans((Span(0, 7, "per"),), ((0, 4), (5, 7), (8, 14)))
    assert (first.id, first.where, first.split) == ("1", f"{tmp_path / 'a.conll'}:1", None)
    assert (second.input, second.id) == ("Rome", "5")


def test_other_columns_and_lines_that_begin_a_document_are_passed_over(tmp_path: Path) -> None:
    source = conll(tmp_path, SPACES)
    first, second = source.read()
    assert first.target == Spans((Span(0, 4, "PER"),), ((0, 4), (5, 11)))
    assert second.input == "Rome"
    assert source.notes == [f"{tmp_path / 'a.conll'}: 2 spans begin with I- where none is open (the first at "
                            f"{tmp_path / 'a.conll'}:3)."]  # fmt: skip
    assert [s.target.names for s in conll(tmp_path, SPACES, tag=2).read() if isinstance(s.target, Spans)] == [
        ("NP", "VP"), ("NP",),
    ]  # fmt: skip


def test_files_name_the_splits(tmp_path: Path) -> None:
    (tmp_path / "b.conll").write_text(TABS)
    files = {"train": str(tmp_path / "b.conll"), "test": str(tmp_path / "b.conll")}
    found = option("data", "conll", files=files).read()
    assert [(s.split, s.id) for s in found] == [
        ("train", "train/1"), ("train", "train/5"), ("test", "test/1"), ("test", "test/5"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "Anna\tB-per\nLi\n",
            r"a\.conll:2: the line has 1 fields, but the word is in column 0 and its tag",
        ),
        (
            "Anna\tperson\n",
            r"a\.conll:1: 'person' is no tag: O, B-X, I-X, E-X and S-X are \(data\.tag",
        ),
        ("Anna\tO\n\tO\n", r"a\.conll:2: the line has a tag, but no word"),
    ],
)
def test_a_line_that_is_no_word_with_a_tag_is_told_by_its_number(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TLError, match=message):
        conll(tmp_path, text).read()


def test_a_text_that_cannot_be_used_is_left_out_where_asked(tmp_path: Path) -> None:
    source = conll(tmp_path, "Anna\tperson\n\nRome\tB-loc\n", on_error="skip")
    assert [sample.input for sample in source.read()] == ["Rome"]
    assert len(source.skipped) == 1


def test_a_file_that_is_not_there_suggests_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text(TABS)
    with pytest.raises(TLError, match=r"data\.files\.val=.*trian\.conll: there is no such file\. Did you mean 'train"):
        option("data", "conll", files={"val": str(tmp_path / "trian.conll")}).read()
