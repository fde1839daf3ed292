import math

import pytest

from tl.errors import TLError
from tl.metrics.catalogue import METRICS
from tl.metrics.gate import Gate, parse_gate


@pytest.mark.parametrize(
    "text,gate",
    [
        ("macro_f1<0.9", Gate("macro_f1", "<", 0.9)),
        (" rmse >= 1e-2 ", Gate("rmse", ">=", 0.01)),
        ("r2<=-.5", Gate("r2", "<=", -0.5)),
        ("top5>1", Gate("top5", ">", 1.0)),
    ],
)
def test_a_condition_is_read(text, gate):
    assert parse_gate(text, METRICS) == gate


@pytest.mark.parametrize(
    "text,holds", [("mae<2", False), ("mae<=2", True), ("mae>2", False), ("mae>=2", True), ("mae<2.1", True)]
)
def test_a_gate_fails_when_its_condition_holds(text, holds):
    assert parse_gate(text, METRICS).fails({"mae": 2.0}) is holds


@pytest.mark.parametrize("text", ["pearson<0.9", "pearson>0.9"])
def test_an_undefined_metric_fails(text):
    assert parse_gate(text, METRICS).fails({"pearson": math.nan})


@pytest.mark.parametrize("text", ["", "macro_f1", "macro_f1=0.9", "macro_f1=<0.9", "macro_f1<high", "mae<nan", "<0.9"])
def test_a_malformed_condition_is_refused(text):
    with pytest.raises(TLError) as caught:
        parse_gate(text, METRICS)
    assert str(caught.value) == (
        f"--fail-if '{text}' is not a metric, one of < <= > >=, and a number. Write it like 'macro_f1<0.9'."
    )


def test_an_unknown_metric_is_refused():
    with pytest.raises(TLError, match=r"'acuracy<0.9' names no metric. Did you mean 'accuracy'\? There is: accuracy, "):
        parse_gate("acuracy<0.9", METRICS)


def test_a_metric_of_another_kind_is_refused():
    with pytest.raises(TLError, match=r"'mae', which was not measured here. There is: accuracy, macro_f1."):
        parse_gate("mae>3", METRICS).fails({"accuracy": 0.5, "macro_f1": 0.4})


def test_a_metric_of_an_outside_task_is_known_by_its_catalogue():
    assert parse_gate("span_f1<0.8", [*METRICS, "span_f1"]) == Gate("span_f1", "<", 0.8)
    with pytest.raises(TLError, match="names no metric"):
        parse_gate("span_f1<0.8", METRICS)
