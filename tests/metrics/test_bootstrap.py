import math

import numpy as np
import pytest
import scipy.stats
from sklearn import metrics as sk

from tl.metrics.bootstrap import counts, interval, intervals, percentile_interval
from tl.metrics.catalogue import compute_metrics, statistics

from .test_catalogue import KNOWN

N = 120


def sample(kind, seed=0):
    """Scores, with ties, and targets of 120 samples."""
    rng = np.random.default_rng(seed)
    if kind == "number":
        y = np.round(rng.normal(size=(N, 2)), 1)
        return np.round(y + rng.normal(size=y.shape), 1), y
    if kind == "multi":
        return np.round(rng.random((N, 4)), 1), (rng.random((N, 4)) < [0.3, 0.5, 0.02, 0.2]).astype(np.int64)
    y = rng.choice(5, size=N, p=[0.4, 0.3, 0.2, 0.08, 0.02])
    return np.round(rng.dirichlet(np.full(6, 0.7), size=N), 1), y


@pytest.mark.parametrize("kind", ["single", "multi", "number"])
def test_weights_do_what_copying_samples_does(kind):
    scores, targets = sample(kind)
    drawn = np.random.default_rng(1).integers(0, N, (30, N))
    weights = counts(drawn)
    bound = statistics(kind, scores, targets, None)
    assert list(bound) == KNOWN[kind]
    for name, statistic in bound.items():
        width = [str(i) for i in range(scores.shape[1])]
        copied = [compute_metrics(kind, scores[rows], targets[rows], width, only=[name])[name] for rows in drawn]
        assert statistic(weights) == pytest.approx(np.array(copied), abs=1e-10, nan_ok=True), name


def test_weighted_auroc_is_sklearns_on_the_resampled_data():
    scores, targets = sample("single")
    drawn = np.random.default_rng(2).integers(0, N, (25, N))
    found = statistics("single", scores, targets, ["auroc"])["auroc"](counts(drawn))
    expected = []
    for rows in drawn:
        p, y = scores[rows], targets[rows]
        expected.append(np.mean([sk.roc_auc_score(y == c, p[:, c]) for c in np.unique(y)]))
    assert found == pytest.approx(np.array(expected), abs=1e-12)


def test_weighted_map_is_sklearns_on_the_resampled_data():
    scores, targets = sample("multi")
    drawn = np.random.default_rng(3).integers(0, N, (25, N))
    found = statistics("multi", scores, targets, ["map"])["map"](counts(drawn))
    expected = []
    for rows in drawn:
        p, y = scores[rows], targets[rows]
        expected.append(np.mean([sk.average_precision_score(y[:, c], p[:, c]) for c in range(4) if y[:, c].any()]))
    assert found == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize(
    "name,column",
    [
        ("pearson", lambda x, y: scipy.stats.pearsonr(x, y)[0]),
        ("spearman", lambda x, y: scipy.stats.spearmanr(x, y)[0]),
        ("r2", lambda x, y: sk.r2_score(y, x)),
    ],
)
def test_weighted_correlations_are_those_of_the_resampled_data(name, column):
    scores, targets = sample("number")
    drawn = np.random.default_rng(4).integers(0, N, (25, N))
    found = statistics("number", scores, targets, [name])[name](counts(drawn))
    expected = [np.mean([column(scores[rows, k], targets[rows, k]) for k in range(2)]) for rows in drawn]
    assert found == pytest.approx(np.array(expected), abs=1e-12)


def test_weighted_class_counts_are_sklearns_on_the_resampled_data():
    scores, targets = sample("single")
    drawn = np.random.default_rng(5).integers(0, N, (25, N))
    bound = statistics("single", scores, targets, ["macro_f1", "mcc", "balanced_accuracy"])
    found = {name: statistic(counts(drawn)) for name, statistic in bound.items()}
    for i, rows in enumerate(drawn):
        y, answer = targets[rows], scores[rows].argmax(axis=1)
        assert found["macro_f1"][i] == pytest.approx(sk.f1_score(y, answer, average="macro"))
        assert found["mcc"][i] == pytest.approx(sk.matthews_corrcoef(y, answer))
        recall = sk.recall_score(y, answer, labels=np.unique(y), average="macro")
        assert found["balanced_accuracy"][i] == pytest.approx(recall)


@pytest.mark.parametrize("name", ["pearson", "spearman", "r2"])
def test_a_resample_of_one_value_has_no_variance(name):
    targets = np.repeat([0.1, 0.37, 0.7, 1.3, 2.9, 3.3, 7.7], 2)[:, None]
    drawn = np.random.default_rng(6).integers(0, 14, (400, 14))
    drawn[::2] = drawn[::2] % 2 + 2 * (np.arange(200) % 7)[:, None]  # one value only
    found = statistics("number", np.arange(14.0)[:, None], targets, [name])[name](counts(drawn))
    assert np.isnan(found).tolist() == [len(np.unique(targets[rows])) == 1 for rows in drawn]


def test_counts_by_hand():
    assert counts(np.array([[0, 0, 2], [1, 2, 2]])).tolist() == [[2, 0, 1], [0, 1, 2]]


def test_percentiles_by_hand_leave_undefined_values_out():
    values = np.array([np.nan, *np.arange(101.0)])
    assert percentile_interval(values, 0.9) == (pytest.approx(5.0), pytest.approx(95.0))


def test_a_mean_has_the_interval_of_the_binomial():
    """The resampled accuracy of k right in n is binomial(n, k / n) / n."""
    n, right = 400, 300
    p = np.tile([0.9, 0.1], (n, 1))
    low, high = interval("single", "accuracy", p, (np.arange(n) >= right).astype(int), seed=0, resamples=20000)
    expected = scipy.stats.binom.ppf([0.025, 0.975], n, right / n) / n
    assert (low, high) == pytest.approx(tuple(expected), abs=1 / n + 1e-9)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    n, truth, covered = 200, 0.7, 0
    p = np.tile([0.9, 0.1], (n, 1))
    for seed in range(400):
        low, high = interval("single", "accuracy", p, (rng.random(n) > truth).astype(int), seed=seed, resamples=400)
        covered += low <= truth <= high
    assert 0.92 <= covered / 400 <= 0.97


@pytest.mark.parametrize("kind", ["single", "multi", "number"])
def test_all_metrics_share_the_resamples_of_one(kind):
    scores, targets = sample(kind)
    found = intervals(kind, scores, targets, seed=7, resamples=150)
    assert list(found) == KNOWN[kind]
    for name, (low, high) in found.items():
        assert low <= high
        assert interval(kind, name, scores, targets, seed=7, resamples=150) == (low, high)
    assert found != intervals(kind, scores, targets, seed=8, resamples=150)


def test_a_wider_level_gives_a_wider_interval():
    scores, targets = sample("number")
    low, high = interval("number", "mae", scores, targets, seed=0, level=0.5)
    lower, higher = interval("number", "mae", scores, targets, seed=0, level=0.99)
    assert lower < low < high < higher


def test_what_is_never_defined_has_no_interval():
    found = intervals("number", np.arange(5.0)[:, None], np.zeros((5, 1)), seed=0, resamples=20)
    assert all(math.isnan(bound) for bound in found["pearson"] + found["r2"])
    empty = intervals("single", np.zeros((0, 3)), np.zeros(0, np.int64), seed=0)
    assert all(math.isnan(bound) for pair in empty.values() for bound in pair)


def test_two_samples_do_not_warn():
    for kind in ("single", "multi", "number"):
        scores, targets = sample(kind)
        found = intervals(kind, scores[:2], targets[:2], seed=0, resamples=50)
        assert found
        assert all(low <= high or math.isnan(low) for low, high in found.values())
