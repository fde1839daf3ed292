"""What frozen stages make of each sample: computed once, kept in the cache, read back at every later step.

Here it is decided whether a split's activations are cached (`_worth_storing`), and at which cuts: a cut is the first
backbone stage that still has to run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import nsmallest

import torch
from torch import Tensor

from tl.batch import Batch
from tl.components.checksum import checksum
from tl.components.model import Model
from tl.components.preprocess_file import fingerprint
from tl.inputs import cost
from tl.inputs.cache import key
from tl.inputs.filling import RowMaker, RowRequest
from tl.inputs.frozen import ComputedActivations, FrozenStages
from tl.inputs.items import Items
from tl.inputs.keeper import Keeper, versions
from tl.inputs.layout import STORED, Wanted
from tl.inputs.pairs import PairedActivations, PairItems
from tl.inputs.pictures import Pictures
from tl.inputs.rows import CachedActivations, Rows, channels_last
from tl.inputs.streams import Draw, EachOnce, Source, fixed_view
from tl.place import Place
from tl.recipe.recipe import CacheRules


@dataclass(frozen=True)
class FixedViews:
    """The fixed augmented views of each sample that a recipe asks for, drawn from `seed`; `count` is None for none."""

    count: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Reads:
    """How often a split's activations will be read at each cut in the coming phases; the present cut comes first."""

    counts: Mapping[int, float]

    @property
    def cut(self) -> int:
        """The present phase's cut."""
        return next(iter(self.counts))

    @property
    def total(self) -> float:
        """How often each sample is read in all, whatever the cut."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Provenance:
    """Hashes of what activations follow from beside weights and seeds: options, files and code of the two parts.

    `names` are those of the recipe and of its backbone, which activations do not follow from.
    """

    backbone: str
    augment: str
    names: tuple[str, str]


class Activations:
    """Gives sources that start behind the frozen stages; `say` gets a line on what was cached, or why it was not."""

    def __init__(
        self, model: Model, provenance: Provenance, rules: CacheRules, place: Place, say: Callable[[str], None]
    ) -> None:
        self.model, self.provenance, self.rules, self.place = model, provenance, rules, place
        self.keeper = Keeper(rules, place.share, say, *provenance.names)
        self.pictures = Pictures(self.keeper, place)
        self._checksums: dict[str, str] = {}
        self._shapes: dict[int, tuple[int, ...] | None] = {}

    def source(
        self, name: str, items: Items, reads: Reads, views: FixedViews | None = None, precision: str = "no"
    ) -> Source:
        """The samples as activations at the cut `reads.cut`, cached or computed; else the samples as they are.

        Activations serve where a sample looks the same at every reading, or has fixed views.
        """
        if isinstance(items, PairItems):
            # Fixed views are drawn for pairs, not for their halves, so that those are not cached.
            return PairedActivations(self.source(name, items.halves, reads, None, precision), items)
        what = f"the activations of {name}"
        request = self._request(name, items, views or FixedViews(), precision, what) if reads.cut else None
        if request is None:
            return self.pictures.source(name, items, reads.total)
        rows = None if self.rules.use == "never" else self._rows(request, reads)
        held = self.model.held(reads.cut)
        if rows is not None:
            return self._cached(request, [rows[place] for place in held], reads.cut)
        samples = self.pictures.source(name, items, reads.total)
        return ComputedActivations(samples, FrozenStages(self.model.backbone, held, request.place))

    def teacher_outputs(
        self, name: str, items: Items, teacher: Model, views: FixedViews, precision: str
    ) -> Rows | None:
        """The outputs of a teacher for the items; None where they cannot be cached."""
        what = f"the teacher's answers to {name}"
        request = self._request(what, items, views, precision, what)
        if request is None or self.rules.use == "never":
            return None
        teacher = teacher.to(self.place.device)
        entry = self._key("teacher", checksum(teacher), request=request)

        def compute() -> Rows | None:
            make_rows = _rows_of(self._samples(name, request), partial(_outputs, teacher, request.place))
            found = self.keeper.fill(request, {0: entry}, make_rows)
            return None if found is None else found[0]

        return self.keeper.rows(what, entry, self._wanted(request), compute)

    def learnt(self, parts: Iterable[str]) -> None:
        """The weights of these parts may have changed: their checksums are computed anew when they are next needed."""
        for part in parts:
            self._checksums.pop(part, None)

    @property
    def rounds(self) -> bool:
        """True where rows are stored in a smaller number type than they were computed in."""
        return self.rules.dtype != "same"

    def tell_rounding(self, name: str, stored: Source, items: Items, draws: list[Draw], precision: str) -> None:
        """Tell the user how the rounding of cached activations changes the loss of some samples."""
        model = self.model.eval()
        place = Place(self.place.device, precision, self.place.share)
        (rounded,) = stored.batches(iter([draws]))
        frozen = FrozenStages(model.backbone, model.held(rounded.start), place)
        (exact,) = ComputedActivations(items, frozen).batches(iter([draws]))
        with torch.no_grad(), place.context():
            moved = [batch.to(place.device) for batch in (rounded, exact)]
            losses = [float(sum(model.loss(model(batch.x, batch.start), batch.y).values())) for batch in moved]
        where = _depth_in_words(rounded.start, model)
        text = f"the loss of {len(draws)} samples is {losses[0]:.6g} with it and {losses[1]:.6g} without"
        self.keeper.tell(f"cache: {name}, stored as {self.rules.dtype} where {where} ends: {text}.", f"{name} {where}")

    def _request(self, name: str, items: Items, views: FixedViews, precision: str, what: str) -> RowRequest | None:
        """All views of all samples, in the order of their rows; None, and a line on `what`, where no view is fixed."""
        if not len(items):
            return None
        place = Place(self.place.device, precision, self.place.share)
        if items.fixed:
            return RowRequest(name, items, EachOnce(len(items)), place)
        if items.mixes_samples or views.count is None:
            anew = "each reading is augmented anew; loop.views=4 would fix 4 views"
            if self.rules.use != "never":
                why = "mixup and cutmix need the inputs at every step" if items.mixes_samples else anew
                self.keeper.tell(f"cache: not used for {what}: {why}.")
            return None
        draws = [fixed_view(views.seed, n, v) for n in range(len(items)) for v in range(views.count)]
        return RowRequest(name, items, draws, place)

    def _rows(self, request: RowRequest, reads: Reads) -> Mapping[int, Rows] | None:
        """The rows at the present cut and at the taps below it; None where they are not worth storing."""
        held = self.model.held(reads.cut)

        def compute(missing: Collection[int]) -> Mapping[int, Rows] | None:
            chosen = self.keeper.agreed(self._worth_storing(request, reads, {*held} - {*missing}))
            return self._compute(request, chosen) if chosen else None

        entries = {place: (self._entry(place, request), self._wanted(request, place)) for place in held}
        return self.keeper.several(request.name, entries, compute)

    def _wanted(self, request: RowRequest, cut: int = 0) -> Wanted:
        """What is known of the rows at a cut before they are computed; cut 0 stands for a teacher's outputs."""
        if cut not in self._shapes:
            self._shapes[cut] = self._shape(request, cut)
        return replace(request.wanted, dtypes=STORED[self.rules.dtype], shape=self._shapes[cut])

    def _shape(self, request: RowRequest, cut: int) -> tuple[int, ...] | None:
        """The shape of rows at a cut, without their length where they are texts; that of all splits is the same."""
        if cut in (0, self.model.depth):
            return (self.model.backbone.dim,) if cut else None
        probe = next(request.items.batches(iter([[*request.draws[:1]]])))
        ((row,),) = FrozenStages(self.model.eval().backbone, [cut], request.place).rows(probe)
        return tuple(channels_last(row).shape[request.items.lengths is not None :])

    def _worth_storing(self, request: RowRequest, reads: Reads, known: Collection[int]) -> list[int]:
        """The positions whose activations one pass is to store: cuts that fit and save time, and the taps below them.

        Those that are `known` are left out; there is none where the present cut is not worth it.
        """
        probe = next(request.items.batches(iter([_typical(request)])))
        stages = cost.stage_costs(self.model.eval().backbone, probe.to(self.place.device).x)
        chosen: dict[int, list[int]] = {}
        total = 0
        for cut, count in reads.counts.items():
            held, stored = self.model.held(cut), {*known}.union(*chosen.values())
            new = [place for place in held if place not in stored]
            read, kept = (sum(stages[place - 1].bytes for place in places) for places in (held, new))
            size = kept * len(request.draws) / (2 if self.rounds else 1)
            what = f"{request.name}, stored where {_depth_in_words(cut, self.model)} ends"
            # What the head reads is read by the next run too. A later phase's cut needs no pass of its own.
            expected = count + (cut == self.model.end) + (cut != reads.cut)
            if not self.keeper.cache.fits(total + int(size)):
                self.keeper.tell_size(what, size)
            elif self.rules.use == "always" or cost.saved(stages[:cut], read, expected, self.place.device) > 0:
                chosen[cut] = new
                total += int(size)
            elif cut == reads.cut and count > 1:
                slower = "would take longer to read back than to compute (cache.use=always does it)"
                self.keeper.tell(f"cache: {what}, {slower}.")
        return sorted(place for new in chosen.values() for place in new) if reads.cut in chosen else []

    def _compute(self, request: RowRequest, places: Sequence[int]) -> Mapping[int, Rows] | None:
        """Fill the entries of all places in one pass: each from the one before it, the first from the nearest entry."""
        frozen = FrozenStages(self.model.eval().backbone, places, request.place)
        make_rows = _rows_of(self._nearest(request, places[0]), frozen.rows)
        return self.keeper.fill(request, {place: self._entry(place, request) for place in places}, make_rows)

    def _nearest(self, request: RowRequest, below: int) -> Source:
        """The deepest cached activations below a cut; the samples themselves where none are cached."""
        for cut in range(below - 1, 0, -1) if not self.rounds else ():
            rows = self.keeper.cache.find(self._entry(cut, request), self._wanted(request, cut))
            if self.keeper.agreed(rows is not None):
                if rows is None:
                    raise self.keeper.emptied()
                return self._cached(request, [rows], cut)
        return self._samples(request.name, request)

    def _samples(self, name: str, request: RowRequest) -> Source:
        """The samples that one pass over all views reads."""
        return self.pictures.source(name, self.keeper.as_hashed(request.items), len(request.draws) / len(request.items))

    def _cached(self, request: RowRequest, rows: Sequence[Rows], cut: int) -> CachedActivations:
        return CachedActivations(request.items, rows, cut, widen=self.rounds)

    def _entry(self, cut: int, request: RowRequest) -> str:
        """The name of the cache entry for a cut: a hash of all that its rows follow from."""
        stages = [f"backbone.{i}" for i in range(min(cut, self.model.depth - 1))]
        return self._key(self.provenance.backbone, cut, [self._checksum(stage) for stage in stages], request=request)

    def _key(self, *facts: object, request: RowRequest) -> str:
        items, place = request.items, request.place
        seen = None if items.fixed else (self.provenance.augment, [draw.seed for draw in request.draws])
        where = (place.device.type, place.precision, versions())
        return key(*facts, self.keeper.digest(items), fingerprint(items.preprocess), seen, self.rules.dtype, where)

    def _checksum(self, stage: str) -> str:
        if stage not in self._checksums:
            self._checksums[stage] = checksum(self.model.parts()[stage])
        return self._checksums[stage]


def _rows_of(source: Source, rows: Callable[[Batch], list[list[Tensor]]]) -> RowMaker:
    """Makes the rows of each batch that a source reads."""

    def make_rows(plans: Iterator[list[Draw]]) -> Iterator[list[list[Tensor]]]:
        return map(rows, source.batches(plans))

    return make_rows


@torch.inference_mode()
def _outputs(teacher: Model, place: Place, batch: Batch) -> list[list[Tensor]]:
    with place.context():
        return [list(teacher(batch.to(place.device).x))]


def _typical(request: RowRequest) -> list[Draw]:
    """Two samples of about the mean length."""
    lengths = request.items.lengths
    if lengths is None:
        return [*request.draws[:2]]
    mean = sum(lengths) / len(lengths)
    return nsmallest(2, request.draws, key=lambda draw: abs(lengths[draw.number] - mean))


def _depth_in_words(cut: int, model: Model) -> str:
    named = {model.depth: "the pooled backbone", model.depth - 1: "the backbone"}
    return named.get(cut, f"backbone.{cut - 1}")
