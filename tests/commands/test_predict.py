"""`tl predict`: what evaluation says of the same samples, whatever the batch, from wherever they come."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tl.commands import answer_file
from tl.commands import given as given_inputs

from .conftest import KINDS, WORDS, Command, Runs, Said, read_table, write_table
from .test_evaluate import data_of, rows_of


def answers(said: Said) -> list[dict[str, Any]]:
    assert said.code == 0, said.mistake
    return [json.loads(line) for line in said.out.splitlines()]


def inputs(kind: str, run: Path) -> list[str]:
    """The inputs of the test split, as a user types them."""
    ids = [row["id"] for row in read_table(run / "predictions" / "test.csv")]
    if kind == "image":
        return [str(data_of(run) / name) for name in ids]
    rows = [read_table(data_of(run))[int(name) - 2] for name in ids]
    return ["\t".join([row["text"], *([row["other"]] if kind == "pair" else [])]) for row in rows]


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_evaluation(kind: str, runs: Runs, tl: Command) -> None:
    run = runs(kind)
    given = inputs(kind, run)
    rows = read_table(run / "predictions" / "test.csv")
    prefix = "predicted_" if kind == "number" else "p_"
    for size in (1, 3, 64):
        found = answers(tl("predict", run, "--json", "--batch", size, "--", *given))
        assert [one["input"] for one in found] == given
        for one, row in zip(found, rows, strict=True):
            assert one["scores"] == pytest.approx(
                {name: float(row[f"{prefix}{name}"]) for name in one["scores"]}, rel=1e-4, abs=1e-5
            )  # a batch of another size may be summed in another order


def test_answers_name_what_they_mean(runs: Runs, tl: Command) -> None:
    (one,) = answers(tl("predict", runs("text"), "good old small", "--json"))
    assert one["predicted"] == max(one["scores"], key=one["scores"].__getitem__)
    assert one["probability"] == one["scores"][one["predicted"]]
    (one,) = answers(tl("predict", runs("multi"), "good old small", "--json"))
    assert one["predicted"] == [name for name in WORDS[:4] if one["scores"].get(name, 0) >= 0.5]
    (one,) = answers(tl("predict", runs("number"), "good old small", "--json"))
    assert one["predicted"] == [one["scores"]["length"], one["scores"]["vowels"]]


def typed(content: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")


def test_what_is_no_text_is_refused(runs: Runs, tl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", typed(b"good\nb\xe4d\n"))
    said = tl("predict", runs("text"), "-")
    assert (said.code, said.mistake) == (2, "-: line 2 is not UTF-8 (byte 0xe4): save the file as UTF-8.")
    said = tl("predict", runs("text"), "b\udce4d")
    assert (said.code, said.mistake) == (
        2,
        "command line: 'b\\udce4d' holds a character that is no Unicode text.",
    )


def test_lines_from_standard_input(runs: Runs, tl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", typed(b"\xef\xbb\xbfgood old\n\nbad new\r\n"))
    found = answers(tl("predict", runs("text"), "first", "-", "--json"))
    assert [one["input"] for one in found] == ["first", "good old", "", "bad new"]
    monkeypatch.setattr("sys.stdin", typed(b"good\tbad"))
    assert len(answers(tl("predict", runs("pair"), "-", "--json"))) == 1


def test_a_folder_stands_for_its_pictures(runs: Runs, tl: Command) -> None:
    root = data_of(runs("image"))
    found = answers(tl("predict", runs("image"), root, "--json"))
    assert [one["input"] for one in found] == sorted(map(str, root.rglob("*.png")))


def test_the_table_shows_texts_as_they_are(runs: Runs, tl: Command) -> None:
    out = tl("predict", runs("text"), "[bold]good[/] :smile: [/x]", "--top", "2").out
    assert "[bold]good[/] :smile: [/x]" in out
    assert out.splitlines()[0].split() == ["input", "answer", "scores"]
    assert len(out.splitlines()[1].split()) == 8


def test_what_cannot_be_answered(runs: Runs, tl: Command, tmp_path: Path) -> None:
    picture = next(data_of(runs("image")).rglob("*.png"))
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    mistakes = {
        ("image",): "Give at least one picture or text to answer for; - reads them line by line.",
        ("image", "no.png"): "This run reads pictures, but there is no file 'no.png'.",
        ("image", "word " * 100): f"This run reads pictures, but there is no file '{'word ' * 100}'.",
        ("image", broken): f"{broken}: is no picture that can be read: replace or remove it.",
        ("image", tmp_path / "empty"): f"'{tmp_path / 'empty'}' holds no pictures.",
        (
            "text",
            picture,
        ): f"'{picture}' is a picture, but this run reads texts: pass them as such, or as lines: - < FILE.",
        ("pair", "one text"): "This run reads pairs of texts: put a tab between the two (here: 'one text').",
    }
    for (kind, *words), mistake in mistakes.items():
        said = tl("predict", runs(kind), *words)
        assert (said.code, said.mistake) == (2, mistake)


def test_an_empty_text_has_an_answer(runs: Runs, tl: Command) -> None:
    (one,) = answers(tl("predict", runs("text"), "", "--json"))
    assert sum(one["scores"].values()) == pytest.approx(1, abs=1e-6)


def unlabelled(run: Path, kind: str, folder: Path) -> Path:
    """The inputs of the test split as a table with an id for each, and without any label."""
    ids = [row["id"] for row in read_table(run / "predictions" / "test.csv")]
    given = inputs(kind, run)
    if kind == "image":
        (folder / "pics").mkdir()
        names = [
            shutil.copy(path, folder / "pics" / f"{number}.png").name for number, path in enumerate(map(Path, given))
        ]
        return write_table(
            folder / "new.csv", ("key", "file"), [(i, f"pics/{name}") for i, name in zip(ids, names, strict=True)]
        )
    cells = [(name, *text.split("\t")) for name, text in zip(ids, given, strict=True)]
    return write_table(folder / "new.csv", ("key", "text", "other")[: len(cells[0])], cells)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_table_without_labels_is_answered_row_by_row(
    kind: str, ending: str, runs: Runs, tl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given_inputs, "_PART", 5)
    run, to = runs(kind), tmp_path / f"out{ending}"
    table = unlabelled(run, kind, tmp_path)
    columns = ["data.id=key", *(["data.image=file"] if kind == "image" else [])]
    said = tl("predict", run, table, *columns, "--to", to)
    judged = read_table(run / "predictions" / "test.csv")
    assert (said.code, said.out.split()) == (0, [f"{to}:", str(len(judged)), "rows"]), said.mistake
    rows = [json.loads(line) for line in to.read_text().splitlines()] if ending == ".jsonl" else rows_of(to)
    scores = [name for name in judged[0] if name.startswith("predicted_" if kind == "number" else "p_")]
    before = {"single": ["predicted", "confidence"], "multi": ["predicted"], "number": []}
    assert [*rows[0]] == ["id", *before[kind if kind in before else "single"], *scores]
    assert [row["id"] for row in rows] == [row["id"] for row in judged]
    for row, known in zip(rows, judged, strict=True):
        assert [float(row[name]) for name in scores] == pytest.approx(
            [float(known[name]) for name in scores], rel=1e-4, abs=1e-5
        )
        if kind == "multi":
            chosen = row["predicted"] if ending == ".jsonl" else [*filter(None, row["predicted"].split(";"))]
            assert chosen == [name.removeprefix("p_") for name in scores if float(row[name]) >= 0.5]
        elif kind != "number":
            best = max(scores, key=lambda name: float(row[name]))
            assert (row["predicted"], row["confidence"]) == (best.removeprefix("p_"), row[best])
    assert sorted(os.listdir(tmp_path)) == sorted({table.name, to.name, *(["pics"] if kind == "image" else [])})


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_interrupted_answers_go_on_and_end_in_the_same_bytes(
    ending: str, runs: Runs, tl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given_inputs, "_PART", 7)
    run, texts = runs("text"), read_table(data_of(runs("text")))
    table = write_table(tmp_path / "new.csv", ("text",), [(row["text"],) for row in texts])
    tl("predict", run, table, "--to", tmp_path / f"whole{ending}")
    to, append, calls = tmp_path / f"out{ending}", answer_file.AnswerFile.append, []

    def failing(self: answer_file.AnswerFile, rows: Any) -> None:
        append(self, rows)
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(answer_file.AnswerFile, "append", failing)
    assert tl("predict", run, table, "--to", to).code == 130
    assert not to.exists()
    said = tl("predict", run, table, "--to", to, "--batch", 3)
    assert (said.code, "holds answers to other inputs, or of another run or --batch" in said.mistake) == (2, True)
    errors = io.StringIO()
    monkeypatch.setattr("sys.stderr", errors)
    assert tl("predict", run, table, "--to", to).code == 0
    assert errors.getvalue() == f"{to}: 21 rows are there already: going on after them.\n"
    assert len(calls) == 3 + -(-(len(texts) - 21) // 7), "answered rows are not answered again"
    assert to.read_bytes() == (tmp_path / f"whole{ending}").read_bytes()


def test_a_file_that_is_there_is_not_overwritten_unasked(runs: Runs, tl: Command, tmp_path: Path) -> None:
    run, to = runs("text"), tmp_path / "out.csv"
    to.write_text("mine")
    said = tl("predict", run, "good old", "--to", to)
    assert (said.code, to.read_text()) == (2, "mine")
    assert said.mistake == f"--to: '{to}' is there already: name another file, or replace it with --overwrite."
    assert tl("predict", run, "good old", "--to", to, "--overwrite").code == 0
    assert [row["id"] for row in read_table(to)] == ["good old"]
    assert tl("predict", run, "good old", "--overwrite").mistake.startswith("--overwrite replaces the file")


def test_a_folder_is_answered_into_a_file_and_what_is_left_out_is_said(
    runs: Runs, tl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, errors = tmp_path / "new", io.StringIO()
    shutil.copytree(data_of(runs("image")), new)
    (new / "a.jp2").write_bytes(b"another format")
    (new / "b.txt").write_text("notes")
    (new / ".hidden").write_text("of the system")
    monkeypatch.setattr("sys.stderr", errors)
    assert tl("predict", runs("image"), new, "--to", tmp_path / "out.jsonl").code == 0
    assert errors.getvalue() == f"{new}: 2 files are no pictures and were skipped, such as a.jp2.\n"
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == sorted(map(str, new.rglob("*.png")))


def test_lines_of_standard_input_are_texts_wherever_the_command_is_called(
    runs: Runs, tl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tea").mkdir()
    (tmp_path / "t.csv").write_text("text\nx\n")
    monkeypatch.setattr("sys.stdin", typed(b"tea\nt.csv\nno.csv\ndata.text=x\n"))
    found = answers(tl("predict", runs("text"), "-", "--json"))
    assert [one["input"] for one in found] == ["tea", "t.csv", "no.csv", "data.text=x"]
    assert tl("predict", runs("text"), "tea").code == 2
    assert tl("predict", runs("text"), "tt.csv").mistake == "There is no table 'tt.csv'. Did you mean 't.csv'?"
    (one,) = answers(tl("predict", runs("text"), "t.csv", "--json"))
    assert one["input"] == "2", "the number of its line"


def test_tables_that_cannot_be_answered(runs: Runs, tl: Command, tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", ("review",), [("fine",)])
    mistakes = {
        ("text", table): "Say where the answers to a table go: --to answers.csv (or .jsonl, .parquet), or --json.",
        ("text", table, "--json"): f"data.text: {table} has no column 'text', only 'review'.",
        (
            "text",
            table,
            table,
            "--json",
        ): f"A table is answered by itself, but here are '{table}' and '{table}': give one.",
        ("image", table, "--json"): "data.text: give either this or data.image: the column that holds the input.",
        (
            "image",
            table,
            "data.text=review",
            "--json",
        ): "This run reads pictures: name their column with data.image=COLUMN.",
        (
            "text",
            table,
            "--to",
            tmp_path / "o.xlsx",
        ): f"--to '{tmp_path / 'o.xlsx'}' ends in none of .csv, .jsonl, .parquet.",
    }
    for (kind, *words), mistake in mistakes.items():
        said = tl("predict", runs(kind), *words)
        assert (said.code, said.mistake) == (2, mistake)
