"""What frozen stages make of each sample: computed once, kept in the cache, read back at every later step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from typing import TypeVar

import torch
from torch import Tensor

from tl import work
from tl.batch import Batch
from tl.cache import GB, Cache, default_folder, key
from tl.checksum import checksum
from tl.data.images import contents_digest
from tl.errors import TLError
from tl.filling import Filling, Rowing, Wanted
from tl.items import Crops, Draw, Items, Pixels, Source, Stored
from tl.model import Model
from tl.prefix import Fresh, Place, Prefix
from tl.preprocess import ImagePreprocess, fingerprint
from tl.recipe import CacheRules
from tl.rows import Rows
from tl.streams import fixed_view, to_device

T = TypeVar("T")
_PACKAGES = ("tl-toolkit", "torch", "torchvision", "transformers", "pillow", "tokenizers")


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
class Identity:
    """What tells apart backbones that could hold the same weights, and augmentations, each in words."""

    backbone: str
    augment: str


class Activations:
    """Sources that start where the frozen stages end, where that pays; `say` hears what was done, or why not."""

    def __init__(
        self, model: Model, identity: Identity, rules: CacheRules, place: Place, say: Callable[[str], None]
    ) -> None:
        self.model, self.identity, self.rules, self.place, self.say = model, identity, rules, place, say
        self.cache = Cache(rules.folder or default_folder(), int(rules.max_gb * GB))
        self._digests: dict[int, tuple[Items, str]] = {}
        self._sums: dict[str, str] = {}
        self._said: set[str] = set()

    def source(self, name: str, items: Items, need: Need, views: Views | None = None, precision: str = "no") -> Source:
        """Samples from stage `need.cut` on if they can be read back, else as they are."""
        if not need.cut and not items.fixed:
            return items
        wanted = self._wanted(name, items, views or Views(), precision)
        if wanted is None:
            return items
        if not need.cut:
            return self._pictures(wanted, need.reads[0])
        fresh = Fresh(items, Prefix(self.model.backbone, [need.cut], wanted.place))
        if self.rules.use == "never":
            return fresh
        names = {cut: self._name(cut, wanted) for cut in need.reads}

        def computed() -> Rows | None:
            chosen = self._first(self._worthwhile(wanted, need))
            return self._computed(wanted, {c: names[c] for c in chosen}, need.cut) if need.cut in chosen else None

        found = self._rows(name, names[need.cut], computed)
        return fresh if found is None else self._stored(wanted, found, need.cut)

    def _rows(self, name: str, label: str, computed: Callable[[], Rows | None]) -> Rows | None:
        """The rows of that label, found or else computed; None, and a line that says why, where they cannot be kept."""
        try:
            found = self.cache.find(label)
            if not self._first(found is not None):
                return computed()
        except OSError as error:
            trouble = f"{self.cache.folder}: {error.strerror or error}; make room, or set cache.folder"
            if self.place.share.world > 1:
                raise TLError(f"cache: {trouble}, or cache.use=never.") from error
            self._tell(f"cache: not used for {name}: {trouble}.")
            return None
        if found is not None:
            self._tell(f"cache: {name} is read back.", f"{name} is known")
        return found

    def _first(self, value: T) -> T:
        """What the first process says: all must go the same way, though another run may fill or empty the cache."""
        return self.place.share.first(value)

    def _pictures(self, wanted: Wanted, reads: float) -> Source:
        """Pictures that are read more than once are decoded and cropped only once."""
        items = wanted.items
        if not (items.fixed and isinstance(items.preprocess, ImagePreprocess)) or self.rules.use == "never":
            return items
        if reads <= 1 and id(items.samples) not in self._digests:
            return items
        size = 3 * items.preprocess.size**2 * len(items)
        label = key("pixels", self._digest(items), fingerprint(items.preprocess), _versions())
        pixels = replace(wanted, name=f"the pictures of {wanted.name}")

        def computed() -> Rows | None:
            if not self._first(reads > 1 and self.cache.fits(size)):
                return None
            return self._filled(pixels, {0: label}, Crops(items), lambda batch: [list(batch.x.values)], "same")

        found = self._rows(pixels.name, label, computed)
        return items if found is None else Pixels(items, found)

    def answers(self, name: str, items: Items, teacher: Model, views: Views, precision: str) -> Rows | None:
        """A teacher's answers to the items; None where they cannot be read back."""
        wanted = self._wanted(f"the teacher's answers to {name}", items, views, precision)
        if wanted is None or self.rules.use == "never":
            return None
        teacher = teacher.to(self.place.device)
        label = self._key("teacher", checksum(teacher), wanted)
        answering = partial(_answers, teacher, wanted.place)
        return self._rows(wanted.name, label, lambda: self._filled(wanted, {0: label}, items, answering))

    @property
    def rounds(self) -> bool:
        """Whether rows are stored with fewer bits than they were computed with."""
        return self.rules.dtype != "same"

    def _tell(self, line: str, once: str = "") -> None:
        """Say a line, or the first one that tells the same."""
        if (once or line) not in self._said:
            self._said.add(once or line)
            self.say(line)

    def _wanted(self, name: str, items: Items, views: Views, precision: str) -> Wanted | None:
        """Every view of every sample, in the order of the rows; None where there are no fixed views to be kept."""
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
                self._tell(f"cache: not used for {name}: {why}.")
            return None
        draws = [fixed_view(views.seed, n, v) for n in range(len(items)) for v in range(views.count)]
        return Wanted(name, items, draws, place)

    def _name(self, cut: int, wanted: Wanted) -> str:
        """The cache's name for a cut: all that its rows follow from."""
        stages = [f"backbone.{i}" for i in range(min(cut, len(self.model.backbone.stages())))]
        return self._key(self.identity.backbone, cut, [self._checksum(stage) for stage in stages], wanted)

    def _key(self, *facts: object) -> str:
        *others, wanted = facts
        assert isinstance(wanted, Wanted)
        items, place = wanted.items, wanted.place
        seen = None if items.fixed else (self.identity.augment, [draw.seed for draw in wanted.draws])
        where = (place.device.type, place.precision, _versions())
        return key(*others, self._digest(items), fingerprint(items.preprocess), seen, self.rules.dtype, where)

    def _checksum(self, stage: str) -> str:
        if stage not in self._sums:
            self._sums[stage] = checksum(self.model.parts()[stage])
        return self._sums[stage]

    def learnt(self, parts: Iterable[str]) -> None:
        """The weights of these parts may have changed: look at them again."""
        for part in parts:
            self._sums.pop(part, None)

    def _digest(self, items: Items) -> str:
        """The content of the samples, hashed once; kept with the items so that their identity stays theirs."""
        if id(items.samples) not in self._digests:
            self._digests[id(items.samples)] = items, contents_digest([sample.input for sample in items.samples])
        return self._digests[id(items.samples)][1]

    def _worthwhile(self, wanted: Wanted, need: Need) -> list[int]:
        """The cuts that one pass is to store."""
        probe = next(wanted.items.batches(iter([_typical(wanted)])))
        stages = work.stages(self.model.eval().backbone, to_device(probe, self.place.device).x)
        chosen: list[int] = []
        total, limit = 0, self.rules.max_gb
        for cut, reads in need.reads.items():
            size = stages[cut - 1].bytes * len(wanted.draws) / (2 if self.rounds else 1)
            what = f"{wanted.name}, stored where {_depth(cut, self.model)} ends"
            # Pooled features are small, and the next run will read them too; a later phase's cost no pass of their own.
            expected = reads + (cut == len(stages)) + (cut != need.cut)
            if not self.cache.fits(total + int(size)):
                limits = f"cache.max_gb is {limit:g}, and the disk may be full"
                self._tell(f"cache: {what}, would take {size / GB:.1f} GB, but {limits}.")
            elif self.rules.use == "always" or work.saved(stages[:cut], expected, self.place.device) > 0:
                chosen.append(cut)
                total += int(size)
            elif cut == need.cut and reads > 1:
                self._tell(f"cache: {what}, would take longer to read back than to compute (cache.use=always does it).")
        return chosen

    def _computed(self, wanted: Wanted, names: Mapping[int, str], cut: int) -> Rows | None:
        """Fill what is missing in one pass, each cut from the one before it, the first from the nearest stored one."""
        cuts = sorted(names)
        prefix = Prefix(self.model.eval().backbone, cuts, wanted.place)
        origin = self._origin(wanted, cuts[0])
        if self._filled(wanted, {each: names[each] for each in cuts}, origin, prefix.rows) is None:
            return None
        return self.cache.find(names[cut])

    def _filled(
        self, wanted: Wanted, names: Mapping[int, str], origin: Source, rows: Rowing, dtype: str | None = None
    ) -> Rows | None:
        began = time.monotonic()
        Filling(self.cache, wanted, list(names.values()), dtype or self.rules.dtype).fill(origin, rows)
        found = [kept for name in names.values() if (kept := self.cache.find(name)) is not None]
        sizes = ", ".join(map(_size, found))
        line = f"cache: {wanted.name} computed once in {time.monotonic() - began:.1f} s ({sizes})."
        self._said.add(f"{wanted.name} is known")
        self._tell(line)
        return found[-1] if len(found) == len(names) else None

    def _origin(self, wanted: Wanted, below: int) -> Source:
        for cut in range(below - 1, 0, -1) if not self.rounds else ():
            found = self.cache.find(self._name(cut, wanted))
            if self._first(found is not None):
                if found is None:
                    raise TLError(f"{self.cache.folder} was emptied while this run began: start it again.")
                return self._stored(wanted, found, cut)
        return self._pictures(wanted, 1.0)

    def _stored(self, wanted: Wanted, rows: Rows, cut: int) -> Stored:
        return Stored(wanted.items, rows, cut, widen=self.rounds)


@torch.inference_mode()
def _answers(teacher: Model, place: Place, batch: Batch) -> list[list[Tensor]]:
    with place.context():
        return [list(teacher(to_device(batch, place.device).x))]


@cache
def _versions() -> tuple[str, ...]:
    """Of what pictures, tokens and activations come from."""
    return tuple(version(name) for name in _PACKAGES)


def _typical(wanted: Wanted) -> list[Draw]:
    """Two samples of about the mean size."""
    lengths = wanted.items.lengths
    if lengths is None:
        return wanted.draws[:2]
    mean = sum(lengths) / len(lengths)
    return sorted(wanted.draws, key=lambda draw: abs(lengths[draw.number] - mean))[:2]


def _size(rows: Rows) -> str:
    return f"{rows.layout.bytes / 1024**2:,.1f} MB"


def _depth(cut: int, model: Model) -> str:
    stages = len(model.backbone.stages())
    return "the pooled backbone" if cut > stages else "the backbone" if cut == stages else f"backbone.{cut - 1}"
