"""What frozen stages make of each sample: computed once, kept in the cache, read back at every later step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tl.batch import Batch
from tl.components.checksum import checksum
from tl.components.model import Model
from tl.components.preprocess import fingerprint
from tl.errors import TLError
from tl.inputs import cost
from tl.inputs.cache import key
from tl.inputs.filling import Making, Wanted
from tl.inputs.items import Draw, Items, Source, Stored
from tl.inputs.keeping import Keeper, versions
from tl.inputs.pictures import Pictures
from tl.inputs.prefix import Fresh, Prefix
from tl.inputs.rows import Rows
from tl.inputs.streams import fixed_view, to_device
from tl.place import Place
from tl.recipe.recipe import CacheRules


@dataclass(frozen=True)
class Views:
    """The fixed views of each sample that a recipe asks for, by the seed of its stream; `count` is None for none."""

    count: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Need:
    """How often each cut of a split will be read, the one that is wanted now first."""

    reads: Mapping[int, float]

    @property
    def cut(self) -> int:
        return next(iter(self.reads))


@dataclass(frozen=True)
class Provenance:
    """What tells apart backbones that could hold the same weights, and augmentations, each in words."""

    backbone: str
    augment: str


class Activations:
    """Sources that start where the frozen stages end, where that pays; `say` hears what was done, or why not."""

    def __init__(
        self, model: Model, provenance: Provenance, rules: CacheRules, place: Place, say: Callable[[str], None]
    ) -> None:
        self.model, self.provenance, self.rules, self.place = model, provenance, rules, place
        self.keeper = Keeper(rules, place.share, say)
        self.pictures = Pictures(self.keeper, place)
        self._sums: dict[str, str] = {}

    def source(self, name: str, items: Items, need: Need, views: Views | None = None, precision: str = "no") -> Source:
        """Samples from stage `need.cut` on if they are the same at every reading, else as they are."""
        what = f"the activations of {name}"
        wanted = self._wanted(name, items, views or Views(), precision, what) if need.cut else None
        if wanted is None:
            return self.pictures.source(name, items, sum(need.reads.values()))
        found = None if self.rules.use == "never" else self._found(wanted, need)
        if found is not None:
            return self._stored(wanted, found, need.cut)
        seen = self.pictures.source(name, items, sum(need.reads.values()))
        return Fresh(seen, Prefix(self.model.backbone, [need.cut], wanted.place))

    def tell_rounding(self, name: str, stored: Source, items: Items, draws: list[Draw], precision: str) -> None:
        """Say what rounding does to the loss of some samples."""
        model = self.model.eval()
        place = Place(self.place.device, precision, self.place.share)
        (rounded,) = stored.batches(iter([draws]))
        (exact,) = Fresh(items, Prefix(model.backbone, [rounded.start], place)).batches(iter([draws]))
        with torch.no_grad(), place.context():
            moved = [to_device(batch, place.device) for batch in (rounded, exact)]
            losses = [float(model.head.loss(model(batch.x, batch.start), batch.y)) for batch in moved]
        where = _depth(rounded.start, model)
        text = f"the loss of {len(draws)} samples is {losses[0]:.6g} with it and {losses[1]:.6g} without"
        self.keeper.tell(f"cache: {name}, stored as {self.rules.dtype} where {where} ends: {text}.", f"{name} {where}")

    def _found(self, wanted: Wanted, need: Need) -> Rows | None:
        names = {cut: self._name(cut, wanted) for cut in need.reads}

        def computed() -> Rows | None:
            chosen = self.keeper.agreed(self._worthwhile(wanted, need))
            return self._computed(wanted, {c: names[c] for c in chosen}, need.cut) if need.cut in chosen else None

        return self.keeper.rows(wanted.name, names[need.cut], computed)

    def teacher_outputs(self, name: str, items: Items, teacher: Model, views: Views, precision: str) -> Rows | None:
        """A teacher's answers to the items; None where they cannot be read back."""
        what = f"the teacher's answers to {name}"
        wanted = self._wanted(what, items, views, precision, what)
        if wanted is None or self.rules.use == "never":
            return None
        teacher = teacher.to(self.place.device)
        label = self._key("teacher", checksum(teacher), wanted)

        def computed() -> Rows | None:
            making = _each(self._seen(name, wanted), partial(_answers, teacher, wanted.place))
            return self.keeper.filled(wanted, {0: label}, making)

        return self.keeper.rows(what, label, computed)

    def _seen(self, name: str, wanted: Wanted) -> Source:
        """What one pass over all views reads."""
        return self.pictures.source(name, wanted.items, len(wanted.draws) / len(wanted.items))

    @property
    def rounds(self) -> bool:
        """Whether rows are stored with fewer bits than they were computed with."""
        return self.rules.dtype != "same"

    def _wanted(self, name: str, items: Items, views: Views, precision: str, what: str) -> Wanted | None:
        """Every view of every sample, in the order of the rows; None where there are no fixed ones of `what`."""
        if not len(items):
            return None
        place = Place(self.place.device, precision, self.place.share)
        if items.fixed:
            return Wanted(name, items, [Draw(number, 0) for number in range(len(items))], place)
        mixes = items.augment is not None and items.augment.mixes
        if mixes or views.count is None:
            anew = "each reading is augmented anew; loop.views=4 would fix 4 views"
            if self.rules.use != "never":
                why = "mixup and cutmix need the inputs at every step" if mixes else anew
                self.keeper.tell(f"cache: not used for {what}: {why}.")
            return None
        draws = [fixed_view(views.seed, n, v) for n in range(len(items)) for v in range(views.count)]
        return Wanted(name, items, draws, place)

    def _name(self, cut: int, wanted: Wanted) -> str:
        """The cache's name for a cut: all that its rows follow from."""
        stages = [f"backbone.{i}" for i in range(min(cut, len(self.model.backbone.stages())))]
        return self._key(self.provenance.backbone, cut, [self._checksum(stage) for stage in stages], wanted)

    def _key(self, *facts: object) -> str:
        *others, wanted = facts
        assert isinstance(wanted, Wanted)
        items, place = wanted.items, wanted.place
        seen = None if items.fixed else (self.provenance.augment, [draw.seed for draw in wanted.draws])
        where = (place.device.type, place.precision, versions())
        return key(*others, self.keeper.digest(items), fingerprint(items.preprocess), seen, self.rules.dtype, where)

    def _checksum(self, stage: str) -> str:
        if stage not in self._sums:
            self._sums[stage] = checksum(self.model.parts()[stage])
        return self._sums[stage]

    def learnt(self, parts: Iterable[str]) -> None:
        """The weights of these parts may have changed: look at them again."""
        for part in parts:
            self._sums.pop(part, None)

    def _worthwhile(self, wanted: Wanted, need: Need) -> list[int]:
        """The cuts that one pass is to store."""
        probe = next(wanted.items.batches(iter([_typical(wanted)])))
        stages = cost.stage_costs(self.model.eval().backbone, to_device(probe, self.place.device).x)
        chosen: list[int] = []
        total = 0
        for cut, reads in need.reads.items():
            size = stages[cut - 1].bytes * len(wanted.draws) / (2 if self.rounds else 1)
            what = f"{wanted.name}, stored where {_depth(cut, self.model)} ends"
            # Pooled features are small, and the next run will read them too; a later phase's cost no pass of their own.
            expected = reads + (cut == len(stages)) + (cut != need.cut)
            if not self.keeper.cache.fits(total + int(size)):
                self.keeper.tell_size(what, size)
            elif self.rules.use == "always" or cost.saved(stages[:cut], expected, self.place.device) > 0:
                chosen.append(cut)
                total += int(size)
            elif cut == need.cut and reads > 1:
                slower = "would take longer to read back than to compute (cache.use=always does it)"
                self.keeper.tell(f"cache: {what}, {slower}.")
        return chosen

    def _computed(self, wanted: Wanted, names: Mapping[int, str], cut: int) -> Rows | None:
        """Fill what is missing in one pass, each cut from the one before it, the first from the nearest stored one."""
        cuts = sorted(names)
        prefix = Prefix(self.model.eval().backbone, cuts, wanted.place)
        origin = self._origin(wanted, cuts[0])
        if self.keeper.filled(wanted, {each: names[each] for each in cuts}, _each(origin, prefix.rows)) is None:
            return None
        return self.keeper.cache.find(names[cut])

    def _origin(self, wanted: Wanted, below: int) -> Source:
        for cut in range(below - 1, 0, -1) if not self.rounds else ():
            found = self.keeper.cache.find(self._name(cut, wanted))
            if self.keeper.agreed(found is not None):
                if found is None:
                    raise TLError(f"{self.keeper.cache.folder} was emptied while this run began: start it again.")
                return self._stored(wanted, found, cut)
        return self._seen(wanted.name, wanted)

    def _stored(self, wanted: Wanted, rows: Rows, cut: int) -> Stored:
        return Stored(wanted.items, rows, cut, widen=self.rounds)


def _each(origin: Source, rows: Callable[[Batch], list[list[Tensor]]]) -> Making:
    """The rows of each batch of a source."""

    def making(plans: Iterator[list[Draw]]) -> Iterator[list[list[Tensor]]]:
        return map(rows, origin.batches(plans))

    return making


@torch.inference_mode()
def _answers(teacher: Model, place: Place, batch: Batch) -> list[list[Tensor]]:
    with place.context():
        return [list(teacher(to_device(batch, place.device).x))]


def _typical(wanted: Wanted) -> list[Draw]:
    """Two samples of about the mean size."""
    lengths = wanted.items.lengths
    if lengths is None:
        return wanted.draws[:2]
    mean = sum(lengths) / len(lengths)
    return sorted(wanted.draws, key=lambda draw: abs(lengths[draw.number] - mean))[:2]


def _depth(cut: int, model: Model) -> str:
    stages = len(model.backbone.stages())
    return "the pooled backbone" if cut > stages else "the backbone" if cut == stages else f"backbone.{cut - 1}"
