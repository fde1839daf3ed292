"""Metrics of pixels against scikit-learn's, on the flattened pixels of all pictures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, jaccard_score, recall_score

from tl.metrics.measured import compute_metrics
from tl.metrics.pixels import MeasuredPixels


def measured(true: list[np.ndarray], said: list[np.ndarray], classes: int) -> MeasuredPixels:
    counts = np.zeros((len(true), classes, classes), np.int64)
    for count, one, other in zip(counts, true, said, strict=True):
        np.add.at(count, (one, other), 1)
    return MeasuredPixels(counts, [str(i) for i in range(classes)])


def test_metrics_are_those_of_the_flattened_pixels_of_all_pictures() -> None:
    draw = np.random.default_rng(0)
    for _ in range(1000):
        classes, pictures = int(draw.integers(2, 5)), int(draw.integers(1, 4))
        sizes = draw.integers(1, 9, pictures)
        true, said = ([draw.integers(0, classes, n) for n in sizes] for _ in range(2))
        found = compute_metrics(measured(true, said, classes))
        flat, answered = np.concatenate(true), np.concatenate(said)
        occurring = np.unique([*flat, *answered])
        assert found["miou"] == pytest.approx(jaccard_score(flat, answered, labels=occurring, average="macro"))
        assert found["pixel_accuracy"] == pytest.approx(accuracy_score(flat, answered))
        recall = recall_score(flat, answered, labels=np.unique(flat), average="macro", zero_division=0)
        assert found["mean_class_accuracy"] == pytest.approx(recall)


def test_a_picture_of_weight_two_counts_as_often_as_two_pictures() -> None:
    draw = np.random.default_rng(1)
    true, said = ([draw.integers(0, 3, 20) for _ in range(3)] for _ in range(2))
    once, twice = measured(true, said, 3), measured([*true, true[1]], [*said, said[1]], 3)
    for name, value in once.statistics().items():
        assert float(value(np.array([[1.0, 2.0, 1.0]]))[0]) == pytest.approx(compute_metrics(twice)[name])


def test_each_class_has_its_own_overlap() -> None:
    found = measured([np.array([0, 0, 1, 1])], [np.array([0, 1, 1, 1])], 3).per_class()
    assert [row["iou"] for row in found[:2]] == [pytest.approx(1 / 2), pytest.approx(2 / 3)]
    assert [row["support"] for row in found] == [2, 2, 0]
    assert np.isnan(found[2]["iou"])


def test_without_a_judged_pixel_nothing_is_defined() -> None:
    assert all(
        np.isnan(value) for value in compute_metrics(measured([np.zeros(0, int)], [np.zeros(0, int)], 2)).values()
    )


def test_guessing_gives_every_pixel_the_class_that_is_the_most_frequent_one_elsewhere() -> None:
    seen = measured([np.array([0, 0, 0, 1]), np.array([1, 1, 2, 0])], [np.zeros(4, int), np.zeros(4, int)], 3)
    guessed = {name: seen.guess(name, MeasuredPixels.prior(np.array([2.0, 7.0, 1.0]))) for name in seen.metrics}
    values = {name: float(found(np.ones((1, 2)))[0]) for name, found in guessed.items() if found is not None}
    # Class 1 has 3 of 8 pixels; the union of each class that occurs and is not answered holds no right pixel.
    assert values == pytest.approx({"miou": (3 / 8) / 3, "pixel_accuracy": 3 / 8, "mean_class_accuracy": 1 / 3})
