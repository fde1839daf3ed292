import math

import numpy as np
import pytest
import scipy.stats
from sklearn import metrics as sk

from tests.metrics.oracles import alone, delong, seen
from tl.metrics.catalogue import METRICS
from tl.metrics.evidence import LEAST_FOR_SQUARES, LEAST_UNITS
from tl.metrics.intervals import Interval, interval, intervals, wilson
from tl.metrics.measured import compute_metrics
from tl.metrics.quantiles import normal_quantile, t_quantile

from .test_catalogue import KNOWN

N = 120


def counts(drawn):
    """How often each sample occurs in each row of drawn indices."""
    return np.array([np.bincount(row, minlength=drawn.shape[1]) for row in drawn], dtype=float)


def names(scores):
    return [f"c{i}" for i in range(scores.shape[1])]


def said(right, wrong):
    """Probabilities of two classes, of which the first is true, in so many right and wrong answers."""
    p = np.tile([0.8, 0.2], (right + wrong, 1))
    p[right:] = p[right:, ::-1]
    return p, np.zeros(right + wrong, int)


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
    bound = seen(kind, scores, targets).statistics(None)
    assert list(bound) == KNOWN[kind]
    for name, statistic in bound.items():
        width = [str(i) for i in range(scores.shape[1])]
        copied = [compute_metrics(seen(kind, scores[rows], targets[rows], width), only=[name])[name] for rows in drawn]
        assert statistic(weights) == pytest.approx(np.array(copied), abs=1e-10, nan_ok=True), name


def test_weighted_auroc_is_sklearns_on_the_resampled_data():
    scores, targets = sample("single")
    drawn = np.random.default_rng(2).integers(0, N, (25, N))
    found = seen("single", scores, targets).statistics(["auroc"])["auroc"](counts(drawn))
    expected = []
    for rows in drawn:
        p, y = scores[rows], targets[rows]
        expected.append(np.mean([sk.roc_auc_score(y == c, p[:, c]) for c in np.unique(y)]))
    assert found == pytest.approx(np.array(expected), abs=1e-12)


def test_weighted_map_is_sklearns_on_the_resampled_data():
    scores, targets = sample("multi")
    drawn = np.random.default_rng(3).integers(0, N, (25, N))
    found = seen("multi", scores, targets).statistics(["map"])["map"](counts(drawn))
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
    found = seen("number", scores, targets).statistics([name])[name](counts(drawn))
    expected = [np.mean([column(scores[rows, k], targets[rows, k]) for k in range(2)]) for rows in drawn]
    assert found == pytest.approx(np.array(expected), abs=1e-12)


def test_weighted_class_counts_are_sklearns_on_the_resampled_data():
    scores, targets = sample("single")
    drawn = np.random.default_rng(5).integers(0, N, (25, N))
    bound = seen("single", scores, targets).statistics(["macro_f1", "mcc", "balanced_accuracy"])
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
    found = seen("number", np.arange(14.0)[:, None], targets).statistics([name])[name](counts(drawn))
    assert np.isnan(found).tolist() == [len(np.unique(targets[rows])) == 1 for rows in drawn]


def test_the_quantiles_are_scipys():
    for probability in (0.6, 0.9, 0.975, 0.995):
        assert normal_quantile(probability) == pytest.approx(scipy.stats.norm.ppf(probability))
        for freedom in (1, 2, 3, 9, 10, 199):
            expected = scipy.stats.t.ppf(probability, freedom)
            assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-10)


def test_accuracy_has_wilsons_interval():
    """Wilson 1927, as SciPy computes it."""
    for right, wrong in ((27, 3), (12, 0), (60, 40), (0, 9)):
        low, high, missing = interval(seen("single", *said(right, wrong), ["a", "b"]), "accuracy", alone(right + wrong))
        expected = scipy.stats.binomtest(right, right + wrong).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((expected.low, expected.high))
        assert not missing


def test_a_perfect_accuracy_of_12_pictures_is_not_sure():
    low, high, _ = interval(seen("single", *said(12, 0), ["a", "b"]), "accuracy", alone(12))
    assert low == pytest.approx(1 / (1 + 1.959964**2 / 12))  # .757
    assert high == 1


@pytest.mark.parametrize("n", [12, 30, 100, 500])
def test_shares_are_held_by_nine_intervals_in_ten(n):
    """The exact coverage for each true share, by the binomial distribution; Wilson's own falls to .84 near 1."""
    quantile = normal_quantile(0.975)
    ends = np.array([wilson(k / n, n, quantile) for k in range(n + 1)])
    for share in [*np.linspace(0.5, 0.99, 99), *(1 - np.geomspace(0.01, 0.0005, 99))]:
        held = (ends[:, 0] <= share) & (share <= ends[:, 1])
        assert scipy.stats.binom.pmf(np.arange(n + 1), n, share)[held].sum() >= 0.9, share


def test_groups_count_as_what_they_tell():
    """Ten samples of a group that are all right or all wrong are one: the interval is that of a share of 20."""
    p, y = said(140, 60)
    units = np.arange(200) // 10
    low, high, _ = interval(seen("single", p, y, ["a", "b"]), "accuracy", units)
    size = 0.7 * 0.3 / (0.7 * 0.3 / 19)
    assert (low, high) == pytest.approx(wilson(0.7, size, scipy.stats.t.ppf(0.975, 19)))
    alike = interval(seen("single", p, y, ["a", "b"]), "accuracy", alone(200))
    assert high - low > 2.8 * (alike.high - alike.low)
    assert interval(seen("single", p, y, ["a", "b"]), "accuracy", np.arange(200) % 20).high < high  # each group alike


def test_groups_that_are_all_right_count_as_one_sample_each():
    low, high, _ = interval(seen("single", *said(200, 0), ["a", "b"]), "accuracy", np.arange(200) // 10)
    assert (low, high) == pytest.approx(wilson(1.0, 20, scipy.stats.t.ppf(0.975, 19)))


def test_balanced_accuracy_takes_the_wider_of_two_intervals():
    """Zou and Donner 2008: the distances to the ends of each class's interval add as squares; or Wilson's."""
    right = np.arange(100) % 10 < 8
    y = (np.arange(100) >= 80).astype(int)
    p = np.eye(2)[np.where(right, y, 1 - y)]
    low, high, _ = interval(seen("single", p, y, ["a", "b"]), "balanced_accuracy", alone(100))
    quantile = scipy.stats.norm.ppf(0.975)
    ends = [wilson(0.8, n, quantile) for n in (80, 20)]
    added = (
        0.8 - math.hypot(*(0.8 - end[0] for end in ends)) / 2,
        0.8 + math.hypot(*(end[1] - 0.8 for end in ends)) / 2,
    )
    error = math.sqrt(0.16 / 79 + 0.16 / 19) / 2
    whole = wilson(0.8, 0.16 / error**2, quantile)
    assert low == pytest.approx(min(added[0], whole[0]), abs=2e-3)
    assert high == pytest.approx(max(added[1], whole[1]), abs=2e-3)


def test_the_area_under_the_curve_has_wilsons_interval_of_delongs_error():
    scores, targets, area, error = delong()
    found = interval(seen("single", scores, targets, ["a", "b"]), "auroc", alone(90))
    expected = wilson(area, area * (1 - area) / error**2, scipy.stats.norm.ppf(0.975))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.006)


def test_a_rank_correlation_has_fishers_interval():
    rng = np.random.default_rng(5)
    y = rng.normal(size=(300, 1))
    x = y + rng.normal(size=y.shape)
    found = interval(seen("number", x, y, ["a"]), "spearman", alone(300))
    low, high = np.arctanh([found.low, found.high])
    assert (low + high) / 2 == pytest.approx(np.arctanh(scipy.stats.spearmanr(x[:, 0], y[:, 0])[0]))
    assert (high - low) / 2 == pytest.approx(1.97 * 1.03 / math.sqrt(297), rel=0.15)  # Fieller et al. 1957


def test_large_errors_that_were_not_seen_widen_one_side():
    """Normal errors of 500 samples show light tails, those of Student's t with 3 degrees do not."""
    rng = np.random.default_rng(0)
    y = np.zeros((500, 1))
    for noise, factor in ((rng.normal(size=y.shape), 1), (rng.standard_t(3, size=y.shape), 2)):
        value = compute_metrics(seen("number", noise, y, ["a"]), ["rmse"])["rmse"]
        low, high, _ = interval(seen("number", noise, y, ["a"]), "rmse", alone(500))
        assert math.log(high / value) == pytest.approx(factor * math.log(value / low))


@pytest.mark.parametrize("kind", ["single", "multi", "number"])
def test_every_interval_holds_its_value_or_says_why_there_is_none(kind):
    scores, targets = sample(kind)
    values = compute_metrics(seen(kind, scores, targets, names(scores)))
    found = intervals(seen(kind, scores, targets, names(scores)), alone(N), resamples=200)
    assert list(found) == list(values)
    for name, (low, high, missing) in found.items():
        assert low <= values[name] <= high or (math.isnan(low) and math.isnan(high) and missing), name
        assert interval(seen(kind, scores, targets, names(scores)), name, alone(N)) == found[name]


def reason(kind, name, scores, targets, units=None):
    units = alone(len(targets)) if units is None else units
    found = interval(seen(kind, scores, targets, names(scores)), name, units)
    assert math.isnan(found.low) == math.isnan(found.high) == bool(found.missing)
    return found.missing


def test_ece_has_no_interval():
    assert reason("single", "ece", *said(90, 10)) == "its bias depends on the sample"


def test_a_rare_class_is_named():
    rng = np.random.default_rng(0)
    y = (np.arange(300) < 9).astype(int)
    p = rng.dirichlet([1, 1], 300)
    for name in ("balanced_accuracy", "macro_f1", "auroc", "mcc"):
        assert reason("single", name, p, y) == "only 9 samples of 'c1'"
        assert not reason("single", name, p, (np.arange(300) < 10).astype(int))
    assert not reason("single", "accuracy", p, y)


def test_a_split_of_one_class_tells_nothing_of_the_others():
    """Nine in ten are of the first class: a split without the others would be sure of what it cannot know."""
    p, y = said(28, 2)
    assert reason("single", "balanced_accuracy", p, y) == "all samples are of one class"
    assert reason("single", "macro_f1", p, y) == "all samples are of one class"
    labels = np.tile([[1, 0]], (40, 1))
    assert reason("multi", "map", np.random.default_rng(0).random((40, 2)), labels) == "only one label occurs"


def test_many_classes_share_the_uncertainty():
    """Of a hundred classes of three samples none decides; where one class is rare among frequent ones, it does."""
    rng = np.random.default_rng(0)
    assert not reason("single", "macro_f1", rng.dirichlet(np.ones(100), 300), np.arange(300) % 100)
    y = np.repeat([0, 1, 2], [140, 140, 3])
    assert reason("single", "macro_f1", rng.dirichlet(np.ones(3), 283), y) == "only 3 samples of 'c2'"


def test_a_class_in_few_groups_is_named():
    rng = np.random.default_rng(0)
    units = np.arange(200) // 10
    p = rng.dirichlet([1, 1], 200)
    assert reason("single", "auroc", p, (units < 4).astype(int), units) == "'c1' occurs in only 4 groups"
    assert reason("single", "accuracy", p, (units < 4).astype(int), units // 3) == "only 7 groups"


def test_few_samples_have_an_interval_of_accuracy_only():
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet([1, 1], LEAST_UNITS - 1), np.arange(LEAST_UNITS - 1) % 2
    found = intervals(seen("single", p, y, ["a", "b"]), alone(LEAST_UNITS - 1), resamples=200)
    assert {name for name, one in found.items() if not one.missing} == {"accuracy"}
    assert found["log_loss"].missing == "only 9 samples"


def test_losses_need_a_wrong_prediction_and_squares_a_hundred_samples():
    assert reason("single", "log_loss", *said(50, 0)) == "no prediction is wrong"
    assert not reason("single", "log_loss", *said(50, 1))
    rng = np.random.default_rng(0)
    scores, targets = rng.normal(size=(2, LEAST_FOR_SQUARES, 1))
    assert not reason("number", "rmse", scores, targets)
    why = reason("number", "rmse", scores[1:], targets[1:])
    assert why == "fewer than 100 samples, and it hangs on the few largest errors"
    assert not reason("number", "mae", scores[1:], targets[1:])


def test_what_has_no_value_says_why():
    y = np.zeros(40, int)
    p = np.random.default_rng(0).dirichlet([1, 1], 40)
    assert reason("single", "auroc", p, y) == "not defined because all samples are of one class"
    assert reason("single", "mcc", p, y) == "not defined because all samples are of one class"
    flat, varied = np.ones((40, 1)), p[:, :1]
    assert reason("number", "pearson", flat, varied).endswith("the predictions or the true values are all equal")
    assert reason("number", "r2", varied, flat) == "not defined because the true values are all equal"
    assert reason("multi", "map", p, np.zeros((40, 2), int)) == "not defined because no sample has a label"
    assert reason("number", "mae", flat * np.inf, varied).endswith("an output of the model is not finite")
    for kind in KNOWN:
        empty = intervals(
            seen(kind, np.zeros((0, 6)), np.zeros((0, 6) if kind != "single" else 0), "abcdef"), alone(0), resamples=9
        )
        assert {one.missing for one in empty.values()} == {"not defined because there are no samples"}


def test_no_resamples_ask_for_no_interval():
    found = intervals(seen("single", *said(30, 10), ["a", "b"]), alone(40), resamples=0)
    assert found["accuracy"] == Interval(missing="loop.bootstrap is 0") or math.isnan(found["accuracy"].low)
    assert found["accuracy"].missing == "loop.bootstrap is 0"
    assert found["auroc"].missing == "not defined because all samples are of one class"


def test_fewer_resamples_give_a_coarser_interval():
    """Ten blocks of samples: the error is found with 9 degrees of freedom."""
    rng = np.random.default_rng(0)
    error = rng.normal(size=(1000, 1)) + 5
    fine, coarse = (
        intervals(seen("number", error, np.zeros((1000, 1)), ["a"]), alone(1000), only=["mae"], resamples=r)["mae"]
        for r in (200, 10)
    )
    assert fine.high - fine.low == pytest.approx(2 * 1.97 / math.sqrt(1000), rel=0.25)
    assert 0.5 < (coarse.high - coarse.low) / (fine.high - fine.low) < 2.5


def test_perfect_numbers_have_no_interval():
    y = np.random.default_rng(0).normal(size=(200, 1))
    found = intervals(seen("number", y, y, ["a"]), alone(200), resamples=200)
    assert {one.missing for one in found.values()} == {"the predictions are without error"}


def test_every_metric_has_a_family_with_an_interval():
    assert {metric.family for metric in METRICS.values()} == {
        *("share", "recalls", "classes", "association", "loss", "error", "squares", "ranks", "bias")
    }


def test_two_samples_do_not_warn():
    for kind in ("single", "multi", "number"):
        scores, targets = sample(kind)
        found = intervals(seen(kind, scores[:2], targets[:2], names(scores)), alone(2), resamples=50)
        assert found
        assert all(low <= high or missing for low, high, missing in found.values())
