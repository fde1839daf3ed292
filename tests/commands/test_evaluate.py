"""`tl evaluate`: the numbers of training again, other data, gates, and predictions that can be checked by hand."""

from __future__ import annotations

import io
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tasks import outcome_of
from tl.components.sample import Sample
from tl.space import Space

from .conftest import KINDS, WORDS, Command, Runs, read_table, write_table


def stored(run: Path, split: str) -> Any:
    return json.loads((run / "evaluation" / f"{split}.json").read_text())


def values(found: Any) -> dict[str, float]:
    return {name: metric["value"] for name, metric in found["metrics"].items()}


def data_of(run: Path) -> Path:
    """The table or folder that a run was trained on."""
    (line,) = [x for x in (run / "recipe.yaml").read_text().splitlines() if x.startswith(("  file: ", "  root: "))]
    return Path(line.partition(": ")[2])


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_are_those_of_training(kind: str, runs: Runs, tl: Command) -> None:
    run = runs(kind)
    assert tl("evaluate", run, "--json").json == stored(run, "test")
    assert tl("evaluate", run, "--split", "val", "--json").json == stored(run, "val")


def test_the_table_begins_with_the_metric_that_picked_the_weights(runs: Runs, tl: Command) -> None:
    head, first, *_ = tl("evaluate", runs("number")).out.splitlines()
    assert head.split()[:3] == ["metric", "test", "(n=12)"]
    assert first.split()[:2] == ["mae", f"{values(stored(runs('number'), 'test'))['mae']:.3f}"]


@pytest.mark.parametrize("kind", ["text", "number", "multi", "pair"])
def test_a_table_of_the_test_rows_scores_as_the_test_split(kind: str, runs: Runs, tl: Command, tmp_path: Path) -> None:
    run = runs(kind)
    lines = {int(row["id"]) for row in read_table(run / "predictions" / "test.csv")}
    rows = read_table(data_of(run))
    kept = [list(row.values()) for line, row in enumerate(rows, start=2) if line in lines]
    other = write_table(tmp_path / "other.csv", list(rows[0]), kept)
    found = tl("evaluate", run, "--data", other, "--json").json
    assert found["split"] == "other.csv"
    assert found["samples"] == len(lines) == len(kept)
    assert values(found) == pytest.approx(values(stored(run, "test")), rel=1e-6)


def test_a_folder_of_the_test_pictures_scores_as_the_test_split(runs: Runs, tl: Command, tmp_path: Path) -> None:
    run = runs("image")
    for row in read_table(run / "predictions" / "test.csv"):
        (tmp_path / row["id"]).parent.mkdir(exist_ok=True)
        shutil.copy(data_of(run) / row["id"], tmp_path / row["id"])
    found = tl("evaluate", run, "--data", tmp_path, "--json").json
    assert values(found) == pytest.approx(values(stored(run, "test")), rel=1e-6)


def test_a_class_that_was_not_learnt_is_named(runs: Runs, tl: Command, tmp_path: Path) -> None:
    strange = write_table(tmp_path / "new.csv", ("text", "class"), [("good", "long"), ("bad", "midle")])
    said = tl("evaluate", runs("text"), "--data", strange)
    assert said.code == 2
    assert said.mistake == f"{strange}:3: The class 'midle' is none that was learnt. Did you mean 'middle'?"


def test_a_word_for_missing_is_no_class_of_other_data(runs: Runs, tl: Command, tmp_path: Path) -> None:
    table = write_table(tmp_path / "new.csv", ("text", "class"), [("good", "long"), ("bad", "n/a")])
    said = tl("evaluate", runs("text"), "--data", table, "data.missing=[n/a]")
    assert (said.code, "new.csv:3: the sample has no label" in said.mistake) == (2, True)


def test_other_data_that_cannot_be_used(runs: Runs, tl: Command, tmp_path: Path) -> None:
    run = runs("text")
    assert tl("evaluate", run, "--data", tmp_path / "no.csv").mistake == (
        f"--data: there is nothing at '{tmp_path / 'no.csv'}'."
    )
    bare = write_table(tmp_path / "bare.csv", ("text", "class"), [("good", "")])
    assert "have no labels to evaluate against: use tl predict" in tl("evaluate", run, "--data", bare).mistake
    narrow = write_table(tmp_path / "narrow.csv", ("text", "clas"), [("good", "long")])
    said = tl("evaluate", run, "--data", narrow)
    assert said.code == 2
    assert said.mistake == f"data.label: {narrow} has no column 'class', only 'text', 'clas'. Did you mean 'clas'?"
    nan = write_table(tmp_path / "nan.csv", ("text", "length", "vowels"), [("good", "nan", 1)])
    assert "'length' is nan, not a finite number" in tl("evaluate", runs("number"), "--data", nan).mistake
    assert tl("evaluate", runs("image"), "--data", bare).code == 2


def test_an_unknown_split_is_named(runs: Runs, tl: Command) -> None:
    said = tl("evaluate", runs("text"), "--split", "tets")
    assert (said.code, said.mistake) == (2, "--split: the data has no split 'tets'. Did you mean 'test'?")


def test_gates(runs: Runs, tl: Command) -> None:
    run = runs("text")
    accuracy = values(stored(run, "test"))["accuracy"]
    assert tl("evaluate", run, "--fail-if", f"accuracy<{accuracy}").code == 0
    failed = tl("evaluate", run, "--fail-if", "accuracy<1.1", "--fail-if", "macro_f1>2")
    assert (failed.code, failed.mistake) == (3, f"gate accuracy<1.1 failed: on test, accuracy is {accuracy:.3f}.")
    assert "accuracy" in failed.out
    assert tl("evaluate", run, "--fail-if", "accuracy=1").code == 2
    assert tl("evaluate", run, "--fail-if", "acuracy<1").code == 2
    absent = tl("evaluate", run, "--fail-if", "mae>1")
    assert absent.code == 2
    assert "--fail-if names 'mae', which was not measured here" in absent.mistake


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        return list(read_table(path))
    from pyarrow.parquet import read_table as read_parquet

    found: list[dict[str, Any]] = read_parquet(path).to_pylist()
    return found


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_predictions_of_classes(ending: str, runs: Runs, tl: Command, tmp_path: Path) -> None:
    run, path = runs("text"), tmp_path / "deep" / f"rows{ending}"
    found = tl("evaluate", run, "--predictions", path, "--json").json
    rows = rows_of(path)
    names = ["long", "middle", "short"]
    assert list(rows[0]) == ["id", "true", "predicted", *(f"p_{name}" for name in names)]
    table = read_table(data_of(run))
    for row in rows:
        scores = [float(row[f"p_{name}"]) for name in names]
        assert math.fsum(scores) == pytest.approx(1, abs=1e-6)
        assert row["predicted"] == names[scores.index(max(scores))]
        assert row["true"] == table[int(row["id"]) - 2]["class"]
    right = sum(row["true"] == row["predicted"] for row in rows)
    assert len(rows) == found["samples"]
    assert right / len(rows) == pytest.approx(values(found)["accuracy"])


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_predictions_of_labels_and_numbers(ending: str, runs: Runs, tl: Command, tmp_path: Path) -> None:
    path = tmp_path / f"rows{ending}"
    tl("evaluate", runs("multi"), "--predictions", path)
    table = read_table(data_of(runs("multi")))
    for row in rows_of(path):
        true = [word for word in WORDS[:4] if table[int(row["id"]) - 2][word] == "1"]
        assert sorted(row["true"].split(";")) == sorted(true) or not true
        assert set(filter(None, row["predicted"].split(";"))) == {w for w in WORDS[:4] if float(row[f"p_{w}"]) >= 0.5}
    found = tl("evaluate", runs("number"), "--predictions", path, "--json").json
    rows = rows_of(path)
    off = [abs(float(r[f"true_{n}"]) - float(r[f"predicted_{n}"])) for r in rows for n in ("length", "vowels")]
    assert sum(off) / len(off) == pytest.approx(values(found)["mae"], rel=1e-6)


def test_where_predictions_cannot_go(runs: Runs, tl: Command, tmp_path: Path) -> None:
    said = tl("evaluate", runs("text"), "--predictions", tmp_path / "rows.xlsx")
    assert said.code == 2
    assert said.mistake == f"--predictions '{tmp_path / 'rows.xlsx'}' ends in none of .csv, .parquet."
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    assert tl("evaluate", runs("text"), "--predictions", tmp_path / "file" / "rows.csv").code == 2
    assert "Is a directory" in tl("evaluate", runs("text"), "--predictions", tmp_path / "folder.csv").mistake


def test_data_that_changed_since_training_is_refused(runs: Runs, tl: Command, tmp_path: Path) -> None:
    run, table = runs("text"), tmp_path / "texts.csv"
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    recipe = (copy / "recipe.yaml").read_text().replace(str(data_of(run)), str(table))
    (copy / "recipe.yaml").write_text(recipe)
    shutil.copy(data_of(run), table)
    assert tl("evaluate", copy).code == 0
    with table.open("a") as file:
        file.write("row 90,one more,short\n")
    said = tl("evaluate", copy)
    assert said.code == 2
    assert f"The data of '{copy}' changed since it was trained" in said.mistake
    assert tl("evaluate", copy, "--data", table).code == 0
    table.unlink()
    assert tl("evaluate", copy).code == 2


def test_a_run_that_stopped_before_it_had_a_model(runs: Runs, tl: Command, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs("text"), copy)
    (copy / "model.safetensors").unlink()
    meta = json.loads((copy / "meta.json").read_text())
    (copy / "meta.json").write_text(json.dumps({**meta, "status": "stopped"}))
    for command in (("evaluate", copy), ("predict", copy, "text"), ("extract-features", copy, "--to", "f.npz")):
        said = tl(*command)
        assert (said.code, said.mistake) == (
            2,
            f"'{copy}' has no model yet (it is stopped). Go on with: tl finetune --resume {copy}",
        )
    (tmp_path / "empty").mkdir()
    assert "is no run" in tl("evaluate", tmp_path / "empty").mistake


def test_a_row_without_a_label_is_named_and_not_left_out(runs: Runs, tl: Command, tmp_path: Path) -> None:
    lines = data_of(runs("text")).read_text().splitlines()
    place = lines[0].split(",").index("class")
    cells = lines[3].split(",")
    cells[place] = ""
    table = tmp_path / "other.csv"
    table.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:9]]) + "\n")
    said = tl("evaluate", runs("text"), "--data", table)
    assert said.code == 2
    assert said.mistake.startswith(f"{table}:4: the sample has no label: fill it in or remove the row")


def test_of_many_classes_a_runs_own_table_holds_two_scores() -> None:
    scores = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]])
    samples = [Sample(str(i), "words", name, "here") for i, name in enumerate("ca")]
    space = Space("single", ("a", "b", "c"))
    found = outcome_of(space, scores, [2, 0], samples=samples)
    assert found.rows(2) == (
        ["id", "true", "predicted", "p_true", "p_predicted"],
        [["0", "c", "b", 0.3, 0.6], ["1", "a", "a", 0.5, 0.5]],
    )
    assert found.rows(3)[0] == ["id", "true", "predicted", "p_a", "p_b", "p_c"]


def test_other_data_needs_only_the_text_and_the_label(runs: Runs, tl: Command, tmp_path: Path) -> None:
    run, rows = runs("text"), read_table(data_of(runs("text")))
    plain = write_table(tmp_path / "plain.csv", ("text", "class"), [(row["text"], row["class"]) for row in rows])
    whole = values(tl("evaluate", run, "--data", data_of(run), "--json").json)
    keys = ("data.id=name", "data.group=speaker", "data.split_column=part")  # columns that plain.csv does not have
    path = tmp_path / "rows.csv"
    said = tl("evaluate", run, *keys, "--data", plain, "--predictions", path, "--json")
    assert values(said.json) == whole
    assert [row["id"] for row in read_table(path)] == [str(number) for number in range(2, len(rows) + 2)]
    named = tl("evaluate", run, *keys, "--data", data_of(run), "--predictions", path, "--json")
    assert values(named.json) == whole
    assert [row["id"] for row in read_table(path)] == [row["name"] for row in rows], "ids are kept where there are any"


def test_other_data_may_have_other_names_of_columns(runs: Runs, tl: Command, tmp_path: Path) -> None:
    run, rows = runs("text"), read_table(data_of(runs("text")))
    table = write_table(tmp_path / "new.csv", ("review", "kind"), [(row["text"], row["class"]) for row in rows])
    named = tl("evaluate", run, "data.text=review", "data.label=kind", "--data", table, "--json").json
    assert values(named) == values(tl("evaluate", run, "--data", data_of(run), "--json").json)
    said = tl("evaluate", run, "data.text=reviw", "data.label=kind", "--data", table)
    assert (said.code, said.mistake.endswith("Did you mean 'review'?")) == (2, True)
    said = tl("evaluate", run, "loop.batch=3", "--data", table)
    assert said.code == 2
    assert said.mistake.startswith("'loop.batch=3': a trained run is used as it is; only keys of its data can be set")


def test_a_folder_of_other_pictures_needs_no_groups_and_says_what_it_leaves_out(
    runs: Runs, tl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs("image")
    picture = next(data_of(run).rglob("*.png"))
    (tmp_path / picture.parent.name).mkdir()
    shutil.copy(picture, tmp_path / picture.parent.name / "one.png")
    (tmp_path / picture.parent.name / "two.jp2").write_bytes(b"another format")
    errors = io.StringIO()
    monkeypatch.setattr("sys.stderr", errors)
    assert tl("evaluate", run, "data.group='(nowhere)'", "--data", tmp_path, "--json").json["samples"] == 1
    assert "1 file is no picture and was skipped, such as two.jp2" in errors.getvalue()
