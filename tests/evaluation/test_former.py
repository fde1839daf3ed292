"""Plug-ins that were written before types of answers call metrics by the kind of output."""

from __future__ import annotations

import numpy as np
import pytest

from tl.evaluation import former


def test_former_functions_take_the_kind_of_output() -> None:
    scores, targets = np.array([[0.7, 0.3], [0.4, 0.6], [0.8, 0.2]]), np.array([0, 1, 1])
    assert former.metric_names("number") == ["mae", "rmse", "r2", "pearson", "spearman"]
    assert "top5" in former.metric_names("single")
    assert "top5" not in former.metric_names("single", 5)
    assert former.default_metric("multi") == "map"
    assert former.better("mae", 0.1, 0.2)
    assert former.evaluate("single", scores, targets, ["a", "b"], ["accuracy"]) == {"accuracy": pytest.approx(2 / 3)}
    weights = np.array([[1.0, 1, 1], [1, 1, 0]])
    found = former.statistics("single", scores, targets, ["accuracy"])["accuracy"](weights)
    assert found == pytest.approx([2 / 3, 1])
    rows = former.per_class("single", scores, targets, ["a", "b"])
    assert [(row["name"], row["support"], row["recall"]) for row in rows] == [("a", 1, 1.0), ("b", 2, 0.5)]
