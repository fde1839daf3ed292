"""Preprocessing as a file of a run, and as a hash: what is written into a run is what is read from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tl.components.preprocess import ImagePreprocess, Preprocess, TextPreprocess
from tl.errors import TLError
from tl.recipe.shape import Choice, ListOf, Record, Scalar
from tl.run.schema import check_shape, damaged_error, read_json

_FORMER_FIT = ("fit", "crop")
_SHAPES = {
    "image": Record(
        {
            "size": Scalar("int"),
            "resize": Scalar("int"),
            "interpolation": Choice(("bilinear", "bicubic")),
            "mean": ListOf(Scalar("float")),
            "std": ListOf(Scalar("float")),
            "fit": Choice(("crop", "whole", "letterbox")),
        },
        "",
    ),
    "text": Record({"tokenizer": Scalar("str"), "max_length": Scalar("int"), "pad_id": Scalar("int")}, ""),
}


def fingerprint(preprocess: Preprocess) -> str:
    """A short hash that is equal for equal preprocessing. Runs and cache keys hold it: never rename its facts."""
    facts = _facts(preprocess)
    match preprocess:
        case ImagePreprocess():
            facts["least"] = preprocess.min_side
        case TextPreprocess():
            pass
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def to_json(preprocess: Preprocess) -> str:
    """The preprocessing as text for the run folder; `from_json` reads it back."""
    return json.dumps(_facts(preprocess))


def _facts(preprocess: Preprocess) -> dict[str, Any]:
    """The preprocessing as plain data; the fit that all pictures once had is left out, so that hashes stay."""
    found = {"modality": preprocess.modality, **asdict(preprocess)}
    return {key: value for key, value in found.items() if (key, value) != _FORMER_FIT}


def from_json(file: Path) -> Preprocess:
    """What `to_json` wrote; TLError where the file is damaged."""
    facts = read_json(file)
    check_shape(file, Record({"modality": Choice(tuple(_SHAPES))}, ""), facts)
    shape = _SHAPES[facts["modality"]]
    if facts["modality"] == "image":
        facts = {**dict([_FORMER_FIT]), **facts}
    check_shape(file, shape, facts)
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
    known: dict[str, Any] = {key: values[key] for key in shape.fields}
    try:
        return TextPreprocess(**known) if facts["modality"] == "text" else ImagePreprocess(**known)
    except TLError as error:
        raise damaged_error(file, str(error)) from error
