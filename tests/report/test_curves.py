"""From logged rows to lines, against values worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

from tl.report.curves import best_point, curves, downsample, group_size, loss_curves, metric_curves, rate_lines, series
from tl.report.facts import Facts, MetricFact, Verdict

ROWS: list[dict[str, object]] = [
    {"step": 1, "split": "train", "phase": "all", "loss": 3.0, "ce": 2.0, "l2": 1.0, "grad_norm": 9.0, "lr/a": 0.1},
    {"step": 2, "split": "train", "phase": "all", "loss": math.nan, "ce": None, "l2": 1.0, "lr/a": 0.2, "lr/b": 0.2},
    {"step": 2, "split": "val", "phase": "all", "accuracy": 0.5, "ece": 0.2, "loss": 2.0},
    {"step": 4, "split": "val", "phase": "all", "accuracy": 0.5, "macro_f1": 0.4},
]


def test_rows_become_curves() -> None:
    found = {(c.split, c.key): c.points for c in curves(ROWS)}
    assert found["val", "accuracy"] == ((2, 0.5), (4, 0.5))
    assert found["train", "loss"][0] == (1, 3.0)
    assert math.isnan(found["train", "loss"][1][1])
    assert [(c.split, c.key) for c in loss_curves(curves(ROWS))] == [
        ("train", "loss"), ("train", "ce"), ("train", "l2"), ("val", "loss"),
    ]  # fmt: skip
    known = {"accuracy": MetricFact(label="accuracy", spoken="accuracy", higher=True)}
    facts = Facts(title="a run", skill="", metrics=known, companions=("macro_f1",))
    judged = replace(facts, verdict=Verdict(metric="accuracy", split="val", value=0.5, n=2))
    for one in (facts, judged):
        assert [c.key for c in metric_curves(curves(ROWS), one)] == ["accuracy", "macro_f1"]
    assert best_point(metric_curves(curves(ROWS), judged)[0], judged) == (2, 0.5)


def test_a_metric_is_written_as_the_facts_say_and_another_value_by_its_key() -> None:
    error = MetricFact(label="WER", spoken="word error rate", higher=False)
    facts = Facts(title="a run", skill="", metrics={"wer": error})
    assert facts.metric("wer") is error
    assert facts.metric("grad_norm") == MetricFact(label="grad norm", spoken="grad norm", higher=True)
    assert not facts.metric("distill_loss").higher
    rows = [{"step": 1, "split": "val", "wer": 0.5}, {"step": 2, "split": "val", "wer": 0.25}]
    (curve,) = metric_curves(curves(rows), facts)
    assert best_point(curve, facts) == (2, 0.25)
    assert [line.name for line in series([curve], facts)] == ["WER"]


def test_rates_break_where_a_part_is_frozen() -> None:
    first, second = rate_lines(curves(ROWS))
    assert (first.name, second.name) == ("a", "b")
    assert list(first.points) == [(1, 0.1), (2, 0.2)]
    assert math.isnan(second.points[0][1])
    assert second.points[1] == (2, 0.2)


def test_long_lines_are_drawn_as_means_over_stretches() -> None:
    points = [(float(i), float(i % 2)) for i in range(1, 11)]
    assert group_size(points, 5) == 2
    assert downsample(points, 5) == [(2, 0.5), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)]
    assert downsample(points, 10) == points
