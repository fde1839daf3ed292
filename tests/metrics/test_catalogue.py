import math

import numpy as np
import pytest
import scipy.stats
from sklearn import metrics as sk

from tests.metrics.oracles import seen
from tl.errors import TLError
from tl.evaluation.former import MEASURED
from tl.metrics.catalogue import METRICS, better
from tl.metrics.measured import compute_metrics

SINGLE = ["accuracy", "top5", "balanced_accuracy", "macro_f1", "auroc", "mcc", "log_loss", "brier", "ece"]
MULTI = ["macro_f1", "micro_f1", "map", "log_loss", "brier"]
NUMBER = ["mae", "rmse", "r2", "pearson", "spearman"]
KNOWN = {"single": SINGLE, "multi": MULTI, "number": NUMBER}
LOWER_IS_BETTER = {"log_loss", "brier", "ece", "mae", "rmse"}


def names(count):
    return [f"c{i}" for i in range(count)]


def probabilities(rng, n, c):
    return rng.dirichlet(np.full(c, 0.5), size=n)


def expected_calibration_error(p, y, bins=15):
    gap = 0.0
    for i in range(bins):
        inside = [j for j in range(len(y)) if i / bins < p[j].max() <= (i + 1) / bins]
        if inside:
            confidence = np.mean([p[j].max() for j in inside])
            accuracy = np.mean([p[j].argmax() == y[j] for j in inside])
            gap += len(inside) / len(y) * abs(confidence - accuracy)
    return gap


def sklearn_single(p, y):
    c, answer, present = p.shape[1], p.argmax(axis=1), np.unique(y)
    areas = [sk.roc_auc_score(y == k, p[:, k]) for k in present]
    return {
        "accuracy": sk.accuracy_score(y, answer),
        **({"top5": sk.top_k_accuracy_score(y, p, k=5, labels=range(c))} if c > 5 else {}),
        "balanced_accuracy": sk.recall_score(y, answer, labels=present, average="macro"),
        "macro_f1": sk.f1_score(y, answer, average="macro"),
        "auroc": np.mean(areas) if c > 2 else sk.roc_auc_score(y, p[:, 1]),
        "mcc": sk.matthews_corrcoef(y, answer),
        "log_loss": sk.log_loss(y, p, labels=range(c)),
        "brier": np.mean([((p[i] - np.eye(c)[y[i]]) ** 2).sum() for i in range(len(y))]),
        "ece": expected_calibration_error(p, y),
    }


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n,c,present", [(80, 2, 2), (120, 3, 3), (200, 9, 9), (100, 9, 6), (40, 12, 5)])
def test_single_agrees_with_sklearn(seed, n, c, present):
    rng = np.random.default_rng(seed)
    p, y = probabilities(rng, n, c), np.concatenate([np.arange(present), rng.integers(0, present, n - present)])
    found = compute_metrics(seen("single", p, y, names(c)))
    assert found == pytest.approx(sklearn_single(p, y), abs=1e-12)
    assert list(found) == [name for name in SINGLE if name != "top5" or c > 5]


def test_auroc_is_sklearns_one_versus_rest_when_every_class_is_present():
    rng = np.random.default_rng(0)
    p, y = probabilities(rng, 150, 5), np.arange(150) % 5
    found = compute_metrics(seen("single", p, y, names(5)), only=["auroc"])
    assert found == {"auroc": pytest.approx(sk.roc_auc_score(y, p, multi_class="ovr", average="macro"))}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [False, True])
def test_multi_agrees_with_sklearn(seed, ties):
    rng = np.random.default_rng(seed)
    p, y = rng.random((90, 6)), (rng.random((90, 6)) < 0.3).astype(np.int64)
    p = np.round(p, 1) if ties else p
    y[:, 2], y[:, 4], p[:, 4] = 0, 0, 0.1
    positive = [0, 1, 3, 5]
    found = compute_metrics(seen("multi", p, y, names(6)))
    answer = p >= 0.5
    losses = [sk.log_loss(y[:, k], np.stack([1 - p[:, k], p[:, k]], axis=1), labels=[0, 1]) for k in range(6)]
    assert list(found) == MULTI
    assert found == pytest.approx(
        {
            "map": np.mean([sk.average_precision_score(y[:, k], p[:, k]) for k in positive]),
            "micro_f1": sk.f1_score(y, answer, average="micro"),
            "macro_f1": sk.f1_score(y, answer, average="macro", zero_division=np.nan),
            "log_loss": np.mean(losses),
            "brier": np.mean([sk.brier_score_loss(y[:, k], p[:, k], pos_label=1) for k in range(6)]),
        },
        abs=1e-12,
    )


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_number_agrees_with_sklearn_and_scipy(columns, offset):
    rng = np.random.default_rng(columns)
    y = np.round(rng.normal(size=(70, columns)) * [1, 5, 30][:columns], 1) + offset
    x = np.round(y + rng.normal(size=y.shape), 1)
    found = compute_metrics(seen("number", x, y, names(columns)))
    assert list(found) == NUMBER
    assert found == pytest.approx(
        {
            "mae": sk.mean_absolute_error(y, x),
            "rmse": sk.root_mean_squared_error(y, x),
            "r2": sk.r2_score(y, x),
            "pearson": np.mean([scipy.stats.pearsonr(x[:, k], y[:, k])[0] for k in range(columns)]),
            "spearman": np.mean([scipy.stats.spearmanr(x[:, k], y[:, k])[0] for k in range(columns)]),
        },
        rel=1e-9,
    )


def test_by_hand():
    p = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.0, 0.9], [0.2, 0.7, 0.1]])
    found = compute_metrics(seen("single", p, np.array([0, 0, 2, 1]), names(3)))
    assert found["accuracy"] == 0.75
    assert found["brier"] == pytest.approx((0.14 + 0.62 + 0.02 + 0.14) / 4)
    assert found["log_loss"] == pytest.approx(-math.log(0.7 * 0.4 * 0.9 * 0.7) / 4)
    # bins of 1/15: the two 0.7s are right, the 0.5 is wrong, the 0.9 is right
    assert found["ece"] == pytest.approx((2 * 0.3 + 0.5 + 0.1) / 4)
    assert found["balanced_accuracy"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_top5_by_hand_with_ties_going_to_the_earlier_class():
    p = np.tile(np.array([0.3, 0.25, 0.15, 0.1, 0.05, 0.05, 0.05, 0.05]), (8, 1))
    assert compute_metrics(seen("single", p, np.arange(8), names(8)), only=["top5"]) == {"top5": 5 / 8}


def test_a_single_present_class_leaves_auroc_and_mcc_undefined():
    p = np.array([[0.7, 0.3], [0.4, 0.6]])
    found = compute_metrics(seen("single", p, np.array([0, 0]), names(2)))
    assert math.isnan(found["auroc"])
    assert math.isnan(found["mcc"])
    assert found["balanced_accuracy"] == 0.5


def test_a_constant_answer_has_no_correlation_with_classes():
    p = np.tile([0.7, 0.2, 0.1], (6, 1))
    found = compute_metrics(seen("single", p, np.array([0, 1, 2, 0, 1, 2]), names(3)))
    assert found["mcc"] == 0.0
    assert found["auroc"] == 0.5


def test_a_certain_mistake_costs_a_finite_log_loss():
    found = compute_metrics(seen("single", np.array([[1.0, 0.0]]), np.array([1]), names(2)), only=["log_loss"])
    assert found["log_loss"] == pytest.approx(sk.log_loss([1], np.array([[1.0, 0.0]]), labels=[0, 1]))


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 + 0.1])
def test_constants_have_no_correlation(constant):
    y = np.full((50, 1), constant)
    x = np.random.default_rng(0).normal(size=(50, 1))
    for found in (compute_metrics(seen("number", x, y, ["a"])), compute_metrics(seen("number", y, x, ["a"]))):
        assert math.isnan(found["pearson"])
        assert math.isnan(found["spearman"])
    assert math.isnan(compute_metrics(seen("number", x, y, ["a"]))["r2"])
    both = compute_metrics(seen("number", np.hstack([x, x]), np.hstack([y, 2 * x]), ["a", "b"]))
    assert both["pearson"] == pytest.approx(1.0)
    assert both["spearman"] == pytest.approx(1.0)


def test_no_label_at_all_is_undefined():
    p, y = np.full((4, 2), 0.1), np.zeros((4, 2), np.int64)
    found = compute_metrics(seen("multi", p, y, names(2)))
    assert all(math.isnan(found[name]) for name in ("map", "micro_f1", "macro_f1"))
    assert found["brier"] == pytest.approx(0.01)


@pytest.mark.parametrize("kind,width", [("single", 3), ("multi", 3), ("number", 2)])
@pytest.mark.parametrize("broken", [np.nan, np.inf, "empty"])
def test_no_data_or_no_number_is_undefined(kind, width, broken):
    n = 0 if broken == "empty" else 5
    p = np.full((n, width), 0.3)
    if n:
        p[2, 1] = broken
    y = np.zeros(n, np.int64) if kind == "single" else np.zeros((n, width))
    found = compute_metrics(seen(kind, p, y, names(width)))
    assert list(found) == [name for name in KNOWN[kind] if name != "top5"]
    assert all(math.isnan(value) for value in found.values())


def test_huge_numbers_do_not_warn():
    found = compute_metrics(seen("number", np.array([[1e200], [-1e200]]), np.array([[1.0], [2.0]]), ["a"]))
    assert found["mae"] == pytest.approx(1e200)
    assert found["rmse"] == math.inf


def test_float32_scores_are_accepted():
    p = np.array([[0.7, 0.3], [0.4, 0.6]], np.float32)
    assert compute_metrics(seen("single", p, np.array([0, 1], np.int32), names(2)))["accuracy"] == 1.0


def test_a_column_without_a_name_is_a_bug():
    with pytest.raises(ValueError, match="2 names"):
        compute_metrics(seen("single", np.full((4, 3), 1 / 3), np.zeros(4, np.int64), names(2)))


def test_the_metrics_of_each_kind():
    assert {kind: of.metric_names() for kind, of in MEASURED.items()} == KNOWN
    assert set(METRICS) == {*SINGLE, *MULTI, *NUMBER}
    assert all(metric.name == name and metric.label and metric.spoken for name, metric in METRICS.items())


def test_which_way_is_better():
    assert {name for name, metric in METRICS.items() if not metric.higher} == LOWER_IS_BETTER


def test_top5_is_no_metric_of_five_classes():
    """It would be 1 whatever the model says."""
    assert MEASURED["single"].metric_names(6) == SINGLE
    assert MEASURED["single"].metric_names(5) == [name for name in SINGLE if name != "top5"]
    MEASURED["single"].check_metric("top5", 6)
    with pytest.raises(TLError, match=r"^'top5' is always 1 for 5 classes. There is: accuracy, balanced_accuracy, "):
        MEASURED["single"].check_metric("top5", 5)


@pytest.mark.parametrize("kind,name", [("single", "accuracy"), ("multi", "map"), ("number", "mae")])
def test_the_default_metric_of_each_kind(kind, name):
    assert MEASURED[kind].main == name
    MEASURED[kind].check_metric(name)


def test_an_unknown_metric_is_answered_with_the_known_ones():
    with pytest.raises(TLError) as caught:
        MEASURED["multi"].check_metric("marco_f1")
    assert str(caught.value) == (
        f"'marco_f1' is no metric of several labels. Did you mean 'macro_f1'? There is: {', '.join(MULTI)}."
    )
    with pytest.raises(TLError) as caught:
        compute_metrics(seen("number", np.zeros((1, 1)), np.zeros((1, 1)), ["a"]), only=["accuracy"])
    assert str(caught.value) == f"'accuracy' is no metric of numbers. There is: {', '.join(NUMBER)}."


@pytest.mark.parametrize(
    "name,new,old,expected",
    [
        ("accuracy", 0.9, 0.8, True),
        ("accuracy", 0.8, 0.8, False),
        ("mae", 0.9, 0.8, False),
        ("mae", 0.7, 0.8, True),
        ("mae", math.nan, 0.8, False),
        ("mae", math.nan, math.nan, False),
        ("mae", 0.8, math.nan, True),
    ],
)
def test_better(name, new, old, expected):
    assert better(METRICS[name], new, old) is expected
