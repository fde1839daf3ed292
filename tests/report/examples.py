"""Facts of made-up runs: with every block, without facts, and ones whose every text is an attack."""

from __future__ import annotations

import io
import math
from dataclasses import replace

from PIL import Image

from tl.report.blocks import (
    Bars,
    Card,
    ConfidenceBin,
    Gallery,
    Heading,
    Heatmap,
    IntervalCell,
    Line,
    Number,
    PhaseBar,
    Reliability,
    Row,
    Scatter,
    Section,
    ShareCell,
    ShownBox,
    Table,
    TextMark,
    Words,
)
from tl.report.facts import DataCard, Environment, Facts, MetricFact, ModelCard, Usage, Verdict, Versus

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
TEMPLATE = "{{ 7*7 }}{% include 'page.html' %}{# gone #}${7*7}"


BETTER = Versus(metric="accuracy", value=0.68, guess=0.5, low=0.13, high=0.23, says="better")


def png(side: int = 8, height: int | None = None, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, height or side), 80).convert(mode).save(out, "PNG")
    return out.getvalue()


METRICS = {
    "accuracy": MetricFact(label="accuracy", spoken="accuracy", higher=True),
    "map": MetricFact(label="mAP", spoken="mean average precision", higher=True),
    "mae": MetricFact(label="MAE", spoken="mean absolute error", higher=False),
}


def classes(name: str = "cat", text: str | None = None) -> list[Section]:
    """Sections of a model that tells classes apart, with every text being `name`."""
    bins = [ConfidenceBin(low=0.5, high=1, count=4, confidence=0.8, accuracy=0.5)]
    lines = [Line("said", "dog"), Line("true", name)]
    return [
        Section(
            "errors", "Errors", name,
            [
                Heatmap([name, "dog"], {(0, 0): 3, (0, 1): 1, (1, 0): 1, (1, 1): 3}),
                Heading(name),
                Table(name, [name, "n", "share"], [[name, Number(4, name), ShareCell(math.nan)]]),
                Gallery([Card(id=name, lines=lines, text=text, picture=png(), sure=0.9)]),
            ],
        ),
        Section(
            "confidence", name, name,
            [Words(name, "lead"), Row([Reliability(name, bins), Reliability("after", bins)])],
        ),
    ]  # fmt: skip


def stretches(name: str) -> list[Section]:
    """Sections of a model that finds stretches in texts and boxes in pictures, with every text being `name`."""
    marks = [TextMark(0, 2, name, "right"), TextMark(1, 3, name, "missed")]
    boxes = [ShownBox(0.1, 0.1, 0.5, 0.9, name, "spurious"), ShownBox(-1, -1, 2, 2, name, "missed")]
    cards = [
        Card(id=name, text=f"{name} abcdef", marks=marks, lines=[Line("said", name, name)], note=name),
        Card(id=name, picture=png(), boxes=boxes, mask=png(mode="LA")),
    ]
    table = Table(name, [name, "value"], [[name, IntervalCell(0.5, 0.4, None)], [name, IntervalCell(None)]])
    return [Section("found", name, name, [Bars(name, {name: {name: 3}}), table, Gallery(cards)])]


def numbers(name: str = "price") -> list[Section]:
    card = Card(id=name, lines=[Line("said", "1.50", "+0.50"), Line("true", "1.00")], note=name)
    return [
        Section("errors", "Errors", "Where it errs", [Row([Scatter(name, [1.0, 2.0], [1.5, 1.5])]), Gallery([card])])
    ]


def single(name: str = "cat", text: str | None = None) -> Facts:
    rows: list[dict[str, object]] = [
        {"step": step, "split": "train", "phase": "head", "loss": 1 / step, name: 0.5, "lr/head": 1e-3}
        for step in range(1, 11)
    ]
    rows += [{"step": s, "split": "val", "phase": "head", "accuracy": s / 20, f"{name}2": 7.0} for s in (5, 10)]
    return Facts(
        title=name,
        skill=f"tell {name} from dog",
        metrics=METRICS,
        samples="pictures",
        run=f"runs/{name}",
        created=name,
        verdict=Verdict(metric="accuracy", split="test", value=0.68, low=0.63, high=0.72, n=360, versus=BETTER),
        reasons=[name],
        scores={"val": {"accuracy": (0.7, None, None)}, name: {name: (0.68, 0.63, 0.72)}},
        curves=rows,
        phases=[PhaseBar(name=name, first=1, last=10, epochs=1, rates={name: None, "head": 1e-3})],
        findings=classes(name, text),
        data=DataCard(
            source=name, sizes={"train": 10, name: 4}, counts={"train": {name: 5, "dog": 0}}, duplicates=2,
            fingerprint=name, lines=[(name, name)],
        ),
        model=ModelCard(
            backbone=name, weights=name, preprocess=[name], parameters=100, learned={name: 10}, fingerprint=name,
            lines=[(name, name)],
        ),
        environment=Environment(
            versions={name: name}, device=name, wall_s=61, peak_memory=2**30, git=name, seeds={name: 1}
        ),
        warnings=[name],
        usage=Usage(commands=[(name, name)], python=name),
        command=name,
        recipe=name,
    )  # fmt: skip


def multi(name: str = "label") -> Facts:
    versus = Versus(metric="map", value=0.61, guess=0.3, says="unknown")
    verdict = Verdict(
        metric="map",
        split="val",
        value=0.61,
        n=1,
        missing="only 1 sample",
        versus=versus,
        never=[(name, 1)],
        caution=name,
    )
    return replace(single(name), skill="find which of 2 labels apply", findings=stretches(name), verdict=verdict)


def numeric(name: str = "price") -> Facts:
    cheaper = Versus(metric="mae", value=38.44, guess=119.6, low=-90.0, high=-72.0, says="better")
    return replace(
        single(name),
        skill=f"predict {name}",
        samples="rows",
        verdict=Verdict(metric="mae", split="test", value=38.44, low=35.0, high=42.0, n=300, versus=cheaper),
        findings=numbers(name),
    )


EMPTY = Facts(title="empty", skill="tell 2 classes apart")
VARIANTS = {
    "single": single(),
    "text": single(text="a text"),
    "multi": multi(),
    "number": numeric(),
    "empty": EMPTY,
    "evil single": single(EVIL, EVIL),
    "evil multi": multi(EVIL),
    "evil number": numeric(EVIL),
}
