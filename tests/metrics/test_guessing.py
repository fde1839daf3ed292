"""The best guess for each metric, and the paired comparison with it, by hand and against SciPy."""

import numpy as np
import pytest
import scipy.stats
from sklearn import metrics as sk

from tests.metrics.oracles import alone, seen
from tl.metrics.guessing import compare, sign_test, skewed_mean
from tl.metrics.labels import MeasuredLabels
from tl.metrics.measured import Prior, compute_metrics
from tl.metrics.numbers import MeasuredNumbers
from tl.metrics.one_class import MeasuredClasses

# 60 % cats, 30 % dogs, 10 % owls were seen elsewhere.
KINDS = Prior(np.array([0.6, 0.3, 0.1]), np.zeros(0), np.zeros(0))
NAMES = ["cat", "dog", "owl"]


def score(kind, name, prior, targets):
    return guess(kind, name, prior, targets)(np.ones((1, len(targets))))[0]


def guess(kind, name, prior, targets):
    width = max(len(prior.shares), len(prior.mean))
    return seen(kind, np.zeros((len(targets), width)), targets).guess(name, prior)


def test_the_guesses_of_classes():
    y = np.repeat([0, 1, 2], [5, 4, 1])
    shares = np.tile(KINDS.shares, (10, 1))
    assert score("single", "accuracy", KINDS, y) == pytest.approx(0.5)
    assert score("single", "balanced_accuracy", KINDS, y) == pytest.approx(1 / 3)
    assert score("single", "log_loss", KINDS, y) == pytest.approx(sk.log_loss(y, shares, labels=[0, 1, 2]))
    assert score("single", "brier", KINDS, y) == pytest.approx(((shares - np.eye(3)[y]) ** 2).sum() / 10)
    assert (score("single", "mcc", KINDS, y), score("single", "auroc", KINDS, y)) == (0, 0.5)
    assert guess("single", "ece", KINDS, y) is None


def test_the_guess_for_macro_f1_answers_each_class_at_its_share():
    """2 p q / (p + q) for the share p of a class and the share q of its answers; one class alone would get less."""
    y = np.repeat([0, 1, 2], [5, 4, 1])
    p, q = np.array([0.5, 0.4, 0.1]), KINDS.shares
    expected = (2 * p * q / (p + q)).mean()
    assert score("single", "macro_f1", KINDS, y) == pytest.approx(expected)
    assert expected > compute_metrics(seen("single", np.eye(3)[[0] * 10], y, NAMES), ["macro_f1"])["macro_f1"]
    drawn = np.random.default_rng(0).choice(3, (400, 10_000), p=q)
    truth = np.repeat(y, 1000)
    found = [sk.f1_score(truth, answer, average="macro") for answer in drawn[:20]]
    assert np.mean(found) == pytest.approx(expected, abs=0.005)


def test_the_guesses_of_labels():
    prior = Prior(np.array([0.7, 0.2, 0.1]), np.zeros(0), np.zeros(0))
    y = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]])
    everywhere = [2 * p / (1 + p) for p in (0.75, 0.25, 0.25)]
    assert score("multi", "macro_f1", prior, y) == pytest.approx(np.mean(everywhere))
    assert score("multi", "micro_f1", prior, y) == pytest.approx(2 * 3 / (4 + 5))  # the first label alone, on all four
    assert score("multi", "map", prior, y) == pytest.approx((0.75 + 0.25 + 0.25) / 3)


def test_the_guesses_of_numbers():
    prior = MeasuredNumbers.prior(np.array([[1.0], [2.0], [9.0]]))
    y = np.array([[2.0], [4.0]])
    assert score("number", "mae", prior, y) == pytest.approx(1.0)  # the median, 2
    assert score("number", "rmse", prior, y) == pytest.approx(2**0.5)  # the mean, 4
    assert score("number", "r2", prior, y) == pytest.approx(1 - 4 / 2)
    assert (score("number", "pearson", prior, y), score("number", "spearman", prior, y)) == (0, 0)


def test_what_is_known_of_the_answers():
    """Jeffreys' half a sample for each class, so that no share is 0; a label counts for and against."""
    assert MeasuredClasses.prior(np.array([6.0, 0.0]), 6).shares == pytest.approx([6.5 / 7, 0.5 / 7])
    assert MeasuredLabels.prior(np.array([6.0, 0.0]), 6).shares == pytest.approx([6.5 / 7, 0.5 / 7])


def test_the_difference_in_accuracy_is_a_sign_test():
    """McNemar 1947: of 20 samples on which one is right and the other wrong, the model has 15."""
    y = np.array([0] * 60 + [1] * 40)
    answer = y.copy()
    answer[55:60], answer[85:] = 1, 0  # 5 cats are lost that always answering "cat" finds, 25 dogs found
    found = compare(seen("single", np.eye(2)[answer], y, NAMES[:2]), "accuracy", alone(100), _two(0.6))
    assert (found.value, found.guess, found.says) == (0.8, 0.6, "better")
    assert found.low < 0.2 < found.high
    exact = scipy.stats.binom.cdf(4, 30, 0.5) + scipy.stats.binom.pmf(5, 30, 0.5) / 2
    assert sign_test(np.repeat([1.0, -1.0, 0.0], [25, 5, 70])) == pytest.approx(2 * exact)
    assert sign_test(np.zeros(10)) == 1
    assert sign_test(np.repeat([1.0, -1.0], 5)) == 1


def _two(share):
    return Prior(np.array([share, 1 - share]), np.zeros(0), np.zeros(0))


def test_a_model_that_answers_the_most_frequent_class_is_as_good_as_guessing():
    y = np.array([0] * 60 + [1] * 40)
    always = np.tile([0.7, 0.3], (100, 1))
    for name in MeasuredClasses.metric_names(2):
        found = compare(seen("single", always, y, NAMES[:2]), name, alone(100), _two(0.6))
        if found is not None and name not in ("log_loss", "brier", "macro_f1"):
            assert found.says == "same", name
    assert compare(seen("single", always, y, NAMES[:2]), "macro_f1", alone(100), _two(0.6)).says == "worse"


def test_the_difference_of_errors_is_the_paired_t_tests():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(80, 1))
    said = 0.5 * y + 0.4 * rng.normal(size=y.shape)
    prior = MeasuredNumbers.prior(np.zeros((3, 1)))
    found = compare(seen("number", said, y, ["a"]), "mae", alone(80), prior)
    gain = (np.abs(said - y) - np.abs(y))[:, 0]
    expected = scipy.stats.ttest_1samp(gain, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)
    assert found.says == "better"
    assert compare(seen("number", -said, y, ["a"]), "mae", alone(80), prior).says == "worse"


def test_groups_make_the_difference_less_sure():
    y = np.array([0] * 120 + [1] * 80)
    answer = np.where(np.arange(200) // 20 % 5 == 4, 1 - y, y)
    scores = np.eye(2)[answer]
    apart = compare(seen("single", scores, y, NAMES[:2]), "accuracy", alone(200), _two(0.6))
    grouped = compare(seen("single", scores, y, NAMES[:2]), "accuracy", np.arange(200) // 20, _two(0.6))
    assert (apart.says, grouped.says) == ("better", "same")


def test_too_few_samples_say_nothing():
    y = np.array([0] * 5 + [1] * 4)
    found = compare(seen("single", np.eye(2)[y], y, NAMES[:2]), "accuracy", alone(9), _two(0.6))
    assert (found.value, found.guess, found.says) == (1.0, pytest.approx(5 / 9), "unknown")
    assert found.missing == "only 9 samples"
    y = np.array([0] * 95 + [1] * 5)
    assert compare(seen("single", np.eye(2)[y], y, NAMES[:2]), "auroc", alone(100), _two(0.95)).says == "unknown"
    assert compare(seen("single", np.eye(2)[y[:50]], y[:50], NAMES[:2]), "auroc", alone(50), _two(0.95)) is None
    assert compare(seen("single", np.empty((0, 2)), y[:0], NAMES[:2]), "accuracy", alone(0), _two(0.95)) is None


def test_the_interval_of_a_skewed_mean():
    """Hall 1992: it holds the mean of exponential values more evenly than Student's; equal where nothing is skewed."""
    quantile = scipy.stats.t.ppf(0.975, 19)
    even = np.array([-3.0, -1, 1, 3] * 5)
    half = quantile * scipy.stats.sem(even)
    assert skewed_mean(even, quantile) == pytest.approx((-half, half))
    assert skewed_mean(np.full(20, 2.0), quantile) == (2.0, 2.0)
    drawn = np.random.default_rng(0).exponential(size=(2000, 20))
    below = np.mean([skewed_mean(values, quantile)[1] < 1 for values in drawn])
    students = np.mean([values.mean() + quantile * scipy.stats.sem(values) < 1 for values in drawn])
    assert below < 0.045 < students
