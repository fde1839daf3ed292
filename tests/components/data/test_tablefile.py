"""Tables as people have them: other separators, quotes, encodings, decimal marks, packings and spreadsheets."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.components.data.listed import option
from tl.components.sample import Sample
from tl.errors import TLError

KEYS = {"text": "text", "label": "kind"}
PLAIN = "text,kind\nfine,a\nnot fine,b\n"


def read(path: Path, content: bytes | str, **keys: Any) -> tuple[list[Sample], list[str]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = option("table", file=str(path), **{**KEYS, **keys})
    return [*source.read()], source.notes


def pairs(path: Path, content: bytes | str, **keys: Any) -> list[tuple[Any, Any]]:
    return [(s.input, s.target) for s in read(path, content, **keys)[0]]


def failure(path: Path, content: bytes | str, **keys: Any) -> str:
    with pytest.raises(TLError) as error:
        read(path, content, **keys)
    return str(error.value)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize(("mark", "word"), [(";", "a semicolon"), ("\t", "a tab"), ("|", "a bar"), (",", "a comma")])
def test_what_ends_a_field_is_found_out_and_said(tmp_path: Path, name: str, mark: str, word: str) -> None:
    table = f'text{mark}kind\n"one{mark} two, ""three"""{mark}a\nfour; five| six{mark}b\n'
    if mark in ";|":
        table = table.replace("four; five| six", "four")
    found, notes = read(tmp_path / name, table)
    assert (found[0].input, found[0].target) == (f'one{mark} two, "three"', "a")
    usual = "," if name == "a.csv" else "\t"
    assert any(f"fields end at {word} (data.delimiter)" in note for note in notes) == (mark != usual)
    assert found[1].where.endswith(f"{name}:3")


def test_what_is_set_is_not_found_out(tmp_path: Path) -> None:
    table = "text;kind,more\nx;a,b\n"
    assert pairs(tmp_path / "a.csv", table, delimiter=",", text="text;kind", label="more") == [("x;a", "b")]
    assert "data.delimiter='ab': one character" in failure(tmp_path / "a.csv", table, delimiter="ab")
    assert pairs(tmp_path / "a.csv", "text,kind\n'a, b',\"c\"\n", quoting="single") == [("a, b", '"c"')]
    assert pairs(tmp_path / "b.csv", 'text,kind\n"a,b\n', quoting="none") == [('"a', "b")]
    assert pairs(tmp_path / "c.csv", b"text,kind\nna\xc3\xafve,a\n", encoding="latin-1") == [("naÃ¯ve", "a")]
    assert "data.encoding: 'nonsense' is no encoding" in failure(tmp_path / "a.csv", PLAIN, encoding="nonsense")


def test_quotes_of_a_tsv_file_count_where_every_row_is_well_formed_so(tmp_path: Path) -> None:
    found, notes = read(tmp_path / "a.tsv", 'text\tkind\n"two\nlines ""x"""\ta\nplain\tb\n')
    assert [(s.input, s.target, s.id) for s in found] == [('two\nlines "x"', "a", "2"), ("plain", "b", "4")]
    assert "quotes around fields are taken off (data.quoting)" in notes[0]
    assert pairs(tmp_path / "b.tsv", 'text\tkind\n"so" he said\ta\nplain\tb\n')[0] == ('"so" he said', "a")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_are_found_out(tmp_path: Path, encoding: str, end: str) -> None:
    table = f"text,kind{end}na\xefve caf\xe9,a{end}\u201cplain\u201d,b{end}"
    found, notes = read(tmp_path / "a.csv", table.encode(encoding))
    assert [(s.input, s.target) for s in found] == [("na\xefve caf\xe9", "a"), ("\u201cplain\u201d", "b")]
    assert bool(notes) == (not encoding.startswith("utf-8"))
    lines = [json.dumps({"text": "caf\xe9", "kind": "a"}, ensure_ascii=False)]
    assert pairs(tmp_path / "a.jsonl", end.join([*lines, ""]).encode(encoding)) == [("caf\xe9", "a")]


def test_decimal_commas_are_found_out(tmp_path: Path) -> None:
    keys = {"label": None, "numbers": ["kind"]}
    table = "text;kind\na;1,5\nb;-2\nc;1.234,25\n"
    found, notes = read(tmp_path / "a.csv", table, **keys)
    assert [s.target for s in found] == [(1.5,), (-2.0,), (1234.25,)]
    assert any("decimals are written with a comma, such as 1,5 (data.decimal)" in note for note in notes)
    assert "a.csv:2: column 'kind' holds '1,5', which is no number" in failure(
        tmp_path / "a.csv", table, decimal="point", **keys
    )
    assert pairs(tmp_path / "a.csv", "text;kind\na;1.5\nb;1e5\n", **keys) == [("a", (1.5,)), ("b", (100000.0,))]
    mixed = failure(tmp_path / "a.csv", "text;kind\na;1,5\nb;2.5\n", decimal="comma", **keys)
    assert "a.csv:3: column 'kind' holds '2.5', which is no number. Decimals are written with a comma here" in mixed
    assert "holds '1_000', which is no number" in failure(tmp_path / "a.csv", "text,kind\na,1_000\n", **keys)


def packed(suffix: str, content: bytes, names: tuple[str, ...] = ("a.csv",)) -> bytes:
    if suffix == ".zip":
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, content)
        return data.getvalue()
    return gzip.compress(content) if suffix == ".gz" else lzma.compress(content)


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zip"])
def test_packed_tables(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.csv{suffix}"
    assert pairs(path, packed(suffix, PLAIN.encode())) == [("fine", "a"), ("not fine", "b")]
    assert "cannot be unpacked" in failure(path, packed(suffix, PLAIN.encode())[:-12])
    assert "unpacks to far more than a table would" in failure(path, packed(suffix, bytes(1 << 25)))


def test_a_zip_holds_one_table(tmp_path: Path) -> None:
    own = ("__MACOSX/a.csv", "a.csv", ".DS_Store")
    assert len(pairs(tmp_path / "a.zip", packed(".zip", PLAIN.encode(), own))) == 2
    text = failure(tmp_path / "a.zip", packed(".zip", PLAIN.encode(), ("a.csv", "b.csv")))
    assert text.endswith("holds 2 files (a.csv, b.csv), but a packed table is one file: unpack it and name the table.")


def test_the_header(tmp_path: Path) -> None:
    assert pairs(tmp_path / "a.csv", " text , kind\nx, a\n") == [("x", "a")]
    assert pairs(tmp_path / "a.csv", "text,re\u0301ponse\nx,a\n", label="r\xe9ponse") == [("x", "a")]
    found, notes = read(tmp_path / "a.csv", PLAIN, columns=["text", "kind"])
    assert [s.id for s in found] == ["2", "3"]
    assert "a.csv:1: this row repeats data.columns, so it is a header and left out." in notes[0]


def sheet(path: Path, *sheets: tuple[str, list[list[str]]]) -> bytes:
    """A small .ods file, written by hand; a cell is the XML of its value."""
    rows = "".join(
        f'<table:table table:name="{name}">'
        + "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in cells)
        + "</table:table>"
        for name, cells in sheets
    )
    spaces = " ".join(f'xmlns:{x}="urn:oasis:names:tc:opendocument:xmlns:{x}:1.0"' for x in ("office", "table", "text"))
    body = f"<office:body><office:spreadsheet>{rows}</office:spreadsheet></office:body>"
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml", f'<?xml version="1.0"?><office:document-content {spaces}>{body}</office:document-content>'
        )
    return path.read_bytes()


def cell(value: str) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'


def number(value: float) -> str:
    return f'<table:table-cell office:value-type="float" office:value="{value}"/>'


def date(value: str) -> str:
    return f'<table:table-cell office:value-type="date" office:date-value="{value}"/>'


def test_sheets(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    head = [cell("text"), cell("kind"), cell("n")]
    rows = [[cell("x"), number(1), cell("2.5")], [cell("y"), date("2024-03-01"), number(3)]]
    path = tmp_path / "a.ods"
    table = sheet(path, ("Own", [head, *rows]), ("Empty", []))
    found, notes = read(path, table)
    assert [(s.input, s.target, s.id) for s in found] == [("x", "1", "2"), ("y", "2024-03-01", "3")]
    assert "the sheet 'Own' is read, of 2 (data.sheet)" in notes[0]
    assert [s.target for s in read(path, table, label=None, numbers=["n"])[0]] == [(2.5,), (3.0,)]
    assert "the sheet 'Empty' holds no rows" in failure(path, table, sheet="Empty")
    assert "has no sheet 'own'. Did you mean 'Own'?" in failure(path, table, sheet="own")
    assert "is no readable spreadsheet" in failure(tmp_path / "a.xlsx", b"no sheet")


def test_sheets_without_the_reader_name_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "python_calamine", None)
    text = failure(tmp_path / "a.xlsx", b"")
    assert text.endswith("a.xlsx: reading spreadsheets needs pip install 'tl-toolkit[sheets]'.")
