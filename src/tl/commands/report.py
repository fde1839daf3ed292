"""The report of a finished run: its facts are gathered here, and drawn in report/."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tl.commands.answer import python_lines
from tl.commands.assemble import Assembly
from tl.commands.findings import FILE, as_facts, found_in
from tl.commands.published import Shown, without_folders
from tl.components.data.base import Data
from tl.components.data.copies import equal_samples
from tl.components.data.inspect import EqualSamples, count_duplicates
from tl.components.data.labels import class_counts
from tl.components.task.judged import Judged
from tl.evaluation.outcome import Outcome
from tl.evaluation.verdict import verdict_of
from tl.metrics.calibration import LEAST_FOR_TEMPERATURE
from tl.metrics.catalogue import COMPANIONS, Metric
from tl.recipe.recipe import Recipe
from tl.report.blocks import PhaseBar
from tl.report.facts import DataCard, Environment, Facts, MetricFact, ModelCard, Usage, Verdict
from tl.report.page import render
from tl.report.reasons import reasons
from tl.report.verdict import sentence
from tl.report.words import counted, shorten
from tl.run.run import RECIPE, Run

_MOST_COMPARED, _EXAMPLE = 20_000, 60


def write_report(run: Run, assembly: Assembly, outcomes: Sequence[Outcome], cut: str | None) -> None:
    """Write report.html into the run, and its verdict into the run's meta.json; `cut` says how many texts were cut."""
    equal = _equal_samples(assembly.data)
    found = found_in(assembly, equal)
    run.write_json(FILE, as_facts(found, assembly, equal))
    facts = gather(run, assembly, outcomes, [*found, *([cut] if cut else ())], equal)
    if assembly.recipe.report.private:
        facts = without_folders(facts, assembly.recipe, run.path)
    run.write("report.html", render(facts))
    run.update_meta(verdict=sentence(facts))


def gather(
    run: Run, assembly: Assembly, outcomes: Sequence[Outcome], found: Sequence[str], equal: EqualSamples | None
) -> Facts:
    """The facts of a run; the last of its outcomes (test, else val) gives the verdict, `found` are warnings."""
    meta, task = run.meta, assembly.model.task
    rows, judged = run.rows(), outcomes[-1] if outcomes else None
    metrics = metric_facts(task.measures.catalogue)
    return Facts(
        title=assembly.recipe.name,
        skill=task.skill(),
        metrics=metrics,
        companions=COMPANIONS,
        samples="pictures" if assembly.data.modality == "image" else "texts",
        run=str(run.path),
        created=f"{datetime.fromisoformat(meta['created']):%-d %B %Y, %H:%M} UTC",
        verdict=_verdict(meta["best"]["metric"], judged, assembly) if judged else None,
        scores={o.split: {k: (v, *o.intervals[k][:2]) for k, v in o.values.items()} for o in outcomes},
        zero_shot={
            split: {name: (one["value"], one["low"], one["high"]) for name, one in found.items()}
            for split, found in meta.get("zero_shot", {}).items()
        },
        reasons=reasons([o.as_json() for o in outcomes], lambda name: metrics[name].label),
        curves=rows,
        phases=_phases(rows, assembly),
        data=_data_card(assembly, equal),
        model=_model_card(run, assembly),
        environment=_environment(meta, assembly.recipe),
        usage=_usage(run.path, assembly),
        warnings=[*meta["warnings"], *found, *_unsaid(assembly.data.notes, found)],
        command=meta["command"],
        recipe=(run.path / RECIPE).read_text(encoding="utf-8"),
        findings=task.findings(_judged(judged, meta, assembly)),
    )


def _judged(one: Outcome | None, meta: Mapping[str, Any], assembly: Assembly) -> Judged | None:
    if one is None:
        return None
    seen = (Shown(assembly.recipe), assembly.model.backbone.preprocess)
    return Judged(one.samples, one.kept, one.found, one.raw, *_temperature(meta, assembly), *seen)


def _unsaid(notes: Sequence[str], found: Sequence[str]) -> list[str]:
    """The notes that no warning begins with: 'There is no test split.' is said once."""
    return [note for note in notes if not any(one.startswith(note.rstrip(".")) for one in found)]


def _verdict(metric: str, judged: Outcome, assembly: Assembly) -> Verdict:
    splits = assembly.data.splits
    others = [splits[name] for name in ("train", "val") if name != judged.split and name in splits]
    return verdict_of(metric, judged, assembly.model.task.prior(others))


def _temperature(meta: Mapping[str, Any], assembly: Assembly) -> tuple[float | None, str]:
    """The temperature that was fitted, or None and why there is none."""
    size = len(assembly.data.splits.get("val", ()))
    if size >= LEAST_FOR_TEMPERATURE:
        return meta["temperature"], ""
    few = f"{counted(size, 'validation samples')} are too few to mend its confidence by ({LEAST_FOR_TEMPERATURE} do)."
    return None, f"It is left as trained: {few}" if size else ""


def metric_facts(catalogue: Mapping[str, Metric]) -> dict[str, MetricFact]:
    """How the report writes each metric of a catalogue."""
    return {m.name: MetricFact(label=m.label, spoken=m.spoken, higher=m.higher) for m in catalogue.values()}


def _phases(rows: Sequence[Mapping[str, Any]], assembly: Assembly) -> list[PhaseBar]:
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
        found.append(PhaseBar(name=name, first=first, last=last, epochs=epochs, rates=rates))
        first = last + 1
    return found


def _equal_samples(data: Data) -> EqualSamples | None:
    """The samples that are copies of others; None where there are too many pictures to compare."""
    pictures = sum(len(samples) for samples in data.splits.values()) if data.modality == "image" else 0
    return equal_samples(data.splits) if pictures <= _MOST_COMPARED else None


def _usage(run: Path, assembly: Assembly) -> Usage:
    """How the run is used, with an input of its own data as the example where that can be written down."""
    data, folder = assembly.data, shlex.quote(str(run))
    first = next((sample for samples in data.splits.values() for sample in samples), None)
    match first.input if first is not None else None:
        case Path() as picture:
            example = str(picture)
        case str() as text:
            example = shorten(text, _EXAMPLE)
        case (str() as one, str() as other):
            example = f"{shorten(one, _EXAMPLE)}\t{shorten(other, _EXAMPLE)}"
        case _:
            example = "picture.png"
    several = "the pictures of a folder" if data.modality == "image" else "the texts of a table"
    named = "new_pictures" if data.modality == "image" else "new.csv"
    word = f"-- {_quoted(example)}" if example.startswith("-") else _quoted(example)
    commands = [
        (f"tl predict {folder} {word}", "one answer"),
        (f"tl predict {folder} {named} --to answers.csv", f"{several}, a row each, with every score"),
    ]
    if {"root", "file"} & assembly.recipe.data.values.keys():
        commands.append((f"tl evaluate {folder} --data labelled", "its scores on other data with labels"))
    return Usage(commands=commands, python=python_lines(run, example))


def _quoted(word: str) -> str:
    """The word as a shell takes it; a tab is written so that it can be seen."""
    return (
        "$'" + word.replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t") + "'"
        if "\t" in word
        else shlex.quote(word)
    )


def _data_card(assembly: Assembly, equal: EqualSamples | None) -> DataCard:
    data, node = assembly.data, assembly.recipe.data
    counts = {}
    if data.task.has_classes:
        for split, samples in data.splits.items():
            found = class_counts(samples)
            counts[split] = {name: found[name] for name in data.task.counted}
    place = next((str(node.values[key]) for key in ("root", "file", "files") if node.values.get(key)), "")
    return DataCard(
        duplicates=None if equal is None else count_duplicates(equal),
        source=f"{node.option} {place}".strip(),
        sizes={split: len(samples) for split, samples in data.splits.items()},
        counts=counts,
        fingerprint=data.fingerprint,
    )


def _model_card(run: Run, assembly: Assembly) -> ModelCard:
    node, model = assembly.recipe.backbone, assembly.model
    sizes = model.sizes()
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
        kept=sum(sizes[part] for part in run.meta["learnt"]),
        fingerprint=run.meta["preprocess"]["fingerprint"],
        lines=[*lines, *chosen],
    )


def _environment(meta: Mapping[str, Any], recipe: Recipe) -> Environment:
    split = recipe.data.values["split"]
    return Environment(
        versions=meta["versions"],
        device=meta["device"],
        wall_s=meta["seconds"],
        peak_memory=int(max(meta["peak_memory_mb"].values()) * 1024**2),
        git=meta["git"],
        seeds={"seed": meta["seed"], "data.split.seed": split["seed"]},
    )
