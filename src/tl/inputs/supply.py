"""What each phase reads: training batches and validation samples from where the phase's frozen stages end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tl.components.freeze.layout import Stretch
from tl.components.method.base import Method
from tl.components.model import Model
from tl.inputs.activations import Activations, Need, Views
from tl.inputs.items import Items, Source, WithTeacher
from tl.inputs.streams import Stream


@dataclass(frozen=True)
class Needs:
    """What a run reads, and how often: its stretches, the steps between two evaluations, the precision of training.

    With `averaged`, a moving average of the weights is what is evaluated.
    """

    stretches: tuple[Stretch, ...]
    eval_every: float
    precision: str
    averaged: bool


class Supply:
    """The sources of a run; until a phase is entered, and where nothing can be read back, they are the samples."""

    def __init__(
        self,
        model: Model,
        method: Method,
        streams: Mapping[str, Stream],
        val: Items,
        needs: Needs,
        activations: Activations,
    ) -> None:
        self.model, self.method, self.streams, self.val = model, method, streams, val
        self.needs, self.activations = needs, activations
        self.validation: Source = val

    def enter(self, phase: int) -> Mapping[str, Stream]:
        """The streams of a phase; `validation` is set for it too."""
        stretches = self.needs.stretches
        self._learnt(phase)
        cuts = [self.model.cut(stretch.phase.train) for stretch in stretches]
        evaluations = [1 + (s.last - s.first) / self.needs.eval_every for s in stretches]
        # A moving average of weights differs from them wherever anything has learnt before.
        seen = [min(cuts[: i + 1]) for i in range(len(cuts))] if self.needs.averaged else cuts
        self.validation = self.activations.source("val", self.val, needed(seen[phase:], evaluations[phase:]))
        return {name: self._stream(name, stream, cuts[phase:], phase) for name, stream in self.streams.items()}

    def _learnt(self, phase: int) -> None:
        """The weights of what could learn in the phase before may be others now; a watched one ends with its best."""
        if phase:
            before = self.needs.stretches[phase - 1].phase
            self.activations.learnt(self.model.parts() if before.patience is not None else before.train)

    def _stream(self, name: str, stream: Stream, cuts: Sequence[int], phase: int) -> Stream:
        items, views = stream.source, Views(stream.views, stream.order.seed)
        assert isinstance(items, Items)
        passes = [(s.last - s.first) / stream.epoch for s in self.needs.stretches[phase:]]
        teacher, answers = self.method.teacher(), None
        if teacher is not None:
            answers = self.activations.teacher_outputs(name, items, teacher, views, self.needs.precision)
            if answers is None:  # the teacher needs the pixels at every step
                return replace(stream, source=self.activations.source(name, items, Need({0: sum(passes)})))
        source = self.activations.source(name, items, needed(cuts, passes), views, self.needs.precision)
        if source.rounded:
            step = self.needs.stretches[phase].first
            self.activations.tell_rounding(name, source, items, stream.plan(step)[0], self.needs.precision)
        if answers is not None:
            source = WithTeacher(source, answers, widen=self.activations.rounds)
        return replace(stream, source=source)

    def features(self, items: Items) -> Source:
        """The training samples as the head's start wants them: pooled, and for the coming phases too."""
        after = len(self.model.backbone.stages()) + 1
        plain = all(stream.source.fixed for stream in self.streams.values() if isinstance(stream.source, Items))
        stretches = self.needs.stretches if plain and self.needs.precision == "no" else ()
        cuts = [after, *(self.model.cut(stretch.phase.train) for stretch in stretches)]
        epoch = self.streams["train"].epoch
        passes = [1.0, *((stretch.last - stretch.first) / epoch for stretch in stretches)]
        return self.activations.source("train", items, needed(cuts, passes))

    def last(self, name: str, items: Items) -> Source:
        """A split for the final evaluation, once, with the run's best weights."""
        self.activations.learnt(self.model.parts())
        cut = self.model.cut(self.model.learning)
        return self.activations.source(name, items, Need({cut: 1.0}))


def needed(cuts: Sequence[int], reads: Sequence[float]) -> Need:
    """Reads of each cut, the present one first; cut 0 is what lies on the disk anyway.

    A cut deeper than one before it is left out: what lies below it will have learnt by then.
    """
    total: dict[int, float] = {}
    for number, (cut, count) in enumerate(zip(cuts, reads, strict=True)):
        if cut == min(cuts[: number + 1]):
            total[cut] = total.get(cut, 0.0) + count
    return Need({cut: count for cut, count in total.items() if cut or cut == cuts[0]})
