"""What each phase of a run reads: training batches and validation samples, from where the phase's frozen stages end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tl.components.freeze.layout import PhaseSpan
from tl.components.method.base import Method
from tl.components.model import Model
from tl.inputs.activations import Activations, FixedViews, Reads
from tl.inputs.items import Items
from tl.inputs.rows import WithTeacher
from tl.inputs.streams import Source, Stream


@dataclass(frozen=True)
class ReadingPlan:
    """What decides how often a run reads its data: its phases, the steps between two evaluations, and two settings.

    `precision` is that of training. With `averaged`, a moving average of the weights is evaluated, not the weights.
    """

    spans: tuple[PhaseSpan, ...]
    eval_every: float
    precision: str
    averaged: bool


class Supply:
    """Gives each phase its sources; before the first phase, and where nothing is cached, these are the raw samples.

    `plain` has the samples of train and val as evaluation sees them. `validation` and `training` are what the phase
    reads of them: for the metrics, and for the statistics of batch norms that learn.
    """

    def __init__(
        self,
        model: Model,
        method: Method,
        streams: Mapping[str, Stream],
        plain: Mapping[str, Items],
        plan: ReadingPlan,
        activations: Activations,
    ) -> None:
        self.model, self.method, self.streams = model, method, streams
        self.plan, self.activations = plan, activations
        self.train, self.val = plain["train"], plain["val"]
        self.training: Source = self.train
        self.validation: Source = self.val

    def enter(self, phase: int) -> Mapping[str, Stream]:
        """The training streams of a phase; sets the phase's `validation` and `training` samples."""
        spans = self.plan.spans
        self._forget_weights_before(phase)
        cuts = [self.model.cut(span.phase.train) for span in spans]
        evaluations = [1 + (s.stop - s.start) / self.plan.eval_every for s in spans]
        # A moving average differs from the weights in every part that has learnt in any phase so far.
        evaluated = [min(cuts[: i + 1]) for i in range(len(cuts))] if self.plan.averaged else cuts
        reads = reads_of(evaluated[phase:], evaluations[phase:])
        self.validation = self.activations.source("val", self.val, reads)
        if self.model.estimated_norms():
            self.training = self.activations.source("train, for batch norms", self.train, reads)
        return {name: self._stream(name, stream, cuts[phase:], phase) for name, stream in self.streams.items()}

    def _forget_weights_before(self, phase: int) -> None:
        """Parts that learnt in the phase before may have new weights; a watched phase ends with its best weights."""
        if phase:
            before = self.plan.spans[phase - 1].phase
            self.activations.learnt(self.model.parts() if before.patience is not None else before.train)

    def _stream(self, name: str, stream: Stream, cuts: Sequence[int], phase: int) -> Stream:
        items, views = stream.source, FixedViews(stream.views, stream.order.seed)
        assert isinstance(items, Items)
        passes = [(s.stop - s.start) / stream.epoch for s in self.plan.spans[phase:]]
        teacher, outputs = self.method.teacher(), None
        if teacher is not None:
            outputs = self.activations.teacher_outputs(name, items, teacher, views, self.plan.precision)
            if outputs is None:  # the teacher needs the inputs themselves at every step
                return replace(stream, source=self.activations.source(name, items, Reads({0: sum(passes)})))
        source = self.activations.source(name, items, reads_of(cuts, passes), views, self.plan.precision)
        if source.rounded:
            draws = stream.plan(self.plan.spans[phase].start)[0]
            self.activations.tell_rounding(name, source, items, draws, self.plan.precision)
        if outputs is not None:
            source = WithTeacher(source, outputs, widen=self.activations.rounds)
        return replace(stream, source=source)

    def features(self, items: Items) -> Source:
        """The training samples as pooled features, for the head to start from; one pass serves all coming phases."""
        plain = all(stream.source.fixed for stream in self.streams.values() if isinstance(stream.source, Items))
        spans = self.plan.spans if plain and self.plan.precision == "no" else ()
        cuts = [self.model.end, *(self.model.cut(span.phase.train) for span in spans)]
        epoch = self.streams["train"].epoch
        passes = [1.0, *((span.stop - span.start) / epoch for span in spans)]
        return self.activations.source("train", items, reads_of(cuts, passes))

    def untrained(self, name: str, items: Items) -> Source:
        """A split as the head reads it before any part has learnt; what is computed for it serves the first phase."""
        return self.activations.source(name, items, Reads({self.model.end: 2.0}))

    def last(self, name: str, items: Items) -> Source:
        """A split for the final evaluation with the run's best weights; it is read once."""
        self.activations.learnt(self.model.parts())
        cut = self.model.cut(self.model.learning)
        return self.activations.source(name, items, Reads({cut: 1.0}))


def reads_of(cuts: Sequence[int], counts: Sequence[float]) -> Reads:
    """How often each cut is read, from the cut and the number of reads of each phase, the present phase first.

    Cut 0 stands for the samples themselves, which need no cache; it is kept only for the present phase. A cut that is
    deeper than an earlier phase's cut is left out: the stages below it will have learnt by then.
    """
    total: dict[int, float] = {}
    for number, (cut, count) in enumerate(zip(cuts, counts, strict=True)):
        if cut == min(cuts[: number + 1]):
            total[cut] = total.get(cut, 0.0) + count
    return Reads({cut: count for cut, count in total.items() if cut or cut == cuts[0]})
