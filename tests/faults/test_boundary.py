"""What a reader says of a file that its library did not foresee: one sentence, whatever the library raises over it."""

from __future__ import annotations

import errno
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.components.data.listed import option
from tests.tasks import load_data
from tl.components.backbone.loading import read_weights
from tl.components.backbone.tiny_text import shipped
from tl.components.picture import open_image
from tl.components.preprocess import TextPreprocess
from tl.components.preprocess_file import from_json, to_json
from tl.components.sample import Sample
from tl.errors import MachineFault, TLError
from tl.recipe.compose import compose
from tl.recipe.weights import Weights
from tl.run.schema import read_json

ODD_TENSORS: dict[str, Callable[[], Any]] = {
    "by name, but a list": lambda: [1, 2],
    "by name, but a NoneType": lambda: None,
    "by name, but a Tensor": lambda: torch.zeros(3),
    "by name, only 1": lambda: {1: torch.zeros(3)},
    "without memory": lambda: {"a": torch.zeros(3, device="meta")},
    "sparse": lambda: {"a": torch.eye(3).to_sparse()},
    "quantised": lambda: {"a": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)},
    "of complex numbers": lambda: {"a": torch.zeros(3, dtype=torch.complex64)},
}


@pytest.mark.parametrize("words", ODD_TENSORS)
@pytest.mark.filterwarnings("ignore")
def test_weights_of_an_odd_kind(words: str, tmp_path: Path) -> None:
    torch.save(ODD_TENSORS[words](), tmp_path / "w.pt")
    with pytest.raises(TLError, match=words):
        read_weights(Weights.parse(str(tmp_path / "w.pt")))


def exif(kind: int, content: bytes, tag: int = 0x0112) -> bytes:
    """A TIFF header with one entry."""
    entry = struct.pack("<HHI", tag, kind, max(1, len(content))) + content[:4].ljust(4, b"\0")
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0\0\0\0"


@pytest.mark.parametrize("kind", range(14))
@pytest.mark.parametrize("content", [b"", b"\x06", b"\xff\xff\xff\xff", b"abcdefgh"])
def test_odd_exif_is_taken_or_told(kind: int, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    Image.new("RGB", (8, 6)).save(path, exif=exif(kind, content))
    told = ""
    try:
        assert set(open_image(path).size) == {8, 6}
    except TLError as error:
        told = str(error)
    assert not told or told.endswith(": replace or remove it.")


TOLD = r"3\.png: cannot be read now .*what it holds may be whole\.$"


def changed_tokenizer(change: Callable[[dict[str, Any]], Any]) -> TextPreprocess:
    facts = json.loads(shipped().tokenizer)
    change(facts)
    return TextPreprocess(json.dumps(facts), 64, 0)


def template(token: int, segment: int) -> dict[str, Any]:
    piece = {"SpecialToken": {"id": "[X]", "type_id": segment}}
    rest = [{"Sequence": {"id": name, "type_id": 0}} for name in "AB"]
    special = {"[X]": {"id": "[X]", "ids": [token], "tokens": ["[X]"]}}
    return {"type": "TemplateProcessing", "single": [piece, rest[0]], "pair": [piece, *rest], "special_tokens": special}


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts.update(normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA////AAAAAA=="}),
        lambda facts: facts.update(model={"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}),
        lambda facts: facts.update(model={"type": "Evil"}),
        lambda facts: facts["model"].update(unk_token="[GONE]"),
        lambda facts: facts.update(post_processor=template(99_999, 0)),
        lambda facts: facts.update(post_processor=template(1, 7)),
        lambda facts: facts["model"]["vocab"].update({"zebra": 10**6}),
        lambda facts: facts.update(added_tokens=[{"id": 3}]),
    ],
)
def test_tokenizers_that_panic_or_number_beyond_the_embeddings(change: Callable[[dict[str, Any]], Any]) -> None:
    def read() -> None:
        made = changed_tokenizer(change)
        made.check_embeddings(4000)
        made.ids("zebra \u2603 words")

    with pytest.raises(TLError, match=r"copy their files again|do not belong together"):
        read()
    assert shipped().ids("some words")[0]


def test_preprocessing_that_numbers_below_zero(tmp_path: Path) -> None:
    facts = json.loads(to_json(shipped()))
    for key in ("pad_id", "max_length"):
        (tmp_path / "p.json").write_text(json.dumps({**facts, key: -5}))
        with pytest.raises(TLError, match=rf"is damaged \({key}=-5, but"):
            from_json(tmp_path / "p.json")
    with pytest.raises(TLError, match="padded with token 4000, but the model has embeddings for 4000"):
        TextPreprocess(shipped().tokenizer, 64, 4000).check_embeddings(4000)


def table(file: Path, **keys: Any) -> list[Sample]:
    return list(option("table", file=str(file), **{"text": "text", "label": "label", **keys}).read())


def test_small_tables_that_ask_for_much(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    texts = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 4000, pyarrow.int32()), pyarrow.array(["x" * 300_000])
    )
    parquet.write_table(
        pyarrow.table({"text": texts, "label": ["a"] * 4000}), tmp_path / "a.parquet", store_schema=False
    )
    assert (tmp_path / "a.parquet").stat().st_size < 50_000
    with pytest.raises(TLError, match="unpacks to far more than a table would"):
        table(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text(",".join(f"c{i}" for i in range(200_000)))
    with pytest.raises(TLError, match="has 200000 columns, more than the 100000 that are read"):
        table(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(",".join(f"c{i}" for i in range(5000)) + "\n")
    with pytest.raises(TLError, match=r"no column 'text', only 'c0', .*'c29' and 4970 more\.$"):
        table(tmp_path / "a.csv")


def test_a_cell_far_away_is_told_before_the_sheet_is_read(tmp_path: Path) -> None:
    """Its reader would hold 17 thousand million cells, and ends the process where there is no memory for them."""
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    with pytest.raises(TLError, match="a sheet reaches to row 1048576 and column 16384: remove what stands far away"):
        table(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"_data_files": 3}', '{"_data_files": [{"filename": "../../x.arrow"}]}']
)
def test_saved_data_sets_that_are_made_up(content: str, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    for name in ("state.json", "dataset_info.json"):
        (tmp_path / name).write_text(content)
    with pytest.raises(TLError, match=r"data\.root=.*(is no data set that can be read|is no folder written by)"):
        option("huggingface", root=str(tmp_path), text="text", label="label").read()


def test_a_read_that_fails_is_not_told_as_the_pictures_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(6):
            Image.new("RGB", (9, 9), (number, ord(name), 0)).save(tmp_path / name / f"{number}.png")
    read, bad = Path.read_bytes, tmp_path / "a" / "3.png"

    def failing(path: Path) -> bytes:
        if path == bad:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    with pytest.raises(MachineFault, match=TOLD):
        open_image(bad)
    with pytest.raises(MachineFault, match=TOLD):
        load_data(option("image_folder", root=str(tmp_path), on_error="skip", skip_limit=0.5))


def test_a_file_of_a_run_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "meta.json")
    with pytest.raises(TLError, match="it is no file"):
        read_json(tmp_path / "meta.json")


def test_small_recipes_that_take_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for i in range(25):
        (tmp_path / f"t{i}.yaml").write_text(f"defaults: [t{i + 1}, t{i + 1}]\n" if i < 24 else "defaults: [base]\n")
    (tmp_path / "flat.yaml").write_text(f"defaults: [{', '.join(['base'] * 3000)}]\n")
    for name in ("t0", "flat"):
        with pytest.raises(TLError, match="this recipe starts from more than 100 others: merge some of them"):
            compose(f"{name}.yaml", [])
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 300))
    (tmp_path / "chain.yaml").write_text(chain)
    with pytest.raises(TLError, match=r"chain\.yaml:39:\d+: is no recipe: it is nested deeper than 40 levels"):
        compose("chain.yaml", [])
