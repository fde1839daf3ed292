"""From a finished run to the facts of its report."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tl.assemble import Assembly
from tl.calibration import reliability
from tl.data.base import Sample
from tl.data.images import open_image
from tl.errors import TLError
from tl.metrics import confusion, evaluate, per_class
from tl.outcome import Outcome, answers
from tl.report.facts import (
    Bin,
    Calibration,
    ClassFact,
    Confusion,
    DataCard,
    Environment,
    Facts,
    Mistake,
    ModelCard,
    PhaseFact,
    Residual,
    Scatter,
    Verdict,
)
from tl.report.page import render
from tl.run import RECIPE, Run

_SHOWN = 12
_THUMBNAIL = 192


def write_report(run: Run, assembly: Assembly, outcomes: Sequence[Outcome]) -> None:
    """Write report.html into the run."""
    run.write("report.html", render(gather(run, assembly, outcomes)))


def gather(run: Run, assembly: Assembly, outcomes: Sequence[Outcome]) -> Facts:
    """The facts of a run; the last of its outcomes (test, else val) is the one that judges it."""
    meta, space = run.meta, assembly.data.space
    rows, judged = run.rows(), outcomes[-1] if outcomes else None
    return Facts(
        title=assembly.recipe.name,
        kind=space.kind,
        names=space.names,
        samples="pictures" if assembly.data.modality == "image" else "texts",
        run=str(run.path),
        created=run.path.name,
        verdict=_verdict(meta["best"]["metric"], judged) if judged else None,
        scores={o.split: {k: (v, *o.intervals[k]) for k, v in o.values.items()} for o in outcomes},
        curves=rows,
        phases=_phases(rows, assembly),
        data=_data_card(assembly),
        model=_model_card(run, assembly),
        environment=_environment(meta),
        warnings=assembly.data.notes,
        command=meta["command"],
        recipe=(run.path / RECIPE).read_text(encoding="utf-8"),
        **(_judgement(judged, meta["temperature"]) if judged else {}),
    )


def _verdict(metric: str, judged: Outcome) -> Verdict:
    low, high = judged.intervals[metric]
    value, n = judged.values[metric], len(judged.samples)
    baseline = None
    if metric == "accuracy" and n:
        baseline = max(Counter(judged.targets.tolist()).values()) / n
    return Verdict(metric=metric, split=judged.split, value=value, low=low, high=high, n=n, baseline=baseline)


def _judgement(judged: Outcome, temperature: float) -> dict[str, Any]:
    space = judged.space
    if space.kind == "number":
        columns = range(space.dim)
        pairs = [(judged.targets[:, i].tolist(), judged.scores[:, i].tolist()) for i in columns]
        scatters = [Scatter(name=n, true=t, predicted=p) for n, (t, p) in zip(space.names, pairs, strict=True)]
        return {"scatters": scatters, "residuals": _residuals(judged)}
    classes = [ClassFact(**row) for row in per_class(space.kind, judged.scores, judged.targets, space.names)]  # type: ignore[arg-type]
    if space.kind == "multi":
        return {"classes": classes}
    counts = confusion(judged.scores, judged.targets, space.dim)
    return {
        "classes": classes,
        "confusion": Confusion(names=space.names, counts=counts.tolist()),
        "calibration": _calibration(judged, temperature),
        "mistakes": _mistakes(judged),
    }


def _calibration(judged: Outcome, temperature: float) -> Calibration:
    def bins(scores: Any) -> list[Bin]:
        found = reliability(scores, judged.targets)
        return [Bin(low=b.lo, high=b.hi, count=b.count, confidence=b.confidence, accuracy=b.accuracy) for b in found]

    def ece(scores: Any) -> float:
        return evaluate("single", scores, judged.targets, judged.space.names, ["ece"])["ece"]

    return Calibration(
        before=bins(judged.raw),
        ece_before=ece(judged.raw),
        after=bins(judged.scores),
        ece_after=ece(judged.scores),
        temperature=temperature,
    )


def _mistakes(judged: Outcome) -> list[Mistake]:
    predicted = answers(judged.space, judged.scores)
    wrong = [i for i in range(len(predicted)) if predicted[i] != judged.targets[i]]
    wrong.sort(key=lambda i: -judged.scores[i, predicted[i]])
    names = judged.space.names
    return [
        Mistake(
            id=judged.samples[i].id,
            true=names[int(judged.targets[i])],
            predicted=names[int(predicted[i])],
            confidence=float(judged.scores[i, predicted[i]]),
            **_shown(judged.samples[i]),
        )
        for i in wrong[:_SHOWN]
    ]


def _residuals(judged: Outcome) -> list[Residual]:
    errors = abs(judged.scores - judged.targets)
    worst = (-errors).ravel().argsort()[:_SHOWN]
    cells = [divmod(int(cell), judged.space.dim) for cell in worst]
    return [
        Residual(
            id=judged.samples[i].id,
            target=judged.space.names[k],
            true=float(judged.targets[i, k]),
            predicted=float(judged.scores[i, k]),
            **_shown(judged.samples[i]),
        )
        for i, k in cells
    ]


def _shown(sample: Sample) -> dict[str, Any]:
    if isinstance(sample.input, str):
        return {"text": sample.input}
    if isinstance(sample.input, tuple):
        return {"text": " / ".join(sample.input)}
    try:
        image = open_image(sample.input)
    except TLError:
        return {"text": f"{sample.where} cannot be opened any more"}
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return {"thumbnail": buffer.getvalue()}


def _phases(rows: Sequence[Mapping[str, Any]], assembly: Assembly) -> list[PhaseFact]:
    trained = [row for row in rows if row["split"] == "train"]
    names = list(dict.fromkeys(row["phase"] for row in trained))
    loop, epoch = assembly.recipe.loop, len(assembly.data.splits["train"])
    batch, found, first = min(loop.batch, epoch), [], 1
    for name in names:
        own = [row for row in trained if row["phase"] == name]
        last = max(int(row["step"]) for row in own)
        rates = {
            part: max((r[f"lr/{part}"] for r in own if f"lr/{part}" in r), default=None)
            for part in assembly.model.parts()
        }
        epochs = (last - first + 1) * batch / epoch
        found.append(PhaseFact(name=name, first=first, last=last, epochs=epochs, rates=rates))
        first = last + 1
    return found


def _data_card(assembly: Assembly) -> DataCard:
    data, node = assembly.data, assembly.recipe.data
    counts = {}
    if data.space.kind != "number":
        for split, samples in data.splits.items():
            labels = (s.target if isinstance(s.target, tuple) else (s.target,) for s in samples if s.target is not None)
            found = Counter(str(label) for many in labels for label in many)
            counts[split] = {name: found[name] for name in data.space.names}
    place = next((str(node.values[key]) for key in ("root", "file", "files") if node.values.get(key)), "")
    return DataCard(
        source=f"{node.option} {place}".strip(),
        sizes={split: len(samples) for split, samples in data.splits.items()},
        counts=counts,
        fingerprint=data.fingerprint,
    )


def _model_card(run: Run, assembly: Assembly) -> ModelCard:
    node, model = assembly.recipe.backbone, assembly.model
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in model.parts().items()}
    learned = {phase.name: sum(sizes[part] for part in phase.train) for phase in assembly.phases}
    lines = [(key, str(value)) for key, value in node.values.items() if key != "weights"]
    chosen = [
        (group, one.option) for group, one in assembly.recipe.nodes().items() if group not in ("data", "backbone")
    ]
    return ModelCard(
        backbone=node.option,
        weights=str(node.values.get("weights", "")),
        preprocess=model.backbone.preprocess.lines(),
        parameters=sum(sizes.values()),
        learned=learned,
        fingerprint=run.meta["preprocess"]["fingerprint"],
        lines=[*lines, *chosen],
    )


def _environment(meta: Mapping[str, Any]) -> Environment:
    return Environment(
        versions=meta["versions"],
        device=meta["device"],
        wall_s=meta["seconds"],
        peak_memory=int(max(meta["peak_memory_mb"].values()) * 1024**2),
        git=meta["git"],
        seeds={"seed": meta["seed"]},
    )
