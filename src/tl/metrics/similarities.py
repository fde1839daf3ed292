"""Scores of how alike two things are, and their metrics: what counts first is the order of the pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tl.metrics import regression
from tl.metrics.numbers import MeasuredNumbers
from tl.metrics.weighted import Builder


class MeasuredSimilarities(MeasuredNumbers):
    """`scores` are the predicted similarities (n, 1), `targets` the true ones (n, 1), in the units of the data."""

    metrics: ClassVar[Mapping[str, Builder]] = {
        "spearman": regression.spearman,
        "pearson": regression.pearson,
        "rmse": regression.rmse,
        "mae": regression.mae,
    }
    main: ClassVar[str] = "spearman"
