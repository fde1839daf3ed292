"""Runs into a Markdown table of medians with ratios to tl."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peers.jobs import JOBS, STAGES

BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
FIGURES = {"seconds_total": "s", "seconds_train": "s training", "seconds_epoch": "s an epoch", "peak_mb": "MB"}
PACKAGES = ("torch", "transformers", "timm", "fastai")

Row = Mapping[str, Any]


def table(runs: Iterable[Row], arms: list[str], facts: Mapping[str, str], installed: Iterable[str]) -> str:
    """A table for each modality; ratios are to the first of `arms` that a job has."""
    found = list(runs)
    parts = [_machine(installed, max((run["others"] for run in found), default=0.0))]
    for modality in STAGES:
        rows = [row for job in JOBS for row in _job(job, [r for r in found if _is(r, job, modality)], arms)]
        if rows:
            header = f"| job | | {' | '.join(FIGURES.values())} | s to tl's | s training to tl's | accuracy | runs |"
            parts += [f"**{modality}**, {facts[modality]}", "\n".join([header, "|---" * 10 + "|", *rows])]
    parts.append("; ".join(f"{job}: {what}" for job, what in JOBS.items()) + ".")
    return "\n\n".join(parts)


def write_into(readme: Path, text: str) -> None:
    """Put the table between the marks."""
    content = readme.read_text(encoding="utf-8")
    if BEGIN not in content or END not in content:
        raise SystemExit(f"{readme} has no lines {BEGIN} and {END}: add them where the table is to be.")
    before, after = content.partition(BEGIN)[0], content.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _is(row: Row, job: str, modality: str) -> bool:
    return row["job"] == job and row["modality"] == modality


def _job(job: str, runs: list[Row], arms: list[str]) -> list[str]:
    base: dict[str, float] = {}
    lines = []
    for arm in arms:
        own = [run for run in runs if run["arm"] == arm]
        if not own:
            continue
        medians = {key: statistics.median(run[key] for run in own) for key in (*FIGURES, "metric")}
        base = base or medians
        cells = [f"{medians[key]:.0f}" if medians[key] >= 100 else f"{medians[key]:.1f}" for key in FIGURES]
        ratios = [f"{medians[key] / base[key]:.2f}" for key in ("seconds_total", "seconds_train")]
        lines.append(f"| {job} | {arm} | {' | '.join([*cells, *ratios])} | {medians['metric']:.3f} | {len(own)} |")
    return lines


def _machine(installed: Iterable[str], others: float) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in installed)
    cores, threads = os.cpu_count(), os.environ["OMP_NUM_THREADS"]
    python = platform.python_version()
    machine = f"{platform.machine()}, {cores} cores, {threads} threads, no GPU; Python {python}, {versions}"
    return f"{machine}. Medians; other processes took {others:.1f} cores at most."
