"""What the true answers are like, from the samples that are not judged: all that a guess may know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tl.components.data.labels import names_of
from tl.components.sample import Sample
from tl.metrics.guessing import Prior
from tl.space import Space


def prior(space: Space, samples: Sequence[Sample]) -> Prior:
    """From the targets of labelled samples; with no sample at all, classes are taken to be equally frequent."""
    known = [sample.target for sample in samples if sample.target is not None]
    if space.kind == "number":
        return Prior.of_numbers(np.array(known, np.float64).reshape(-1, space.dim))
    found = Counter(name for target in known for name in names_of(target))
    return Prior.of_counts(np.array([float(found[name]) for name in space.names]), len(known), space.kind)
