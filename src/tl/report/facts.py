"""What a report says, as plain data: commands/report.py fills in the facts of a run, `page.render` draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tl.report.blocks import PhaseBar, Section
from tl.report.words import spaced

Score = tuple[float, float | None, float | None]
"""A value, and the lower and the upper end of its 95 % interval (None where no interval was computed)."""


@dataclass(frozen=True, kw_only=True)
class MetricFact:
    """How a metric is written in a table (`label`) and in a sentence (`spoken`); `higher`: a higher value is better."""

    label: str
    spoken: str
    higher: bool


@dataclass(frozen=True, kw_only=True)
class Versus:
    """A metric against that of guessing, which does not look at the input; `low` and `high` enclose the difference.

    "better" and "worse" are said where the interval of the paired difference excludes 0, "unknown" where there is none
    for the reason that `missing` gives.
    """

    metric: str
    value: float
    guess: float
    low: float | None = None
    high: float | None = None
    says: Literal["better", "worse", "same", "unknown"]
    missing: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The main metric on the split that judges the run.

    `missing` says why there is no interval. `versus` is about another metric where no guess is the best for the main
    one. `never` holds classes that occur and are never answered, and how often they occur. `caution` says why the value
    is not to be taken at its word; '' where nothing is known against it.
    """

    metric: str
    split: str
    value: float
    low: float | None = None
    high: float | None = None
    missing: str = ""
    n: int
    versus: Versus | None = None
    never: Sequence[tuple[str, int]] = ()
    caution: str = ""

    @property
    def baseline(self) -> float | None:
        """What guessing scores in the main metric; None where that is not known."""
        return self.versus.guess if self.versus is not None and self.versus.metric == self.metric else None


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """What the run learned from. `sizes` maps a split to its samples, `counts` a split to the samples of each class.

    `duplicates` is None where they were not looked for. `lines` are further facts.
    """

    source: str
    sizes: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    duplicates: int | None = None
    fingerprint: str = ""
    lines: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """The model; `learned` maps a phase to the number of parameters that learn in it, `lines` are further facts.

    `kept` is the number of parameters that have learnt in the kept weights, which may be those of an early phase.
    """

    backbone: str
    weights: str
    preprocess: Sequence[str] = ()
    parameters: int | None = None
    learned: Mapping[str, int] = field(default_factory=dict)
    kept: int | None = None
    fingerprint: str = ""
    lines: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The machine that the run was on; wall time is in seconds, peak memory in bytes."""

    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    wall_s: float | None = None
    peak_memory: int | None = None
    git: str = ""
    seeds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How the model is used: commands, each with what it is for, and a program in Python."""

    commands: Sequence[tuple[str, str]]
    python: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that one report shows. Where a fact is empty or None, the report has a sentence that says so.

    `skill` says what the model was to do, such as `tell cat from dog`, and begins with a verb that takes an s: `tells`.
    It is '' where there is nothing to tell apart. `findings` are the sections on single answers. `metrics` says how
    each metric is written; one of `companions` is drawn beside the main metric. `samples` is the plural noun of what
    was judged: pictures, texts.
    `curves` are the rows of metrics.jsonl: `step`, `split`, `phase` and named numbers. The numbers of a train row are
    loss terms and learning rates (keys that begin with `lr`), those of any other split are metrics.
    `zero_shot` has the metrics of each split before training, where the model could answer then.
    `reasons` say why scores have no value or no interval.
    """

    title: str
    skill: str
    metrics: Mapping[str, MetricFact] = field(default_factory=dict)
    companions: Sequence[str] = ()
    samples: str = "samples"
    run: str = ""
    created: str = ""
    verdict: Verdict | None = None
    scores: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    zero_shot: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    curves: Sequence[Mapping[str, object]] = ()
    phases: Sequence[PhaseBar] = ()
    findings: Sequence[Section] = ()
    data: DataCard | None = None
    model: ModelCard | None = None
    environment: Environment | None = None
    warnings: Sequence[str] = ()
    usage: Usage | None = None
    command: str = ""
    recipe: str = ""

    def metric(self, key: str) -> MetricFact:
        """How a logged value is written. A value that is no metric goes by its key; lower is better for a loss only."""
        name = spaced(key)
        return self.metrics.get(key) or MetricFact(label=name, spoken=name, higher="loss" not in name.split(" "))
