"""Metrics of similarities against SciPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from tl.metrics.measured import compute_metrics
from tl.metrics.similarities import MeasuredSimilarities


@pytest.mark.parametrize("cases", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_values_are_scipys_on_random_cases_with_ties(cases: int) -> None:
    rng = np.random.default_rng(0)
    for case in range(cases):
        n = int(rng.integers(3, 40))
        true = np.round(rng.normal(size=(n, 1)), case % 3)
        said = true + rng.normal(size=(n, 1))
        said = np.round(said, 1) if case % 2 else said
        if len({*true[:, 0]}) == 1 or len({*said[:, 0]}) == 1:
            continue
        found = compute_metrics(MeasuredSimilarities(said, true, ["score"]))
        assert found["spearman"] == pytest.approx(spearmanr(said[:, 0], true[:, 0]).statistic)
        assert found["pearson"] == pytest.approx(pearsonr(said[:, 0], true[:, 0]).statistic)
        assert found["rmse"] == pytest.approx(root_mean_squared_error(true, said))
        assert found["mae"] == pytest.approx(mean_absolute_error(true, said))
    assert MeasuredSimilarities.main == "spearman"
