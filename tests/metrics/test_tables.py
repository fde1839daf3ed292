import math

import numpy as np
import pytest
from sklearn import metrics as sk

from tests.metrics.oracles import seen
from tl.metrics.tables import confusion

from .test_catalogue import names, probabilities


def test_confusion_agrees_with_sklearn():
    rng = np.random.default_rng(0)
    p, y = probabilities(rng, 60, 5), rng.integers(0, 4, 60)
    expected = sk.confusion_matrix(y, p.argmax(axis=1), labels=range(5))
    assert confusion(p, y) == {(i, j): int(n) for (i, j), n in np.ndenumerate(expected) if n}


def test_per_class_agrees_with_sklearn():
    rng = np.random.default_rng(1)
    p, y = probabilities(rng, 90, 4), rng.integers(0, 3, 90)
    rows = seen("single", p, y, names(4)).per_class()
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        y, p.argmax(axis=1), labels=range(4), zero_division=np.nan
    )
    assert [row["name"] for row in rows] == names(4)
    for key, column in {"precision": precision, "recall": recall, "f1": f1, "support": support}.items():
        assert [row[key] for row in rows] == pytest.approx(list(column), nan_ok=True)
    assert math.isnan(rows[3]["recall"])


def test_per_label_agrees_with_sklearn():
    rng = np.random.default_rng(2)
    p, y = rng.random((50, 3)), (rng.random((50, 3)) < 0.4).astype(np.int64)
    y[:, 1], p[:, 1] = 0, 0.2
    rows = seen("multi", p, y, names(3)).per_class()
    precision, recall, f1, support = sk.precision_recall_fscore_support(y, p >= 0.5, zero_division=np.nan)
    for key, column in {"precision": precision, "recall": recall, "f1": f1, "support": support}.items():
        assert [row[key] for row in rows] == pytest.approx(list(column), nan_ok=True)
    assert rows[0]["ap"] == pytest.approx(sk.average_precision_score(y[:, 0], p[:, 0]))
    assert math.isnan(rows[1]["ap"])
