"""What a report says, as plain data: commands/report.py fills in the facts of a run, `page.render` draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tl.report.words import spaced
from tl.space import Kind

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
class PhaseFact:
    """A phase of steps `first` to `last`, both included and counted from 1; without steps, `last` is below `first`.

    `rates` maps each part, from backbone.0 to head, to its learning rate; None where the part is frozen.
    """

    name: str
    first: int
    last: int
    epochs: float
    rates: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """`counts[i, j]` samples of class i were predicted as class j; a pair that did not occur is not in `counts`."""

    names: Sequence[str]
    counts: Mapping[tuple[int, int], int]


@dataclass(frozen=True, kw_only=True)
class BinFact:
    """Samples whose confidence lies in (low, high]; `confidence` and `accuracy` are their means, nan for no samples."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Reliability as trained, and after the logits were divided by `temperature`; None and () where none was fitted.

    `unfitted` says why none was; '' where there is nothing to say.
    """

    before: Sequence[BinFact]
    ece_before: float
    after: Sequence[BinFact] = ()
    ece_after: float | None = None
    temperature: float | None = None
    unfitted: str = ""


@dataclass(frozen=True, kw_only=True)
class ClassFact:
    """How well one class or label was predicted on the split that judges; `ap` is the average precision of a label."""

    name: str
    support: int
    precision: float
    recall: float
    f1: float
    ap: float | None = None


@dataclass(frozen=True, kw_only=True)
class WrongAnswer:
    """A sample with a wrong prediction; `thumbnail` holds the bytes of a PNG or JPEG."""

    id: str
    true: str
    predicted: str
    confidence: float | None = None
    text: str | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """The true and the predicted values of one target column, in the unit of the data."""

    name: str
    true: Sequence[float]
    predicted: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Residual:
    """One of the largest errors of a regression, in the unit that column `target` has in the data."""

    id: str
    target: str
    true: float
    predicted: float
    text: str | None = None
    thumbnail: bytes | None = None


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

    `names` are the classes, labels or target columns. `metrics` says how each metric is written; one of `companions`
    is drawn beside the main metric. `samples` is the plural noun of what was judged: pictures, texts.
    `curves` are the rows of metrics.jsonl: `step`, `split`, `phase` and named numbers. The numbers of a train row are
    loss terms and learning rates (keys that begin with `lr`), those of any other split are metrics.
    `reasons` say why scores have no value or no interval. `mistakes` is None where they were not collected, and empty
    where there were none.
    """

    title: str
    kind: Kind
    names: Sequence[str]
    metrics: Mapping[str, MetricFact] = field(default_factory=dict)
    companions: Sequence[str] = ()
    samples: str = "samples"
    run: str = ""
    created: str = ""
    verdict: Verdict | None = None
    scores: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    curves: Sequence[Mapping[str, object]] = ()
    phases: Sequence[PhaseFact] = ()
    confusion: Confusion | None = None
    calibration: Calibration | None = None
    classes: Sequence[ClassFact] = ()
    mistakes: Sequence[WrongAnswer] | None = None
    scatters: Sequence[Scatter] = ()
    residuals: Sequence[Residual] = ()
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
