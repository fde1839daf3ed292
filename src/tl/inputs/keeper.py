"""The cache under a run's rules: rows are found, or computed in one pass and kept; a line tells the user which."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

from tl.boundary.foreign import advice
from tl.components import picture, preprocess
from tl.errors import TLError
from tl.inputs.cache import GB, Cache
from tl.inputs.contents import Contents
from tl.inputs.filling import Filling, RowMaker, RowRequest
from tl.inputs.items import Items
from tl.inputs.layout import Wanted
from tl.inputs.rows import Rows
from tl.place import Share
from tl.recipe.cache_folder import default_folder
from tl.recipe.recipe import CacheRules
from tl.run.environment import package_version

T = TypeVar("T")
_PACKAGES = ("tl-toolkit", "torch", "torchvision", "transformers", "pillow", "tokenizers")


class Keeper:
    """Finds rows in the cache or has them computed, under the rules of a recipe; `say` gets a line on what was done.

    `recipe` and `backbone` are the names that `tl cache` shows beside what is computed here.
    """

    def __init__(self, rules: CacheRules, share: Share, say: Callable[[str], None], recipe: str, backbone: str) -> None:
        self.rules, self.share, self.say = rules, share, say
        self._said: set[str] = set()
        self.cache = Cache(rules.folder or default_folder(), int(rules.max_gb * GB), recipe, backbone, self.tell)
        self._hashed: dict[int, tuple[Items, Contents]] = {}

    def rows(self, name: str, entry: str, wanted: Wanted, compute: Callable[[], Rows | None]) -> Rows | None:
        """The rows of a cache entry, found or computed; None, and a line that says why, where they cannot be kept."""

        def as_only(_: Collection[int]) -> Mapping[int, Rows] | None:
            computed = compute()
            return None if computed is None else {0: computed}

        found = self.several(name, {0: (entry, wanted)}, as_only)
        return None if found is None else found[0]

    def several(
        self,
        name: str,
        entries: Mapping[int, tuple[str, Wanted]],
        compute: Callable[[Collection[int]], Mapping[int, Rows] | None],
    ) -> Mapping[int, Rows] | None:
        """The rows of several entries by their numbers, of which `compute` gives those that are missing."""
        try:
            known = {number: self.cache.find(entry, wanted) for number, (entry, wanted) in entries.items()}
            found = {number: rows for number, rows in known.items() if rows is not None}
            missing = self.agreed([number for number in entries if number not in found])
            if any(number not in found for number in entries if number not in missing):
                raise self.emptied()  # other processes would wait for this one for ever
            if missing:
                computed = compute(missing)
                return None if computed is None else {**found, **computed}
        except OSError as error:
            trouble = f"{self.cache.folder}: {error.strerror or error}; {advice(error.errno)}, or set cache.folder"
            if self.share.world > 1:
                raise TLError(f"cache: {trouble}, or cache.use=never.") from error
            self.tell(f"cache: not used for {name}: {trouble}.")
            return None
        self.tell(f"cache: {name} is read back.", f"{name} is known")
        return found

    def fill(
        self, request: RowRequest, entries: Mapping[int, str], make_rows: RowMaker, dtype: str | None = None
    ) -> Mapping[int, Rows] | None:
        """Compute and keep the rows of all these entries in one pass; None where one of them is gone already."""
        began = time.monotonic()
        Filling(self.cache, request, list(entries.values()), dtype or self.rules.dtype, self.tell).fill(make_rows)
        known = ((number, self.cache.find(entry, request.wanted)) for number, entry in entries.items())
        found = {number: rows for number, rows in known if rows is not None}
        sizes = ", ".join(map(_size, found.values()))
        line = f"cache: {request.name} computed once in {time.monotonic() - began:.1f} s ({sizes})."
        self._said.add(f"{request.name} is known")
        self.tell(line)
        return found if len(found) == len(entries) else None

    def emptied(self) -> TLError:
        """The error where another program took an entry away before all processes had opened it."""
        return TLError(f"{self.cache.folder} was emptied while this run began: start it again.")

    def agreed(self, value: T) -> T:
        """The first process's value: all processes must decide alike, though other runs may fill or empty the cache."""
        return self.share.broadcast(value)

    def tell(self, line: str, once: str = "") -> None:
        """Tell the user a line; a line that was told before (or one with the same `once`) is not repeated."""
        if (once or line) not in self._said:
            self._said.add(once or line)
            self.say(line)

    def tell_size(self, what: str, size: float) -> None:
        """Tell the user that so many bytes are too many for the cache."""
        limits = f"cache.max_gb is {self.rules.max_gb:g}, and the disk may be full"
        self.tell(f"cache: {what}, would take {size / GB:.1f} GB, but {limits}.")

    def digest(self, items: Items) -> str:
        """A hash of the samples' contents, computed once; the items are kept too, so that their id stays theirs."""
        if id(items.samples) not in self._hashed:
            self._hashed[id(items.samples)] = items, Contents(items.samples.inputs)
        return self._hashed[id(items.samples)][1].digest

    def as_hashed(self, items: Items) -> Items:
        """The same samples, but a picture that no longer is what `digest` was computed from is an error."""
        return items.checked(self._hashed[id(items.samples)][1]) if self.knows(items) else items

    def knows(self, items: Items) -> bool:
        """True where the samples' contents have been hashed already."""
        return id(items.samples) in self._hashed


@cache
def versions() -> tuple[str, ...]:
    """What pictures, tokens and activations depend on: the versions of packages, and the code that reads samples."""
    code = hashlib.sha256(b"".join(Path(str(module.__file__)).read_bytes() for module in (picture, preprocess)))
    return *(package_version(name) for name in _PACKAGES), code.hexdigest()


def _size(rows: Rows) -> str:
    return f"{rows.layout.bytes / 1024**2:,.1f} MB"
