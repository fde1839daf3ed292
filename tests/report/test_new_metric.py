"""A metric that is added to the catalogue is in the report, without any edit in report/."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from tl.commands.report import metric_facts
from tl.metrics.catalogue import METRICS, Metric
from tl.report import page
from tl.report.facts import Verdict, Versus
from tl.report.verdict import sentence

from .examples import single
from .markup import Reader


def test_a_new_metric_is_written_in_tables_and_sentences() -> None:
    new = Metric("wer", False, "WER", "word error rate", "error", "there are no words")
    rows = [{"step": step, "split": "val", "phase": "head", "wer": 1 / step} for step in (5, 10)]
    versus = Versus(metric="wer", value=0.2, guess=0.5, says="better")
    verdict = Verdict(metric="wer", split="test", value=0.2, low=0.1, high=0.3, n=360, versus=versus)
    scores = {"test": {"wer": (0.2, 0.1, 0.3)}}
    facts = replace(
        single(), metrics=metric_facts({**METRICS, "wer": new}), verdict=verdict, scores=scores, curves=rows
    )
    assert "with word error rate 0.20 (" in sentence(facts)
    text = Reader(page.render(facts)).text
    for part in ("WER on 360 test pictures", "WER ↓", "Best WER: 0.100 at step 10."):
        assert part in text


def test_the_report_lists_no_metric() -> None:
    """The one metric name in report/ is the axis of a reliability diagram: accuracy against confidence."""
    found = set()
    for file in Path(page.__file__).parent.glob("*.py"):
        found |= {node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)}
    assert found & set(METRICS) == {"accuracy"}
