import math

import numpy as np
import pytest
import scipy.special

from tl.evaluation.former import MEASURED
from tl.metrics.calibration import Bin, reliability, sigmoid, softmax


def test_softmax_and_sigmoid_agree_with_scipy_without_overflow():
    logits = np.array([[1000.0, 0.0, -1000.0], [0.1, -np.inf, 0.2], [-3.0, -2.0, 5.0]])
    assert softmax(logits) == pytest.approx(scipy.special.softmax(logits, axis=-1), abs=1e-15)
    assert sigmoid(logits) == pytest.approx(scipy.special.expit(logits), rel=1e-15)


@pytest.mark.parametrize("right", [0.6, 0.75, 0.95])
@pytest.mark.parametrize("kind", ["single", "multi"])
def test_the_temperature_of_one_confidence_is_known(kind, right):
    """Every answer has log-odds 3 and a share `right` is right: the best T turns 3 into the log-odds of `right`."""
    n = 200
    wrong = np.arange(n) >= right * n
    if kind == "single":
        logits, targets = np.tile([3.0, 0.0], (n, 1)), wrong.astype(np.int64)
    else:
        logits, targets = np.full((n, 1), 3.0), (~wrong).astype(np.int64)[:, None]
    assert MEASURED[kind].fit_temperature(logits, targets) == pytest.approx(
        3.0 / math.log(right / (1 - right)), rel=1e-4
    )


@pytest.mark.parametrize("true", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("kind", ["single", "multi"])
def test_the_temperature_that_scaled_the_logits_is_recovered(kind, true):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(6000, 5)) * 2
    if kind == "single":
        targets = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    else:
        targets = (rng.random(logits.shape) < scipy.special.expit(logits)).astype(np.int64)
    found = MEASURED[kind].fit_temperature((logits * true).astype(np.float32), targets)
    assert found == pytest.approx(true, rel=0.05)
    assert found == pytest.approx(true * MEASURED[kind].fit_temperature(logits, targets), rel=1e-4)


def test_the_temperature_stays_in_bounds():
    logits = np.tile([[0.5, 0.0], [0.0, 0.5]], (25, 1))
    assert MEASURED["single"].fit_temperature(logits, np.tile([0, 1], 25)) == pytest.approx(0.01, rel=0.01)
    assert MEASURED["single"].fit_temperature(logits, np.tile([1, 0], 25)) == pytest.approx(1000, rel=0.01)


def test_distances_in_place_of_logits_get_the_temperature_that_they_need():
    """Squared distances to class means are tens of times too sure: the share of right answers decides."""
    n, right = 400, 0.7
    logits = np.tile([39 * math.log(right / (1 - right)), 0.0], (n, 1))
    assert MEASURED["single"].fit_temperature(logits, (np.arange(n) >= right * n).astype(int)) == pytest.approx(
        39, rel=1e-4
    )


def test_numbers_nothing_and_few_samples_have_no_temperature():
    assert MEASURED["number"].fit_temperature(np.zeros((100, 1)), np.zeros((100, 1))) == 1.0
    assert MEASURED["single"].fit_temperature(np.zeros((0, 2)), np.zeros(0, np.int64)) == 1.0
    logits, targets = np.tile([3.0, 0.0], (50, 1)), np.arange(50) % 2
    assert MEASURED["single"].fit_temperature(logits[1:], targets[1:]) == 1.0
    assert MEASURED["single"].fit_temperature(logits, targets) > 100


def test_reliability_by_hand():
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.0, 0.0, 1.0], [0.1, 0.0, 0.9], [0.25, 0.45, 0.3]])
    found = reliability(p, np.array([0, 2, 2, 0, 1]), bins=2)
    assert found[0] == Bin(0.0, 0.5, 2, pytest.approx(0.475), 1.0)
    assert found[1] == Bin(0.5, 1.0, 3, pytest.approx(2.5 / 3), pytest.approx(1 / 3))


def test_reliability_of_labels_counts_each_probability():
    found = reliability(np.array([[0.0, 0.9], [0.2, 0.8]]), np.array([[0, 1], [1, 0]]), bins=5)
    assert [each.count for each in found] == [2, 0, 0, 1, 1]
    assert found[0] == Bin(0.0, 0.2, 2, pytest.approx(0.1), 0.5)
    assert math.isnan(found[1].confidence)
    assert math.isnan(found[1].accuracy)
    assert (found[3].accuracy, found[4].accuracy) == (0.0, 1.0)
