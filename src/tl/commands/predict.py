"""`tl predict`: a run's answers to texts or pictures, a part of them at a time, so that any number fits into memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tl.commands.answer_file import AnswerFile
from tl.commands.given import Given
from tl.commands.open_run import Trained
from tl.commands.open_run import evaluator as evaluator_of
from tl.components.sample import Sample
from tl.evaluation.evaluator import Evaluator
from tl.evaluation.outcome import MOST_COLUMNS, decisions
from tl.inputs.cache import key
from tl.inputs.items import Items
from tl.inputs.workers import processes
from tl.place import Share
from tl.recipe.weights import RUN_MODEL, RUN_SPACE
from tl.run.disk import hash_of
from tl.space import Space

_TELL_S = 30.0


@dataclass(frozen=True)
class Answers:
    """A run's answers to a part of the inputs: `scores` are probabilities (N, C) or numbers (N, K)."""

    ids: Sequence[str]
    space: Space
    scores: npt.NDArray[np.float64]

    def mappings(self) -> Iterator[dict[str, Any]]:
        """For each input its id, the prediction, its probability where there is one class, and every score by name."""
        names = self.space.names
        for name, row, answer in zip(self.ids, self.scores.tolist(), decisions(self.space, self.scores), strict=True):
            scores = dict(zip(names, row, strict=True))
            match self.space.kind:
                case "single":
                    found = {"predicted": names[int(answer)], "probability": row[int(answer)]}
                case "multi":
                    found = {"predicted": _chosen(names, answer)}
                case _:
                    found = {"predicted": row}
            yield {"input": name, **found, "scores": scores}

    def rows(self) -> Iterator[list[Any]]:
        """For each input the values of `columns_of`."""
        names, columns = self.space.names, len(columns_of(self.space))
        for name, row, answer in zip(self.ids, self.scores.tolist(), decisions(self.space, self.scores), strict=True):
            match self.space.kind:
                case "single":
                    yield [name, names[int(answer)], row[int(answer)], *row][:columns]
                case "multi":
                    yield [name, _chosen(names, answer), *row]
                case _:
                    yield [name, *row]


def _chosen(names: Sequence[str], answer: Any) -> list[str]:
    return [name for name, on in zip(names, answer, strict=True) if on]


def columns_of(space: Space) -> list[str]:
    """The columns of answers in a file; more than MOST_COLUMNS classes have no column each."""
    if space.kind == "number":
        return ["id", *(f"predicted_{name}" for name in space.names)]
    scores = [f"p_{name}" for name in space.names]
    if space.kind == "multi":
        return ["id", "predicted", *scores]
    return ["id", "predicted", "confidence", *(scores if len(scores) <= MOST_COLUMNS else ())]


def predict(trained: Trained, given: Given, batch: int) -> Iterator[Answers]:
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
    with file.writing(columns_of(trained.model.head.space), identity) as done:
        if done:
            say(f"{file.to}: {done} rows are there already: going on after them.")
        for part in given.parts():
            left, first = part[max(0, done - first) :], first + len(part)
            if len(left):
                file.append(answer(left).rows())
            if time.monotonic() - told > _TELL_S:
                say(f"{file.to}: {first} rows are answered.")
                told = time.monotonic()
    return first


def _answerer(trained: Trained, batch: int) -> Callable[[Sequence[Sample]], Answers]:
    model, loop = trained.model, trained.recipe.loop
    device = evaluator_of(trained.recipe).device
    evaluator, workers = Evaluator(batch, Share(), device), processes(loop)
    model.to(device)

    def answer(samples: Sequence[Sample]) -> Answers:
        items = Items(samples, model.task, model.backbone.preprocess, workers=workers)
        found = evaluator.outputs(model, items)
        return Answers(found.ids, model.head.space, found.scores(model, trained.temperature))

    return answer
