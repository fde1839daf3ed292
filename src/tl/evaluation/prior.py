"""What the true answers are like, from the samples that are not judged: all that a guess may know."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tl.components.columns import Numbers
from tl.components.data.labels import class_counts, has_target
from tl.components.sample import Samples
from tl.metrics.guessing import Prior
from tl.space import Space


def prior(space: Space, *parts: Samples) -> Prior:
    """From the targets of labelled samples; with no sample at all, classes are taken to be equally frequent."""
    if space.kind == "number":
        columns = [part.targets for part in parts]
        known = [numbers.values[numbers.known] for numbers in columns if isinstance(numbers, Numbers)]
        return Prior.of_numbers(np.concatenate([np.zeros((0, space.dim)), *known]))
    found: Counter[str] = sum(map(class_counts, parts), Counter())
    samples = sum(int(has_target(part).sum()) for part in parts)
    return Prior.of_counts(np.array([float(found[name]) for name in space.names]), samples, space.kind)
