"""Output in any encoding of the stream, and names of files that are no Unicode (Linux allows any bytes)."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, outside
from tl import cli
from tl.cli.main import main
from tl.cli.printing.json_output import print_json, print_json_line
from tl.errors import TLError
from tl.run.run import Run as RunFolder

CONTENT = {"café": ["naïve 学习 😀", "l\udce9", "tab\tand \x9b", float("nan")], "n": 0.1}
LATIN = os.fsdecode(b"l\xe9")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "utf-16", "shift-jis"])
def test_json_is_json_whatever_the_encoding_of_the_stream(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace"))
    print_json(CONTENT)
    sys.stdout.flush()
    first = raw.tell()
    print_json_line(CONTENT)
    sys.stdout.flush()
    content = raw.getvalue()
    for part in (content[:first], content[first:]):
        assert json.loads(part.decode(encoding)) == {"café": [*CONTENT["café"][:3], None], "n": 0.1}  # type: ignore[index]


def test_all_json_is_printed_by_that_code() -> None:
    for file in Path(cli.__file__).parent.rglob("*.py"):
        assert file.name == "json_output.py" or "json.dumps" not in file.read_text(), f"{file}: call print_json"


def test_check_in_ascii_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{word} {i},{('café', 'thé')[i % 2]}\n" for i, word in enumerate(["bon", "grand"] * 30))
    (tmp_path / "t.csv").write_text("text,label\n" + rows, encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    recipe = ["data=table", "data.file=t.csv", "data.text=text", "data.label=label", "backbone=tiny_text"]
    done = outside(tmp_path, "check", "base", *recipe, "--json")
    assert set(json.loads(done.stdout)["counts"]["train"]) == {"café", "thé"}, done


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["check", "base", f"data.file={LATIN}.csv"], "command line: 'data.file=l\\udce9.csv' is no UTF-8 text"),
        (["copy", "images", f"{LATIN}.yaml"], "'l\\udce9.yaml' is no UTF-8 text"),
        (["evaluate", LATIN], "'l\\udce9' is no UTF-8 text: give a folder for runs whose name is in UTF-8."),
        (["runs", LATIN], "There is no folder 'l\\udce9'"),
        (["check", LATIN], "There is no recipe 'l\\udce9'"),
    ],
)
def test_a_name_that_is_no_unicode_ends_in_a_sentence(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("sys.argv", ["tl", *arguments])
    error = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(error, encoding="utf-8"))
    with pytest.raises(SystemExit) as ended:
        main()
    sys.stderr.flush()
    assert ended.value.code == 2
    assert message in error.getvalue().decode()


def test_a_recipe_in_such_a_folder_is_checked_as_it_is_trained(tl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(LATIN)
    folder.mkdir()
    (folder / "r.yaml").write_text("defaults: [base, data: table]\ndata: {file: t.csv, text: text, label: label}\n")
    (folder / "t.csv").write_text("text,label\n")
    monkeypatch.chdir(folder)
    with pytest.raises(TLError, match=r"r\.yaml:2: data\.file 't\.csv' is at .*, a path that is no UTF-8 text: give"):
        tl("check", "r.yaml")


def test_a_run_keeps_a_command_that_names_such_a_file_and_makes_no_such_folder(tmp_path: Path) -> None:
    command = f"tl finetune {LATIN}.yaml"
    run = RunFolder.create(tmp_path, "r", {"seed": 1}, {"command": command, "seconds": 0.0})
    run.log({"step": 1, "split": LATIN})
    run.write("skipped.txt", f"{LATIN}.png: no picture\n")
    assert RunFolder.open(run.path).meta["command"] == command
    assert run.rows() == [{"step": 1, "split": LATIN}]
    assert (run.path / "skipped.txt").read_text(encoding="utf-8") == "l\\udce9.png: no picture\n"
    with pytest.raises(TLError, match="is no UTF-8 text"):
        RunFolder.create(tmp_path / LATIN, "r", {"seed": 1}, {})
    assert not (tmp_path / LATIN).exists()
