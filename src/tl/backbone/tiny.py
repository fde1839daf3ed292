"""Where the two tiny backbones get their weights: a file of their own, or a run that fine-tuned them."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from tl.errors import TLError
from tl.preprocess import Preprocess, from_json
from tl.weights import RUN_MODEL, Weights

PREFIX = "backbone."


def tiny_state(weights: Weights, fresh: Preprocess) -> tuple[dict[str, Tensor] | None, Preprocess]:
    """The state to load (None from scratch) and the preprocessing that belongs to it: a run's own, else `fresh`."""
    match weights.kind, weights.path:
        case "none", _:
            return None, fresh
        case "file", Path() as file:
            return load_file(file), fresh
        case "run", Path() as run:
            state = {
                key.removeprefix(PREFIX): value
                for key, value in load_file(run / RUN_MODEL).items()
                if key.startswith(PREFIX)
            }
            return state, from_json((run / "preprocess.json").read_text(encoding="utf-8"))
    raise TLError(
        f"weights: {weights.hub or weights.path} does not hold a tiny backbone: write none, "
        "package:tl/backbone/shipped/..., or the path of a .safetensors file or of a run."
    )
