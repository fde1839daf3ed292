"""`tl predict`: a run's answers to texts or pictures, a part of them at a time, so that any number fits into memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tl.commands.answer_file import AnswerFile
from tl.commands.embedded import EmbeddedSamples, are_single, embed, embedding_columns
from tl.commands.given import Given
from tl.commands.open_run import Trained
from tl.commands.open_run import evaluator as evaluator_of
from tl.components.sample import Sample
from tl.components.task.base import Task
from tl.components.task.judged import Kept
from tl.evaluation.evaluator import Evaluator
from tl.inputs.cache import key
from tl.inputs.pairs import items_of
from tl.inputs.workers import processes
from tl.metrics.measured import Measured
from tl.place import Share
from tl.recipe.weights import RUN_MODEL, RUN_SPACE
from tl.run.disk import hash_of

_TELL_S = 30.0


@dataclass(frozen=True)
class Answers:
    """A run's answers to a part of the inputs."""

    samples: Sequence[Sample]
    task: Task
    kept: Kept
    found: Measured

    def mappings(self) -> Iterator[dict[str, Any]]:
        """For each input its id, the prediction, and what more the task says of it."""
        answers = self.task.answers(self.samples, self.kept, self.found)
        return ({"input": sample.id, **answer} for sample, answer in zip(self.samples, answers, strict=True))

    def rows(self) -> Iterator[list[Any]]:
        """For each input the values of the task's columns."""
        return self.task.cells(self.samples, self.kept, self.found)


def predict(trained: Trained, given: Given, batch: int) -> Iterator[Answers | EmbeddedSamples]:
    """The answers to what is given, in order; `batch` inputs are answered at once."""
    answer = _answerer(trained, batch)
    return (answer(part) for part in given.parts())


def predict_to(file: AnswerFile, trained: Trained, given: Given, batch: int, say: Callable[[str], None]) -> int:
    """Write the answers to a file, going on where an earlier call was interrupted; gives the number of rows.

    The identity of what is written holds all that the rows follow from, `batch` too: its size decides the last bits.
    """
    run = trained.run.path
    identity = key(hash_of(run / RUN_MODEL), hash_of(run / RUN_SPACE), given.identity(), batch)
    answer, told, first = _answerer(trained, batch), time.monotonic(), 0
    parts = given.parts()
    begin = next(parts)
    single = are_single(trained.model, begin)
    columns = embedding_columns(trained.model) if single else trained.model.task.columns()
    with file.writing(columns, identity) as done:
        if done:
            say(f"{file.to}: {done} rows are there already: going on after them.")
        for part in chain([begin], parts):
            left, first = part[max(0, done - first) :], first + len(part)
            if len(left):
                file.append(answer(left).rows())
            if time.monotonic() - told > _TELL_S:
                say(f"{file.to}: {first} rows are answered.")
                told = time.monotonic()
    return first


def _answerer(trained: Trained, batch: int) -> Callable[[Sequence[Sample]], Answers | EmbeddedSamples]:
    model, loop = trained.model, trained.recipe.loop
    device = evaluator_of(trained.recipe).device
    evaluator, workers = Evaluator(batch, Share(), device), processes(loop)
    model.to(device)

    def answer(samples: Sequence[Sample]) -> Answers | EmbeddedSamples:
        if are_single(model, samples):
            return embed(model, evaluator, samples, workers)
        items = items_of(samples, model.task, model.backbone.preprocess, workers=workers)
        found = evaluator.outputs(model, items)
        return Answers(samples, model.task, found.kept, found.measured(model, trained.temperature))

    return answer
