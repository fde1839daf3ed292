from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.components.data.listed import option
from tests.tasks import load_data
from tl.components.data.base import Data
from tl.components.picture import open_image
from tl.components.sample import Picture, Sample
from tl.errors import TLError


def samples(**keys: Any) -> list[Sample]:
    found: list[Sample] = option("table", **keys).read()
    return found


def loaded(**keys: Any) -> Data:
    return load_data(option("table", **keys))


def failure(**keys: Any) -> str:
    with pytest.raises(TLError) as error:
        loaded(**keys)
    return str(error.value)


def written(path: Path, text: str) -> str:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def csv(tmp_path: Path) -> str:
    return written(tmp_path / "mail.csv", 'text,kind\n"hi, there",ham\n"two\nlines ""x""",spam\nbye,ham\n')


def test_csv_with_quotes_and_lines_inside(csv: str) -> None:
    found = samples(file=csv, text="text", label="kind")
    assert [s.input for s in found] == ["hi, there", 'two\nlines "x"', "bye"]
    assert [s.target for s in found] == ["ham", "spam", "ham"]
    assert [s.id for s in found] == ["2", "3", "5"]
    assert found[2].where == f"{csv}:5"


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_tsv_has_no_quoting_and_may_lack_a_header(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, 'he said "no\t1\n"\t0\n')
    found = samples(file=path, columns=["said", "y"], text="said", label="y")
    assert [(s.input, s.target) for s in found] == [('he said "no', "1"), ('"', "0")]


def test_jsonl_values_of_any_type(tmp_path: Path) -> None:
    lines = [{"t": "a", "y": 1, "tags": ["x", "y", "x"]}, {"t": 5, "y": True, "tags": []}, {"t": None, "y": 2.0}]
    path = written(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n")
    assert [(s.input, s.target) for s in samples(file=path, text="t", label="y")] == [
        ("a", "1"),
        ("5", "true"),
        ("", "2"),
    ]
    assert [s.target for s in samples(file=path, text="t", labels="tags")] == [("x", "y"), (), None]


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"t": ["a", "b"], "y": [1.5, None], "k": ["u", "v"]}), path)
    assert [s.target for s in samples(file=str(path), text="t", numbers=["y"])] == [(1.5,), None]
    assert [s.target for s in samples(file=str(path), text="t", label="k")] == ["u", "v"]
    written(path, "not parquet")
    assert f"{path}: is no readable Parquet file" in failure(file=str(path), text="t", label="k")


def test_a_folder_is_told_apart_from_a_table(tmp_path: Path) -> None:
    assert failure(file=str(tmp_path), text="t", label="k").endswith(
        "is a folder: name the table's file, or choose data=image_folder."
    )


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    path = written(tmp_path / "a.parquet", "")
    assert failure(file=path, text="t", label="k").endswith("reading Parquet needs pip install 'tl-toolkit[parquet]'.")


def test_pictures_in_a_table(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (5, 4), "red").save(tmp_path / "photos" / "a.png")
    path = written(tmp_path / "list.csv", "photo,size\na.png,3.5\n")
    found = samples(file=path, image="photo", images=str(tmp_path / "photos"), numbers=["size"])
    assert (found[0].input, found[0].target) == (tmp_path / "photos" / "a.png", (3.5,))
    written(tmp_path / "list.csv", "photo,size\nphotos/a.jpg,3.5\n")
    text = failure(file=path, image="photo", numbers=["size"])
    assert f"{path}:2: there is no picture 'photos/a.jpg' in {tmp_path}" in text
    assert text.endswith("Did you mean 'a.png'?")


def test_pictures_inside_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    Image.new("RGB", (5, 4), "red").save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    for name, cell in (("plain", data), ("nested", {"bytes": data, "path": "a.png"})):
        parquet.write_table(pyarrow.table({"i": [cell], "y": ["u"]}), tmp_path / f"{name}.parquet")
        (found,) = samples(file=str(tmp_path / f"{name}.parquet"), image="i", label="y")
        assert isinstance(found.input, Picture)
        assert open_image(found.input).size == (5, 4)


def test_pairs_ids_groups_and_splits(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "key,one,two,y,who,part\nr1,a,b,1,anna,train\nr2,c,d,0,,dev\nr3,e,f,0,bob,\n")
    found = samples(file=path, text="one", pair="two", label="y", id="key", group="who", split_column="part")
    assert [s.input for s in found] == [("a", "b"), ("c", "d"), ("e", "f")]
    assert [(s.id, s.group, s.split) for s in found] == [
        ("r1", "anna", "train"),
        ("r2", None, "dev"),
        ("r3", "bob", None),
    ]


def test_a_file_for_each_split(tmp_path: Path) -> None:
    rows = "".join(f"{i},text {i},{'ab'[i % 2]}\n" for i in range(20))
    files = {
        "train": written(tmp_path / "a.csv", "id,text,y\n" + rows),
        "test": written(tmp_path / "b.csv", "id,text,y\n0,other,a\n1,more,b\n"),
        "target": written(tmp_path / "c.csv", "id,text,y\n0,bare,\n"),
    }
    data = loaded(files=files, text="text", label="y", id="id")
    assert {split: len(found) for split, found in data.splits.items()} == {
        "train": 17,
        "val": 3,
        "test": 2,
        "target": 1,
    }
    assert [s.id for s in data.splits["test"]] == ["test/0", "test/1"]
    assert data.splits["target"][0].target is None


def test_several_labels(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "t,tags,x,y\na,red | blue,1,0\nb,,0,0\nc,blue|,true,1\n")
    assert [s.target for s in samples(file=path, text="t", labels="tags", separator="|")] == [
        ("red", "blue"),
        (),
        ("blue",),
    ]
    assert [s.target for s in samples(file=path, text="t", label_columns=["y", "x"])] == [("x",), (), ("y", "x")]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"text": "text"},
            "data.label: give exactly one of data.label, data.labels, data.label_columns, data.numbers (here: none)",
        ),
        ({"text": "text", "label": "kind", "numbers": ["n"]}, "(here: data.label and data.numbers)"),
        ({"label": "kind"}, "data.text: give either this or data.image"),
        ({"text": "text", "image": "i", "label": "kind"}, "data.text: give either this or data.image"),
        ({"image": "i", "pair": "i", "label": "kind"}, "data.pair=i is data.image too"),
        ({"text": "txt", "label": "kind"}, "has no column 'txt', only 'text', 'kind'. Did you mean 'text'?"),
        ({"text": "text", "label": "zzz"}, "data.label: "),
        ({"text": "text", "labels": "kind", "group": "g"}, "data.group: "),
        ({"text": "text", "label_columns": ["kind"]}, ":2: column 'kind' holds 'ham', but a label column holds 0 or 1"),
        ({"text": "text", "numbers": ["kind"]}, ":2: column 'kind' holds 'ham', which is no number"),
        ({"text": "text", "label": "text", "id": "kind"}, ":5: the id 'ham' is also in "),
    ],
)
def test_mistaken_keys(csv: str, keys: dict[str, Any], message: str) -> None:
    assert message in failure(file=csv, **keys)


def test_file_or_files(csv: str) -> None:
    for keys in ({}, {"file": csv, "files": {"train": csv}}, {"files": {}}):
        assert "data.file: give either this, or data.files" in failure(text="text", label="kind", **keys)
    assert "both name splits" in failure(files={"train": csv}, text="text", label="kind", split_column="kind")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b'text,kind\na,x\n"b,y\nc,x\n', ":3: the row that starts here is not valid CSV"),
        ("a.csv", b'text,kind\na,x\n"b"c,y\n', ":3: the row that starts here is not valid CSV"),
        ("a.csv", b"text,kind\na,x\n\nb,y,z\n", ":4: has 3 fields, but there are 2 columns: quote fields"),
        (
            "a.tsv",
            b"text\tkind\na\n",
            ":2: has 1 fields, but there are 2 columns: write all fields, with a tab between them",
        ),
        ("a.csv", b"text,kind\na,x\ncaf\xe9,y\nna\xc3\xafve,x\n", ":3: is not UTF-8 (byte 0xe9), but line 4 is: save"),
        ("a.csv", b"text,kind\na,x\n\x81,y\n", ":3: is not UTF-8 (byte 0x81), nor cp1252: name data.encoding"),
        ("a.csv", b"text,text\na,x\n", ":1: two columns are called 'text'"),
        ("a.csv", b"text,kind\n", ": holds no rows"),
        ("a.csv", b"text,kind\na,x\nb,\n", ":3: the sample has no label"),
        ("a.jsonl", b'{"text": "a", "kind": "x"}\n{"text": \n', ":2: is not valid JSON: "),
        ("a.jsonl", b'["a"]\n', ":1: each line must be a JSON object"),
        ("a.jsonl", b'{"text": "a", "kind": ["x"]}\n', ":1: column 'kind' holds several labels: use data.labels"),
        ("a.csv.gz", b"text,kind\n", ": cannot be unpacked"),
        ("a.xls", b"", "'.xls' is no table: use .csv, .tsv, .jsonl, .parquet, .xlsx, .ods"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    text = failure(file=str(path), text="text", label="kind")
    assert message in text
    assert text.startswith(str(path))


def test_a_missing_file_suggests_the_nearest(csv: str) -> None:
    text = failure(file=csv.replace("mail", "mial"), text="text", label="kind")
    assert "mial.csv: there is no such file. Did you mean 'mail.csv'?" in text


def test_a_byte_order_mark_and_long_fields_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbftext,kind\r\n" + b"x" * 200_000 + b",a\r\n")
    (found,) = samples(file=str(path), text="text", label="kind")
    assert (len(str(found.input)), found.target) == (200_000, "a")


def test_only_the_columns_that_a_purpose_needs_are_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\nfine,good\nsad,\n")
    keys = {"text": "text", "label": "label", "id": "uid", "group": "who", "split_column": "part"}
    source = option("table", file=str(tmp_path / "t.csv"), **keys)
    with pytest.raises(TLError, match="has no column 'uid'"):
        source.read()
    source.purpose = "evaluation"
    assert [(s.id, s.target, s.group, s.split) for s in source.read()] == [
        ("2", "good", None, None),
        ("3", None, None, None),
    ]
    assert source.notes[0].endswith("t.csv has no column 'uid' (data.id): ids are its line numbers.")
    source = option("table", file=str(tmp_path / "t.csv"), **{**keys, "label": "mood"})
    source.purpose = "prediction"
    assert [(s.input, s.target) for s in source.read()] == [("fine", None), ("sad", None)]
