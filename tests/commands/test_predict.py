"""`tl predict`: what evaluation says of the same samples, whatever the batch, from wherever they come."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import KINDS, WORDS, Command, Runs, Said, read_table
from .test_evaluate import data_of


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
    for (kind, *given), mistake in mistakes.items():
        said = tl("predict", runs(kind), *given)
        assert (said.code, said.mistake) == (2, mistake)


def test_an_empty_text_has_an_answer(runs: Runs, tl: Command) -> None:
    (one,) = answers(tl("predict", runs("text"), "", "--json"))
    assert sum(one["scores"].values()) == pytest.approx(1, abs=1e-6)
