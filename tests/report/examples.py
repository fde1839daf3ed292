"""Facts of made-up runs: one of each kind, one without facts, and ones whose every text is an attack."""

from __future__ import annotations

import io
import math
from dataclasses import replace

from PIL import Image

from tl.report.facts import (
    BinFact,
    Calibration,
    ClassFact,
    Confusion,
    DataCard,
    Environment,
    Facts,
    MetricFact,
    ModelCard,
    PhaseFact,
    Residual,
    Scatter,
    Usage,
    Verdict,
    Versus,
    WrongAnswer,
)

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


BETTER = Versus(metric="accuracy", value=0.68, guess=0.5, low=0.13, high=0.23, says="better")


def png(side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 80).convert("RGB").save(out, "PNG")
    return out.getvalue()


METRICS = {
    "accuracy": MetricFact(label="accuracy", spoken="accuracy", higher=True),
    "map": MetricFact(label="mAP", spoken="mean average precision", higher=True),
    "mae": MetricFact(label="MAE", spoken="mean absolute error", higher=False),
}


def single(name: str = "cat", text: str | None = None) -> Facts:
    names = [name, "dog"]
    bins = [BinFact(low=0.5, high=1, count=4, confidence=0.8, accuracy=0.5)]
    rows: list[dict[str, object]] = [
        {"step": step, "split": "train", "phase": "head", "loss": 1 / step, name: 0.5, "lr/head": 1e-3}
        for step in range(1, 11)
    ]
    rows += [{"step": s, "split": "val", "phase": "head", "accuracy": s / 20, f"{name}2": 7.0} for s in (5, 10)]
    return Facts(
        title=name,
        kind="single",
        names=names,
        metrics=METRICS,
        samples="pictures",
        run=f"runs/{name}",
        created=name,
        verdict=Verdict(metric="accuracy", split="test", value=0.68, low=0.63, high=0.72, n=360, versus=BETTER),
        reasons=[name],
        scores={"val": {"accuracy": (0.7, None, None)}, name: {name: (0.68, 0.63, 0.72)}},
        curves=rows,
        phases=[PhaseFact(name=name, first=1, last=10, epochs=1, rates={name: None, "head": 1e-3})],
        confusion=Confusion(names=names, counts={(0, 0): 3, (0, 1): 1, (1, 0): 1, (1, 1): 3}),
        calibration=Calibration(before=bins, ece_before=0.3, after=bins, ece_after=0.1, temperature=1.5),
        classes=[ClassFact(name=n, support=4, precision=0.75, recall=0.75, f1=math.nan) for n in names],
        mistakes=[WrongAnswer(id=name, true=name, predicted="dog", confidence=0.9, text=text, thumbnail=png())],
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
    classes = [ClassFact(name=name, support=3, precision=0.5, recall=0.5, f1=0.5, ap=0.61)]
    mistakes = [WrongAnswer(id=name, true=name, predicted="", text=name)]
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
    facts = single(name)
    return replace(facts, kind="multi", classes=classes, mistakes=mistakes, confusion=None, verdict=verdict)


def numeric(name: str = "price") -> Facts:
    cheaper = Versus(metric="mae", value=38.44, guess=119.6, low=-90.0, high=-72.0, says="better")
    return replace(
        single(name),
        kind="number",
        names=[name],
        samples="rows",
        verdict=Verdict(metric="mae", split="test", value=38.44, low=35.0, high=42.0, n=300, versus=cheaper),
        scatters=[Scatter(name=name, true=[1.0, 2.0], predicted=[1.5, 1.5])],
        residuals=[Residual(id=name, target=name, true=1.0, predicted=1.5)],
    )


EMPTY = Facts(title="empty", kind="single", names=())
VARIANTS = {
    "single": single(),
    "text": single(text="a text"),
    "multi": multi(),
    "number": numeric(),
    "empty": EMPTY,
    "empty multi": replace(EMPTY, kind="multi"),
    "empty number": replace(EMPTY, kind="number"),
    "evil single": single(EVIL, EVIL),
    "evil multi": multi(EVIL),
    "evil number": numeric(EVIL),
}
