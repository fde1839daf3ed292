"""The verb `predict`: answers for files or texts, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from tl.assemble import Trained
from tl.data.base import Sample
from tl.errors import TLError
from tl.outcome import answers
from tl.score import evaluator
from tl.streams import Items, in_order, to_device

_IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"}


def predict(trained: Trained, inputs: Sequence[str], batch: int) -> Iterator[dict[str, Any]]:
    """One answer for each input, in order: the answer, its probability and every score by name."""
    model, space = trained.model, trained.model.head.space
    samples = _samples(inputs, model.backbone.preprocess.modality)
    device = evaluator(trained.recipe).device
    model.to(device)
    items = Items(samples, space, model.backbone.preprocess)
    numbers = iter(samples)
    with torch.inference_mode():
        for some in in_order(items, batch):
            moved = to_device(some, device)
            scores = model.head.scores(model(moved.x), trained.temperature).double().cpu().numpy()
            for row, answer in zip(scores, answers(space, scores), strict=True):
                named = {name: float(value) for name, value in zip(space.names, row, strict=True)}
                yield {"input": next(numbers).id, **_answer(space.kind, space.names, answer, row), "scores": named}


def _answer(kind: str, names: Sequence[str], answer: Any, row: Any) -> dict[str, Any]:
    match kind:
        case "single":
            return {"predicted": names[int(answer)], "probability": float(row[int(answer)])}
        case "multi":
            return {"predicted": [name for name, on in zip(names, answer, strict=True) if on]}
        case _:
            return {"predicted": [float(value) for value in row]}


def _samples(inputs: Sequence[str], modality: str) -> list[Sample]:
    if not inputs:
        raise TLError("Give at least one file or text to answer for.")
    if modality == "text":
        return [Sample(text, text, None, "command line") for text in inputs]
    paths = [path for name in inputs for path in _files(Path(name))]
    return [Sample(str(path), path, None, str(path)) for path in paths]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in _IMAGES]
        if not found:
            raise TLError(f"'{path}' holds no pictures.")
        return found
    if not path.is_file():
        raise TLError(f"There is no file '{path}'.")
    return [path]
