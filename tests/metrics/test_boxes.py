"""Average precision of boxes against faster-coco-eval, on random cases."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.metrics.oracles import alone
from tl.metrics.boxes import MeasuredBoxes
from tl.metrics.intervals import interval
from tl.metrics.measured import compute_metrics
from tl.metrics.overlaps import Answered, Found, Truth, matched, overlap

NAMES = ["a", "b", "c"]
Picture = dict[str, Any]


def drawn(seed: int, pictures: int = 4, ties: bool = True) -> list[Picture]:
    """Pictures with true boxes, some of crowds, and found boxes near them, beside them, or of another class."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(pictures):
        n = int(draw.integers(0, 7))
        corners = draw.integers(0, 80, (n, 2)).astype(float)
        true = np.concatenate([corners, corners + draw.integers(5, 40, (n, 2))], axis=1)
        of, judged = draw.integers(0, 3, n), draw.random(n) > 0.2
        copies = np.repeat(np.arange(n), draw.integers(0, 4, n))
        near = true[copies] + draw.integers(-6, 7, (len(copies), 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        classes = np.where(draw.random(len(copies)) < 0.85, of[copies], draw.integers(0, 3, len(copies)))
        scores = draw.integers(1, 9, len(copies)) / 10 if ties else draw.random(len(copies))
        found.append({"true": true, "of": of, "judged": judged, "sides": near, "classes": classes, "scores": scores})
    return found


def answered(p: Picture) -> Answered:
    truth = Truth(p["true"] / 200, p["of"], p["judged"])
    return Answered(matched(p["sides"], p["scores"], p["classes"], p["true"], p["of"], p["judged"]), truth)


def measured(pictures: Sequence[Picture]) -> MeasuredBoxes:
    return MeasuredBoxes([*map(answered, pictures)], NAMES, 0.5)


def theirs(pictures: Sequence[Picture]) -> dict[str, float]:
    """COCO's own figures, by faster-coco-eval; nan where it says -1."""
    from faster_coco_eval import COCO, COCOeval_faster

    def rows(p: Picture, sides: str, classes: str) -> list[dict[str, Any]]:
        both = zip(p[sides], p[classes], strict=True)
        return [{"category_id": int(c), "bbox": [*b[:2], *(b[2:] - b[:2])]} for b, c in both]

    true, said = [], []
    for number, p in enumerate(pictures):
        for row, judged in zip(rows(p, "true", "of"), p["judged"], strict=True):
            area = row["bbox"][2] * row["bbox"][3]
            true.append({**row, "id": len(true) + 1, "image_id": number, "iscrowd": int(not judged), "area": area})
        for row, score in zip(rows(p, "sides", "classes"), p["scores"], strict=True):
            said.append({**row, "image_id": number, "score": float(score)})
    listed = {
        "images": [{"id": number, "width": 200, "height": 200} for number in range(len(pictures))],
        "categories": [{"id": number, "name": name} for number, name in enumerate(NAMES)],
        "annotations": true,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(listed)
        judge = COCOeval_faster(truth, truth.loadRes(said), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    stats = np.where(judge.stats < 0, np.nan, judge.stats)
    return dict(zip(("box_map", "box_map50", "box_map75"), map(float, stats[:3]), strict=True)) | {
        "box_recall": float(stats[8])
    }


def compare(seeds: range) -> None:
    compared = 0
    for seed in seeds:
        pictures = drawn(seed, 1 + seed % 5, ties=seed % 2 > 0)
        if any(len(p["scores"]) for p in pictures) and any(p["judged"].any() for p in pictures):
            assert compute_metrics(measured(pictures)) == pytest.approx(theirs(pictures), abs=1e-12), seed
            compared += 1
    assert compared > 0.8 * len(seeds)


def test_metrics_are_those_of_faster_coco_eval() -> None:
    compare(range(30))


@pytest.mark.slow
def test_metrics_are_those_of_faster_coco_eval_on_many_cases() -> None:
    compare(range(1300))


def test_of_many_boxes_in_a_picture_the_hundred_surest_of_each_class_count() -> None:
    draw = np.random.default_rng(0)
    corners = draw.integers(0, 150, (40, 2)).astype(float)
    true = np.concatenate([corners, corners + 30], axis=1)
    near = np.repeat(true, 8, axis=0) + draw.integers(-8, 9, (320, 4))
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
    of = np.arange(40) % 2
    picture = {"true": true, "of": of, "judged": of >= 0, "sides": near, "classes": np.repeat(of, 8)}
    one = [{**picture, "scores": draw.random(320)}]
    assert len(measured(one).found[0].scores) == 200
    assert compute_metrics(measured(one)) == pytest.approx(theirs(one), abs=1e-12)


def test_a_picture_of_weight_two_counts_as_often_as_two_pictures() -> None:
    for seed in range(20):
        pictures = drawn(seed, ties=False)
        once, twice = measured(pictures), compute_metrics(measured([*pictures, pictures[1]]))
        for name, value in once.statistics().items():
            assert float(value(np.array([[1.0, 2.0, 1.0, 1.0]]))[0]) == pytest.approx(twice[name], nan_ok=True)


def test_overlaps_are_shares_of_the_union_and_in_a_crowd_of_the_found_box() -> None:
    found, true = np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0], [1.0, 0.0, 3.0, 2.0]])
    assert overlap(found, true, np.array([False, True])).tolist() == [[pytest.approx(2 / 6), pytest.approx(2 / 4)]]


def test_precision_by_hand() -> None:
    """Two true boxes; right, wrong, right by falling score: precision 1 up to recall .5, then 2/3 (Everingham 2010)."""
    true = np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    sides = np.array([[0.0, 0, 10, 10], [50, 50, 60, 60], [20, 20, 30, 30]])
    picture = {"true": true, "of": np.zeros(2, int), "judged": np.ones(2, bool), "sides": sides}
    found = measured([{**picture, "classes": np.zeros(3, int), "scores": np.array([0.9, 0.8, 0.7])}])
    expected = (51 * 1 + 50 * 2 / 3) / 101
    assert compute_metrics(found) == pytest.approx(dict.fromkeys(found.metrics, expected) | {"box_recall": 1.0})
    row = found.per_class()[0]
    assert (row["support"], row["ap"]) == (2, pytest.approx(expected))
    assert (row["precision"], row["recall"], row["f1"]) == (pytest.approx(2 / 3), 1.0, pytest.approx(4 / 5))


def test_without_a_box_nothing_is_found_and_without_a_true_one_nothing_is_defined() -> None:
    picture = drawn(3)[0]
    blind = {**picture, "sides": np.zeros((0, 4)), "classes": np.zeros(0, int), "scores": np.zeros(0)}
    assert compute_metrics(measured([blind])) == dict.fromkeys(MeasuredBoxes.metrics, 0.0)
    empty = {**picture, "true": np.zeros((0, 4)), "of": np.zeros(0, int), "judged": np.zeros(0, bool)}
    assert all(np.isnan(value) for value in compute_metrics(measured([empty])).values())
    assert all(np.isnan(value) for value in compute_metrics(MeasuredBoxes([], NAMES, 0.5)).values())


def test_guessing_answers_the_boxes_that_fit_best_in_other_pictures() -> None:
    """Two of three other pictures have a box at the left, one at the right; here the left one fits, and another."""
    left, right = np.array([[0.0, 0.0, 0.4, 0.4]]), np.array([[0.6, 0.6, 1.0, 1.0]])
    others = [Truth(one, np.zeros(1, int), np.ones(1, bool)) for one in (left, left + 0.01, right)]
    others.append(Truth(right, np.ones(1, int), np.zeros(1, bool)))
    prior = MeasuredBoxes.prior(others)
    assert prior.shares.tolist() == [2 / 4, 1 / 4]
    assert prior.mean.tolist() in ([*left.tolist(), *right.tolist()], [*(left + 0.01).tolist(), *right.tolist()])
    here = {"true": np.array([[0.0, 0, 80, 80], [90, 0, 110, 20]]), "of": np.zeros(2, int), "judged": np.ones(2, bool)}
    blind = {"sides": np.zeros((0, 4)), "classes": np.zeros(0, int), "scores": np.zeros(0)}
    guess = measured([{**here, **blind}]).guess("box_map50", prior)
    assert guess is not None
    assert float(guess(np.ones((1, 1)))[0]) == pytest.approx(51 / 101)


def test_a_guess_from_many_boxes_is_found_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [one.truth for seed in range(6) for one in measured(drawn(seed)).answers]
    whole = MeasuredBoxes.prior(others)
    monkeypatch.setattr("tl.metrics.boxes._AT_ONCE", 3)
    found = MeasuredBoxes.prior(others)
    for one, other in ((found.shares, whole.shares), (found.mean, whole.mean), (found.median, whole.median)):
        assert one.tolist() == other.tolist()
    assert whole.shares[0] > 0


def test_outputs_that_are_not_finite_have_no_value() -> None:
    found = replace(measured(drawn(0)), finite=False)
    assert all(np.isnan(value) for value in compute_metrics(found).values())
    assert found.why_undefined("box_map") == "an output of the model is not finite"


def test_where_no_other_box_is_known_guessing_answers_none() -> None:
    guess = measured(drawn(0)).guess("box_map", MeasuredBoxes.prior([]))
    assert guess is not None
    assert float(guess(np.ones((1, 4)))[0]) == 0.0


def test_intervals_rest_on_pictures_and_are_refused_where_a_class_is_rare() -> None:
    pictures = drawn(5, 60)
    found = measured(pictures)
    low, high, missing = interval(found, "box_map", alone(60))
    assert not missing
    assert low < compute_metrics(found)["box_map"] < high
    few = [p for p in pictures if 2 not in p["of"]]
    few.append(next(p for p in pictures if 2 in p["of"][p["judged"]]))
    assert "only 1 sample of 'c'" in interval(measured(few), "box_map", alone(len(few))).missing


def test_found_boxes_are_sorted_by_their_scores() -> None:
    one: Found = measured(drawn(1)).found[0]
    assert (np.diff(one.scores) <= 0).all()
