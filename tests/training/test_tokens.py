"""A task that reads tokens in the one trainer: its loss weighs words, however a batch is cut into pieces."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.conftest import SHORT
from tests.training.test_trainer import Resumed, Rows, Train, equal, losses
from tests.user_data import names
from tl.commands.assemble import Assembly, assemble
from tl.errors import Mistakes
from tl.inputs.streams import Stream
from tl.place import Share
from tl.recipe.recipe import load


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A recipe for 40 texts with two names each, whose texts differ in their numbers of words."""
    folder = tmp_path_factory.mktemp("names")
    names(folder)
    recipe = ["data=conll", f"data.file={folder / 'names.conll'}", "backbone=tiny_text"]
    return [*recipe, "loop.batch=16", "loop.device_batch=16", "optimizer.lr=0.005"]


def gradient(assembly: Assembly, device_batch: int, world: int) -> Tensor:
    """The gradient of a step's loss, summed over pieces and processes as the trainer weighs them."""
    model, total = assembly.model.eval(), 0.0
    model.zero_grad()
    for rank in range(world):
        stream: Stream = replace(assembly.streams(Share(rank, world))["train"], device_batch=device_batch)
        (pieces,) = stream.steps(3, 4)
        for piece in pieces:
            total += piece.weight
            output = model(piece.batch.x, piece.batch.start)
            torch.stack(list(model.loss(output, piece.batch.y).values())).sum().mul(piece.weight).backward()
    assert total == pytest.approx(1)
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("device_batch, world", [(1, 1), (5, 1), (16, 2), (3, 2), (16, 3), (2, 3)])
def test_pieces_and_processes_have_the_gradient_of_the_whole_batch(
    tokens: list[str], device_batch: int, world: int
) -> None:
    assembly = assemble(load("base", [*tokens, "loop.bucket=false"]))
    whole = gradient(assembly, 16, 1)
    pieces = gradient(assembly, device_batch, world)
    assert float((pieces - whole).norm() / whole.norm()) < 1e-6


def test_a_piece_weighs_its_words_not_its_texts(tokens: list[str]) -> None:
    stream = assemble(load("base", tokens)).streams(Share())["train"]
    (pieces,) = replace(stream, device_batch=3).steps(0, 1)
    words = [int((piece.batch.y >= 0).sum()) for piece in pieces]
    assert len({*words}) > 1
    assert [piece.weight for piece in pieces] == [count / sum(words) for count in words]


def test_resuming_equals_never_stopping(tokens: list[str], resumed: Resumed, rows: Rows) -> None:
    whole, halted = resumed(
        *tokens, *SHORT, "freeze=linear_then_all", "freeze.probe=50%", "loop.ema=0.9", "loop.log_every=2step"
    )
    assert equal(whole, halted)
    assert rows(whole) == rows(halted)
    assert rows(whole, "val") == rows(halted, "val")


def test_cached_activations_of_tokens_change_nothing(tokens: list[str], train: Train, rows: Rows) -> None:
    recipe = [*tokens, *SHORT, "freeze=linear_then_all", "freeze.probe=50%"]
    cached, computed = train(*recipe, "cache.use=always"), train(*recipe, "cache.use=never")
    assert equal(cached, computed)
    assert losses(rows(cached)) == losses(rows(computed))


def test_from_the_ridge_start_on_names_are_found(tokens: list[str], train: Train, rows: Rows) -> None:
    run = train(*tokens, *SHORT, "freeze=linear_probe")
    assert rows(run, "val")[-1]["span_f1"] > 0.9


@pytest.mark.parametrize(
    "override, message",
    [
        ("head=nearest_mean", r"head 'nearest_mean' answers for one vector a sample, but task 'token_classification' "
         r"reads tokens: take head=cosine or head=linear or head=mlp\."),
        ("augment=text", r"augment 'text' changes what the targets of the task stand at, but task "
         r"'token_classification' reads tokens: take augment=none\."),
    ],
)  # fmt: skip
def test_options_for_one_vector_a_sample_are_refused(tokens: list[str], override: str, message: str) -> None:
    with pytest.raises(Mistakes, match=message) as error:
        assemble(load("base", [*tokens, override]))
    assert [mistake.code for mistake in error.value.mistakes] == ["E069"]


def test_the_method_must_work_on_tokens(tokens: list[str], train: Callable[..., Path]) -> None:
    with pytest.raises(Mistakes, match=r"method 'dann' works on one vector a sample, .*: take method=finetune\."):
        assemble(load("base", [*tokens, "method=dann"]))


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_texts_of_a_table_are_answered_with_spans_in_every_kind_of_file(
    tokens: list[str], train: Train, tmp_path: Path, ending: str
) -> None:
    from tl.commands.answer_file import AnswerFile
    from tl.commands.given import Input, read_given
    from tl.commands.open_run import open_run
    from tl.commands.predict import predict_to

    trained = open_run(train(*tokens, *SHORT, "freeze=linear_probe"))
    (tmp_path / "new.csv").write_text("words,other\nAnna went to Rome 3 times,x\nCarl went,y\n")
    given = read_given(trained, [Input(str(tmp_path / "new.csv"), True), Input("data.text=words", True)], print)
    file = tmp_path / f"answers.{ending}"
    assert predict_to(AnswerFile(file, overwrite=False), trained, given, 8, print) == 2
    if ending == "parquet":
        pytest.importorskip("pyarrow")
        from pyarrow.parquet import read_table

        rows = read_table(file).to_pylist()
    elif ending == "csv":
        rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    else:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    said = [row["predicted"] if ending == "jsonl" else json.loads(row["predicted"]) for row in rows]
    assert {"begin": 0, "end": 4, "class": "person", "text": "Anna"} in said[0]
    assert [row["id"] for row in rows] == ["2", "3"]
