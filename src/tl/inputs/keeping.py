"""Rows that are found in the cache, or else computed in one pass and kept, with a line that says which."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from typing import TypeVar

from tl.components.picture import contents_digest
from tl.errors import TLError
from tl.inputs.cache import GB, Cache, default_folder
from tl.inputs.filling import Filling, Making, Wanted
from tl.inputs.items import Items
from tl.inputs.rows import Rows
from tl.place import Share
from tl.recipe.recipe import CacheRules

T = TypeVar("T")
_PACKAGES = ("tl-toolkit", "torch", "torchvision", "transformers", "pillow", "tokenizers")


class Keeper:
    """The cache by a run's rules; `say` hears what was done, or why not."""

    def __init__(self, rules: CacheRules, share: Share, say: Callable[[str], None]) -> None:
        self.rules, self.share, self.say = rules, share, say
        self.cache = Cache(rules.folder or default_folder(), int(rules.max_gb * GB))
        self._digests: dict[int, tuple[Items, str]] = {}
        self._said: set[str] = set()

    def rows(self, name: str, label: str, computed: Callable[[], Rows | None]) -> Rows | None:
        """The rows of that label, found or else computed; None, and a line that says why, where they cannot be kept."""
        try:
            found = self.cache.find(label)
            if not self.agreed(found is not None):
                return computed()
        except OSError as error:
            trouble = f"{self.cache.folder}: {error.strerror or error}; make room, or set cache.folder"
            if self.share.world > 1:
                raise TLError(f"cache: {trouble}, or cache.use=never.") from error
            self.tell(f"cache: not used for {name}: {trouble}.")
            return None
        if found is not None:
            self.tell(f"cache: {name} is read back.", f"{name} is known")
        return found

    def filled(self, wanted: Wanted, names: Mapping[int, str], making: Making, dtype: str | None = None) -> Rows | None:
        """The rows of the last of these names, when all have been computed and kept."""
        began = time.monotonic()
        Filling(self.cache, wanted, list(names.values()), dtype or self.rules.dtype, self.tell).fill(making)
        found = [kept for name in names.values() if (kept := self.cache.find(name)) is not None]
        sizes = ", ".join(map(_size, found))
        line = f"cache: {wanted.name} computed once in {time.monotonic() - began:.1f} s ({sizes})."
        self._said.add(f"{wanted.name} is known")
        self.tell(line)
        return found[-1] if len(found) == len(names) else None

    def agreed(self, value: T) -> T:
        """What the first process says: all must go the same way, though another run may fill or empty the cache."""
        return self.share.broadcast(value)

    def tell(self, line: str, once: str = "") -> None:
        """Say a line, or the first one that tells the same."""
        if (once or line) not in self._said:
            self._said.add(once or line)
            self.say(line)

    def tell_size(self, what: str, size: float) -> None:
        """Say that so many bytes are too many."""
        limits = f"cache.max_gb is {self.rules.max_gb:g}, and the disk may be full"
        self.tell(f"cache: {what}, would take {size / GB:.1f} GB, but {limits}.")

    def digest(self, items: Items) -> str:
        """The content of the samples, hashed once; kept with the items so that their provenance stays theirs."""
        if id(items.samples) not in self._digests:
            self._digests[id(items.samples)] = items, contents_digest([sample.input for sample in items.samples])
        return self._digests[id(items.samples)][1]

    def knows(self, items: Items) -> bool:
        """Whether the content of the samples has been hashed."""
        return id(items.samples) in self._digests


@cache
def versions() -> tuple[str, ...]:
    """Of what pictures, tokens and activations come from."""
    return tuple(version(name) for name in _PACKAGES)


def _size(rows: Rows) -> str:
    return f"{rows.layout.bytes / 1024**2:,.1f} MB"
