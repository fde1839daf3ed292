"""What `tl check` warns of is kept in the run and shown by its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from tl.commands.check import check

SMALL = ["data=table", "data.file=t.csv", "data.text=text", "data.label=label", "backbone=tiny_text"]
SHORT = ["loop.length=2step", "loop.batch=8", "loop.device=cpu", "loop.bootstrap=0", "optimizer.warmup=0step"]


def test_a_run_keeps_what_check_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: Callable[..., Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"sentence number {i},{'good' if i % 2 else 'bad'}" for i in range(40)]
    lines += ["Sentence  number 4,good", "sentence number 6,bad"]
    Path("t.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    recipe = [*SMALL, *SHORT, "head.ridge_strength=2", "head.init=random"]
    warned = [str(one).removeprefix("command line: ") for one in check("base", recipe, Path("runs")).warnings]
    assert [one.partition(" ")[0] for one in warned] == ["head.ridge_strength=2", "Equal", "val"]

    run = train(*recipe)
    kept = json.loads((run / "check.json").read_text())
    assert [one["text"] for one in kept["warnings"]] == warned
    assert [one["code"] for one in kept["warnings"]] == ["E070", None, "E167"]
    assert kept["splits"] == {"train": 30, "val": 6, "test": 6}
    assert kept["copies"]["inputs"] == 2
    pairs = [[(one["where"], one["target"]) for one in rows] for rows in kept["copies"]["listed"]]
    assert sorted(map(sorted, pairs)) == [
        [("t.csv:42", "good"), ("t.csv:6", "bad")],
        [("t.csv:43", "bad"), ("t.csv:8", "bad")],
    ]
    assert all(len({one["split"] for one in rows}) == 1 for rows in kept["copies"]["listed"])
    page = unescape((run / "report.html").read_text())
    assert [text for text in warned if f"<li>{text}</li>" not in page] == []
