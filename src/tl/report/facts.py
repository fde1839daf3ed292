"""What a report says, as plain data: whoever evaluates a run fills this in, `page.render` draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tl.report.words import spaced
from tl.space import Kind

Interval = tuple[float, float | None, float | None]
"""Value, and the lower and upper end of its 95 % interval (None where none was computed)."""


@dataclass(frozen=True, kw_only=True)
class MetricFact:
    """How a metric is written in a table (`label`) and in a sentence (`spoken`); `higher` says that more is better."""

    label: str
    spoken: str
    higher: bool


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The main metric on the split that judges the run; `baseline` is what guessing without looking scores."""

    metric: str
    split: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int
    baseline: float | None = None


@dataclass(frozen=True, kw_only=True)
class PhaseFact:
    """Steps `first`..`last` (both included, counted from 1); `rates` maps part to learning rate, None when frozen.

    Parts run shallow to deep: backbone.0 first, head last. A phase without steps has `last < first`.
    """

    name: str
    first: int
    last: int
    epochs: float
    rates: Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """`counts[i, j]` samples of class i were called class j; pairs that did not occur are not there."""

    names: Sequence[str]
    counts: Mapping[tuple[int, int], int]


@dataclass(frozen=True, kw_only=True)
class BinFact:
    """The samples whose confidence lies in (low, high]; confidence and accuracy are their means (nan when empty)."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Reliability as trained and after dividing the logits by `temperature` (None and () when not fitted)."""

    before: Sequence[BinFact]
    ece_before: float
    after: Sequence[BinFact] = ()
    ece_after: float | None = None
    temperature: float | None = None


@dataclass(frozen=True, kw_only=True)
class ClassFact:
    """One class or label of the judging split; `ap` (average precision) is for multi-label runs."""

    name: str
    support: int
    precision: float
    recall: float
    f1: float
    ap: float | None = None


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A sample answered wrongly; `thumbnail` holds the bytes of a PNG or JPEG."""

    id: str
    true: str
    predicted: str
    confidence: float | None = None
    text: str | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """True and predicted values of one target column, in its raw units."""

    name: str
    true: Sequence[float]
    predicted: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Residual:
    """One of the largest errors of a regression, in the raw units of column `target`."""

    id: str
    target: str
    true: float
    predicted: float
    text: str | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """`counts` is split -> class -> samples; `duplicates` is None when nobody looked; `lines` are further facts."""

    source: str
    sizes: Mapping[str, int]
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    duplicates: int | None = None
    fingerprint: str = ""
    lines: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """`learned` maps a phase's name to the parameters that learn in it; `lines` are further facts."""

    backbone: str
    weights: str
    preprocess: Sequence[str] = ()
    parameters: int | None = None
    learned: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""
    lines: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Where the run happened: wall time in seconds, peak memory in bytes."""

    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    wall_s: float | None = None
    peak_memory: int | None = None
    git: str = ""
    seeds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything one report shows; whatever is empty or None becomes a sentence that says so.

    `samples` is the plural noun of what was judged (pictures, texts). `names` are the classes, labels or target
    columns. `curves` are the rows of metrics.jsonl: `step`, `split`, `phase` and named numbers; a train row holds loss
    terms and learning rates (keys beginning with `lr`), the rows of any other split hold metrics. `metrics` says how
    these are written; `companions` are metrics of which one is drawn beside the main one.
    `mistakes` is None when nobody collected them, empty when there were none.
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
    scores: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    curves: Sequence[Mapping[str, object]] = ()
    phases: Sequence[PhaseFact] = ()
    confusion: Confusion | None = None
    calibration: Calibration | None = None
    classes: Sequence[ClassFact] = ()
    mistakes: Sequence[Mistake] | None = None
    scatters: Sequence[Scatter] = ()
    residuals: Sequence[Residual] = ()
    data: DataCard | None = None
    model: ModelCard | None = None
    environment: Environment | None = None
    warnings: Sequence[str] = ()
    command: str = ""
    recipe: str = ""

    def metric(self, key: str) -> MetricFact:
        """How a logged value is written; a value that is no metric goes by its key, and a lower loss is better."""
        name = spaced(key)
        return self.metrics.get(key) or MetricFact(label=name, spoken=name, higher="loss" not in name.split(" "))
