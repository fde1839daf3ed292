"""What the true answers are like, from the samples that are not judged: all that a guess may know."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tl.components import columns
from tl.components.data.labels import class_counts, has_target
from tl.components.sample import Samples
from tl.metrics.labels import Labels
from tl.metrics.measured import Prior
from tl.metrics.numbers import Numbers
from tl.metrics.one_class import OneClass
from tl.space import Space


def prior(space: Space, *parts: Samples) -> Prior:
    """From the targets of labelled samples; with no sample at all, classes are taken to be equally frequent."""
    if space.kind == "number":
        targets = [part.targets for part in parts]
        known = [numbers.values[numbers.known] for numbers in targets if isinstance(numbers, columns.Numbers)]
        return Numbers.prior(np.concatenate([np.zeros((0, space.dim)), *known]))
    found: Counter[str] = sum(map(class_counts, parts), Counter())
    samples = sum(int(has_target(part).sum()) for part in parts)
    seen = OneClass if space.kind == "single" else Labels
    return seen.prior(np.array([float(found[name]) for name in space.names]), samples)
