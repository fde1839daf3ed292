"""`tl predict`: predictions for files or texts, in batches."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from tl.commands.open_run import Trained, evaluator
from tl.components.data.bad_samples import unicode_problem
from tl.components.data.image_folder import is_picture
from tl.components.picture import SUFFIXES
from tl.components.sample import Sample
from tl.errors import TLError
from tl.evaluation.outcome import decisions
from tl.inputs.items import Items
from tl.inputs.streams import in_order, to_device
from tl.inputs.workers import processes


def predict(trained: Trained, inputs: Sequence[str], batch: int) -> Iterator[dict[str, Any]]:
    """One mapping for each input, in order: the prediction, its probability, and every score by name."""
    model, space = trained.model, trained.model.head.space
    samples = _samples(inputs, model.backbone.preprocess.modality, pairs=bool(trained.recipe.data.values.get("pair")))
    device = evaluator(trained.recipe).device
    model.to(device)
    items = Items(samples, space, model.backbone.preprocess, workers=processes(trained.recipe.loop))
    remaining = iter(samples)
    with torch.inference_mode():
        for drawn in in_order(items, batch):
            moved = to_device(drawn, device)
            scores = model.head.scores(model(moved.x), trained.temperature).double().cpu().numpy()
            for row, answer in zip(scores, decisions(space, scores), strict=True):
                named = {name: float(value) for name, value in zip(space.names, row, strict=True)}
                yield {"input": next(remaining).id, **_answer(space.kind, space.names, answer, row), "scores": named}


def _answer(kind: str, names: Sequence[str], answer: Any, row: Any) -> dict[str, Any]:
    match kind:
        case "single":
            return {"predicted": names[int(answer)], "probability": float(row[int(answer)])}
        case "multi":
            return {"predicted": [name for name, on in zip(names, answer, strict=True) if on]}
        case _:
            return {"predicted": [float(value) for value in row]}


def _samples(inputs: Sequence[str], modality: str, pairs: bool) -> list[Sample]:
    if not inputs:
        raise TLError("Give at least one picture or text to answer for; - reads them line by line.")
    if modality == "text":
        samples = [Sample(text, _text(text, pairs), None, "command line") for text in inputs]
        if wrong := next(filter(None, map(unicode_problem, samples)), None):
            raise TLError(f"{wrong}.")
        return samples
    paths = [path for name in inputs for path in _files(name)]
    return [Sample(str(path), path, None, str(path)) for path in paths]


def _text(text: str, pairs: bool) -> str | tuple[str, str]:
    if os.path.exists(text):
        what = "a picture" if Path(text).suffix.lower() in SUFFIXES else "a file or folder"
        raise TLError(f"'{text}' is {what}, but this run reads texts: pass them as such, or as lines: - < FILE.")
    if not pairs:
        return text
    first, tab, second = text.partition("\t")
    if not tab:
        raise TLError(f"This run reads pairs of texts: put a tab between the two (here: '{text}').")
    return first, second


def _files(name: str) -> list[Path]:
    if os.path.isdir(name):
        found = [path for path in sorted(Path(name).rglob("*")) if is_picture(path)]
        if not found:
            raise TLError(f"'{name}' holds no pictures.")
        return found
    if not os.path.isfile(name):
        raise TLError(f"This run reads pictures, but there is no file '{name}'.")
    return [Path(name)]
