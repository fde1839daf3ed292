"""What a cell means is the same in every kind of file: missing, a text, a name, labels, a number."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.components.data.listed import option
from tl.components.data.cells import label_of, labels_of, name_of, number_of, text_of
from tl.components.sample import Sample
from tl.errors import TLError

NAN = float("nan")


@pytest.mark.parametrize(
    ("cell", "text", "name"),
    [
        (None, "", None),
        (NAN, "", None),
        (Decimal("NaN"), "", None),
        ("  ", "  ", None),
        ("NA", "", None),
        (" a b ", " a b ", "a b"),
        (1, "1", "1"),
        (1.0, "1", "1"),
        (1.5, "1.5", "1.5"),
        (1e300, "1e+300", "1e+300"),
        (True, "true", "true"),
        (Decimal("1.00"), "1", "1"),
        (Decimal("1.50"), "1.5", "1.5"),
        (b"caf\xc3\xa9", "caf\xe9", "caf\xe9"),
        ("cafe\u0301", "cafe\u0301", "caf\xe9"),
        (datetime.date(2024, 3, 1), "2024-03-01", "2024-03-01"),
        (datetime.datetime(2024, 3, 1, 12), "2024-03-01T12:00:00", "2024-03-01T12:00:00"),
        ("1e5", "1e5", "1e5"),
    ],
)
def test_texts_and_names(cell: Any, text: str, name: str | None) -> None:
    assert text_of(cell, "c", {"NA"}) == text
    assert name_of(cell, "c", {"NA"}) == name


@pytest.mark.parametrize("cell", [["a"], {"en": "a"}, b"\xff", {"a"}, 10**500])
def test_what_is_no_text_is_refused(cell: Any) -> None:
    for meaning in (text_of, name_of):
        with pytest.raises(TLError, match="column 'c' holds"):
            meaning(cell, "c", ())


def test_labels() -> None:
    assert labels_of("a; b;;a", "c", ";", ()) == ("a", "b")
    assert labels_of(["a", 1.0, None, NAN], "c", ";", ()) == ("a", "1")
    assert labels_of(NAN, "c", ";", ()) is labels_of(None, "c", ";", ()) is None
    assert labels_of("", "c", ";", ()) == ()
    assert labels_of("[other]", "c", ";", ()) == ("[other]",)
    for written in ("['a', 'b']", '["a"]', "[]"):
        with pytest.raises(TLError, match="holds a list written as a text"):
            labels_of(written, "c", ";", ())
    with pytest.raises(TLError, match=r"holds several labels: use data\.labels"):
        label_of(["a"], "c", ())


@pytest.mark.parametrize(
    ("cell", "comma", "value"), [("1,5", True, 1.5), ("1e400", False, float("inf")), (Decimal("0.1"), False, 0.1)]
)
def test_numbers(cell: Any, comma: bool, value: float) -> None:
    assert number_of(cell, "c", comma, ()) == value


def test_a_number_beyond_float64_is_refused() -> None:
    with pytest.raises(TLError, match="beyond the largest of float64"):
        number_of(10**400, "c", False, ())


ROWS: list[dict[str, Any]] = [
    {"text": "a", "kind": "x", "who": "g", "part": "train", "n": 1.5},
    {"text": None, "kind": None, "who": None, "part": None, "n": None},
]


@pytest.fixture(params=["csv", "jsonl", "nan.jsonl", "parquet", "ods"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same rows in each kind of file; the second row is missing throughout."""
    path = tmp_path / f"t.{request.param}"
    match request.param:
        case "csv":
            path.write_text("text,kind,who,part,n\na,x,g,train,1.5\n,,NA, ,nan\n")
        case "jsonl":
            path.write_text("\n".join(map(json.dumps, ROWS)))
        case "nan.jsonl":
            path.write_text("\n".join([json.dumps(ROWS[0]), json.dumps(dict.fromkeys(ROWS[1], NAN))]))
        case "parquet":
            pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
            columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
            own = {"kind": pyarrow.array(columns["kind"]).dictionary_encode(), "n": pyarrow.array([1.5, NAN])}
            parquet.write_table(pyarrow.table({**columns, **own}), path)
        case "ods":
            pytest.importorskip("python_calamine")
            from tests.components.data.test_tablefile import cell, number, sheet

            first = [cell("a"), cell("x"), cell("g"), cell("train"), number(1.5)]
            sheet(path, ("One", [[cell(name) for name in ROWS[0]], first, [cell(""), cell("NA"), cell("NA")]]))
    return str(path)


def test_missing_is_the_same_in_every_kind_of_file(table: str) -> None:
    keys = {"group": "who", "split_column": "part", "missing": ["NA"]}
    one, two = option("table", file=table, text="text", label="kind", **keys).read()
    assert (one.input, one.target, one.group, one.split) == ("a", "x", "g", "train")
    assert (two.input, two.target, two.group, two.split) == ("", None, None, None)
    found: list[Sample] = [*option("table", file=table, text="text", numbers=["n"], missing=["NA"]).read()]
    assert [s.target for s in found] == [(1.5,), None]


@pytest.mark.parametrize(
    ("lines", "keys", "message"),
    [
        ('{"text": ["a"], "kind": "x"}', {}, ":1: column 'text' holds a list, not a text."),
        ('{"text": {"en": "a"}, "kind": "x"}', {}, ":1: column 'text' holds a dict, not a text."),
        ('{"text": "a", "kind": "x"}\n{"text": "b", "kind": {"a": 1}}', {}, ":2: column 'kind' holds several labels"),
        ('{"text": "a", "kind": ' + "[" * 100_000 + "}", {}, ":1: its values are nested too deeply"),
        ('{"text": "a", "kind": ""}', {"label": None, "labels": "kind", "separator": ""}, "data.separator=''"),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, lines: str, keys: dict[str, Any], message: str) -> None:
    (tmp_path / "t.jsonl").write_text(lines)
    with pytest.raises(TLError) as error:
        option("table", **{"file": str(tmp_path / "t.jsonl"), "text": "text", "label": "kind", **keys}).read()
    assert message in str(error.value)


def test_values_of_columns_that_nobody_names_need_not_be_understood(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    far = pyarrow.array([2**62], pyarrow.timestamp("ms"))
    parquet.write_table(pyarrow.table({"text": ["a"], "kind": [b"x"], "far": far}), tmp_path / "t.parquet")
    (found,) = option("table", file=str(tmp_path / "t.parquet"), text="text", label="kind").read()
    assert (found.input, found.target) == ("a", "x")
    with pytest.raises(TLError, match=r"t\.parquet:1: column 'far' holds a value that cannot be read"):
        option("table", file=str(tmp_path / "t.parquet"), text="text", label="far").read()
    (tmp_path / "t.jsonl").write_text('{"text": "a", "kind": "x", "n": ' + "1" * 6000 + "}\n")
    assert len(option("table", file=str(tmp_path / "t.jsonl"), text="text", label="kind").read()) == 1
