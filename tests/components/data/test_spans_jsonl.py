"""Texts with spans in lines of JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.built import option
from tl.components.sample import Sample, Span, Spans
from tl.errors import TLError

ROW = {"text": "Anna is in Rome", "spans": [[0, 4, "person"], {"start": 11, "end": 15, "label": "place"}]}


def read(tmp_path: Path, *rows: Any, **changes: object) -> list[Sample]:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found: list[Sample] = option("data", "spans_jsonl", file=str(tmp_path / "a.jsonl"), **changes).read()
    return found


def test_spans_are_lists_or_objects_of_several_spellings(tmp_path: Path) -> None:
    first, second = read(tmp_path, ROW, "", {"text": "nobody", "spans": []})
    assert isinstance(first.target, Spans)
    assert first.target.spans == (Span(0, 4, "person"), Span(11, 15, "place"))
    assert (first.id, second.id) == ("1", "3")
    assert second.target == Spans((), ((0, 6),))


def test_keys_have_other_names_where_asked(tmp_path: Path) -> None:
    row = {"sentence": "Rome", "entities": [[0, 4, "place"]], "key": 7}
    (found,) = read(tmp_path, row, text="sentence", spans="entities", id="key")
    assert (found.input, found.id) == ("Rome", "7")


def test_spans_that_are_null_are_not_known(tmp_path: Path) -> None:
    (found,) = read(tmp_path, {"text": "Rome", "spans": None})
    assert found.target is None


@pytest.mark.parametrize(
    "row, message",
    [
        ("{", r"a\.jsonl:1: the line is no JSON"),
        ([1], r"a\.jsonl:1: the line has no text under the key 'text': set data\.text"),
        ({"texts": "x"}, r"a\.jsonl:1: the line has no text under the key 'text' \(its keys: texts\)"),
        ({"text": "x"}, r"a\.jsonl:1: the line has no key 'spans' \(its keys: text\): set data\.spans"),
        ({"text": "x", "spans": "y"}, r"'spans' is no list of spans"),
        ({"text": "x", "spans": [[0, 1]]}, r"\[0, 1\] is no span: write \[begin, end, class\]"),
        ({"text": "x", "spans": [[0, True, "a"]]}, r"is no span"),
        ({"text": "x", "spans": [[0, 9, "a"]]}, r"a\.jsonl:1: the span 0 to 9 of 'a' is not within the text"),
        ({"text": "xy", "spans": [[0, 2, "a"], [1, 2, "b"]]}, r"a\.jsonl:1: the span 1 to 2 of 'b' overlaps"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(TLError, match=message):
        read(tmp_path, row)


def test_other_encodings_are_read_as_tables_are(tmp_path: Path) -> None:
    row = {"text": "Zoë", "spans": [[0, 3, "person"]]}
    (tmp_path / "a.jsonl").write_bytes(json.dumps(row, ensure_ascii=False).encode("utf-16"))
    (found,) = option("data", "spans_jsonl", file=str(tmp_path / "a.jsonl")).read()
    assert found.input == "Zoë"
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "\x81", "spans": []}')
    with pytest.raises(TLError, match=r"a\.jsonl:1: is not UTF-8 .*: name data\.encoding, or save"):
        option("data", "spans_jsonl", file=str(tmp_path / "a.jsonl")).read()
