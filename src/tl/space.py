"""The output space: what a model predicts, and the one label map that all splits share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

IGNORED = -100
"""A class number that stands for no target: no loss and no metric counts it, and ragged targets are padded with it."""

Form = Literal["pooled", "tokens", "maps", "pair"]
"""What a head reads: a vector of features for each sample (B, D), for each token of a text (B, T, D), for each place of
a grid over a picture (B, H, W, D), or for each text of a pair, which are embedded apart (B, 2, D)."""

Kind = Literal["single", "multi", "number", "embedding"]
"""One class for each sample, several labels, numbers, or a vector whose cosine with another says how alike both are."""


@dataclass(frozen=True)
class Space:
    """What a head predicts.

    `names` are the classes (single), labels (multi) or target columns (number, embedding), in the order of the outputs.
    `mean` and `std` of the training targets are set for numbers, and for embeddings whose cosines stand for numbers.
    `class_weights` (single) are factors of the loss, with mean 1 over the training samples; `label_weights` (multi) are
    two such factors for each label, where it is on and where it is off.
    """

    kind: Kind
    names: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    class_weights: tuple[float, ...] = ()
    label_weights: tuple[tuple[float, float], ...] = ()

    @property
    def dim(self) -> int:
        """The number of outputs."""
        return len(self.names)
