"""Why metrics have no value or no interval, and what speaks against a split, in lines."""

from __future__ import annotations

from typing import Any

from tl.report.reasons import reasons


def outcome(split: str, caution: str = "", **why: str) -> dict[str, Any]:
    metrics = {name: {"value": 0.5, "low": 0.4, "high": 0.6, **({"why": w} if w else {})} for name, w in why.items()}
    return {"split": split, "samples": 9, "metrics": metrics, **({"caution": caution} if caution else {})}


def test_metrics_with_one_reason_share_a_line() -> None:
    rare = "only 3 samples of 'owl'"
    found = reasons([outcome("test", accuracy="", macro_f1=rare, mcc=rare, ece="its bias")], str.upper)
    assert found == [
        "On the test split: no interval for MACRO_F1, MCC, only 3 samples of 'owl'.",
        "On the test split: no interval for ECE, its bias.",
    ]


def test_splits_with_one_reason_share_a_line_and_cautions_follow() -> None:
    one_class = "not defined because all samples are of one class"
    val = outcome("val", "its values are likely too good", auroc=one_class, mcc=one_class)
    assert reasons([outcome("test", auroc=one_class), val], str) == [
        "On the test and validation split: auroc, mcc are not defined because all samples are of one class.",
        "On the validation split, its values are likely too good.",
    ]
    assert reasons([outcome("test", auroc=one_class)], str)[0].startswith("On the test split: auroc is not defined")


def test_files_of_earlier_versions_give_no_reason() -> None:
    assert reasons([outcome("test", accuracy="")], str) == []
