"""Nearest others of one class, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from tests.metrics.oracles import alone
from tl.metrics.intervals import interval
from tl.metrics.jackknife import standard_error
from tl.metrics.measured import Prior, compute_metrics
from tl.metrics.neighbours import MeasuredNeighbours, nearest_others


def drawn(n: int, seed: int, apart: float = 1.0, classes: int = 4) -> MeasuredNeighbours:
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    centres = np.random.default_rng(99).normal(size=(classes, 5))
    return MeasuredNeighbours(apart * centres[labels] + rng.normal(size=(n, 5)), labels, list("abcd")[:classes])


def unit(found: MeasuredNeighbours) -> np.ndarray:
    values: np.ndarray = found.embeddings / np.linalg.norm(found.embeddings, axis=1, keepdims=True)
    return values


def test_the_nearest_are_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(5):
        found = unit(drawn(40, seed))
        wanted = NearestNeighbors(n_neighbors=6, metric="cosine").fit(found).kneighbors(found, return_distance=False)
        assert (nearest_others(found, 5) == wanted[:, 1:]).all()
    monkeypatch.setattr("tl.metrics.neighbours._CELLS", 100)
    assert (nearest_others(found, 5) == wanted[:, 1:]).all()
    assert nearest_others(found[:3], 5).shape == (3, 2)
    assert nearest_others(found[:1], 5).shape == (1, 0)


def test_accuracy_is_scikit_learns_with_each_sample_left_out() -> None:
    """With two classes, five neighbours cannot have equal votes."""
    for seed in range(5):
        found = drawn(30, seed, classes=2)
        right = []
        for i in range(30):
            others = np.arange(30) != i
            model = KNeighborsClassifier(5, metric="cosine").fit(unit(found)[others], found.labels[others])
            right.append(model.predict(unit(found)[i : i + 1])[0] == found.labels[i])
        assert compute_metrics(found)["knn_accuracy"] == pytest.approx(np.mean(right))
        assert (found.voted() == found.labels).tolist() == right


def test_equal_votes_count_in_part_and_lone_classes_do_not() -> None:
    angles = np.array([0.0, 0.1, 0.21, 0.33, 0.46, 3.0])
    found = MeasuredNeighbours(
        np.stack([np.cos(angles), np.sin(angles)], 1), np.array([0, 0, 1, 1, 2, 3]), list("abcd")
    )
    # Each of the first five has the votes of all others: of a, b, b, c, d for the first, so that b wins.
    values = compute_metrics(found)
    assert values["knn_accuracy"] == 0.0
    assert values["recall_at_1"] == pytest.approx((1 + 1 + 0 + 1) / 4)
    assert values["recall_at_5"] == 1.0
    three = MeasuredNeighbours(np.eye(3)[[0, 0, 1]], np.array([0, 0, 1]), ["a", "b"])
    assert compute_metrics(three)["knn_accuracy"] == pytest.approx(1 / 2)
    assert np.isnan(compute_metrics(MeasuredNeighbours(np.eye(3), np.arange(3), list("abc")))["recall_at_1"])


def test_a_sample_that_is_left_out_is_nobodys_neighbour() -> None:
    found = drawn(30, 3)
    for name in found.metrics:
        without = found.statistics([name])[name](1 - np.eye(30)[[0, 7]])
        some = [
            MeasuredNeighbours(np.delete(found.embeddings, i, 0), np.delete(found.labels, i), found.names)
            for i in (0, 7)
        ]
        assert without == pytest.approx([compute_metrics(one)[name] for one in some])
        few = np.zeros((1, 30))
        few[0, :4] = 1
        kept = MeasuredNeighbours(found.embeddings[:4], found.labels[:4], found.names)
        assert found.statistics([name])[name](few) == pytest.approx([compute_metrics(kept)[name]], nan_ok=True)


def test_a_weight_asks_a_sample_so_often() -> None:
    found, weights = drawn(30, 3), np.random.default_rng(0).integers(1, 4, size=(4, 30)).astype(np.float64)
    hits = np.array([found.labels[row[0]] == found.labels[i] for i, row in enumerate(found.nearest())])
    values = found.statistics(["recall_at_1"])["recall_at_1"](weights)
    assert values == pytest.approx(weights @ hits / weights.sum(axis=1))


def test_a_guess_draws_neighbours_or_says_the_most_frequent_class() -> None:
    found = MeasuredNeighbours(np.random.default_rng(0).normal(size=(8, 3)), np.array([0] * 5 + [1] * 3), ["a", "b"])
    prior, ones = Prior(np.array([0.6, 0.4]), np.zeros(0), np.zeros(0)), np.ones((1, 8))
    guesses = {name: found.guess(name, prior) for name in found.metrics}
    values = {name: float(guess(ones)[0]) for name, guess in guesses.items() if guess is not None}
    assert values["knn_accuracy"] == pytest.approx(5 / 8)
    assert values["recall_at_1"] == pytest.approx((5 * 4 / 7 + 3 * 2 / 7) / 8)
    missed = 5 * 4 * 3 * 2 * 1 / (7 * 6 * 5 * 4 * 3)  # five of seven others, none of the two of b
    assert values["recall_at_5"] == pytest.approx((5 + 3 * (1 - missed)) / 8)


def test_its_interval_holds_what_splits_of_this_size_have_on_average() -> None:
    """The error is too large, so that the interval is wide: samples are each other's neighbours."""
    for name in ("knn_accuracy", "recall_at_1"):
        values = [compute_metrics(drawn(80, 1000 + seed), [name])[name] for seed in range(150)]
        errors = [standard_error(drawn(80, seed), name, alone(80)) for seed in range(20)]
        assert 1.0 <= np.mean(errors) / np.std(values) <= 2.0
        found = [interval(drawn(80, seed), name, alone(80)) for seed in range(40)]
        assert np.mean([one.low <= np.mean(values) <= one.high for one in found]) >= 0.92
