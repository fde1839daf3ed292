"""What all answers that are embeddings have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tl.metrics.calibration import Array, Floats
from tl.metrics.measured import Measured


@dataclass(frozen=True, eq=False)
class MeasuredEmbeddings(Measured):
    """Answers with `embeddings` (n, ..., d), which cosines compare."""

    embeddings: Array

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def directions(self) -> Floats:
        """The embeddings with the length 1; one that is 0 stays so."""
        whole = np.asarray(self.embeddings, np.float64)
        lengths = np.linalg.norm(whole, axis=-1, keepdims=True)
        found: Floats = whole / np.where(lengths > 0, lengths, 1.0)
        return found

    @property
    def broken(self) -> str:
        if not len(self):
            return "there are no samples"
        return "" if np.isfinite(self.embeddings).all() else "an output of the model is not finite"
