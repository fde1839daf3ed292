"""The cache: whatever is the same every time it is computed, kept under a hash of all that it follows from.

Entries are folders of rows. A finished one appears by a rename; an unfinished one is locked by its writer and goes on
where a killed writer stopped. Readers of an entry that is removed keep what they have mapped.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tl.inputs.rows import Layout, Rows, RowWriter

GB = 1024**3
_RESERVE = GB  # of the disk, for checkpoints
_WHAT, _PART, _LOCKS = "what.json", ".part", "locks"
_NAME = re.compile(r"[0-9a-f]{32}(\.part)?")


def key(*facts: object) -> str:
    """The name of what follows from these facts."""
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def default_folder() -> Path:
    """Where the cache is unless a recipe says otherwise: TL_CACHE, or `tl` in the user's cache."""
    named = os.environ.get("TL_CACHE")
    return Path(named or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / ("" if named else "tl")


@dataclass(frozen=True)
class CacheEntry:
    """A finished or unfinished entry: what it holds in words, its size, and when it was last read (Unix seconds)."""

    folder: Path
    what: str
    bytes: int
    used: float

    @property
    def finished(self) -> bool:
        return self.folder.suffix != _PART


class Cache:
    """A folder of entries, at most `max_bytes` of them: those least recently used go first."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self.max_bytes = folder, max_bytes

    def find(self, name: str) -> Rows | None:
        """The rows of a finished entry, which counts as used now; a damaged one is none."""
        place = self.folder / name
        try:
            rows = Rows(place)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        with suppress(OSError):  # another user's, or one on a read-only disk
            os.utime(place)
        return rows

    def fits(self, size: int) -> bool:
        """Whether so many bytes may be kept: within the bound, and on the disk when older entries have gone."""
        if size > self.max_bytes:
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free - _RESERVE
        return size < free + sum(entry.bytes for entry in self.entries())

    @contextmanager
    def drafting(
        self, name: str, what: str, layout: Layout, chunks: int, waits: Callable[[], None]
    ) -> Iterator[RowWriter | None]:
        """A draft to be filled, which becomes an entry afterwards; None where another process finished it meanwhile.

        `waits` is called where another process is at it, whose end is waited for.
        """
        part = self.folder / f"{name}{_PART}"
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked(name, waits):
            if self.find(name) is not None:
                yield None
                return
            shutil.rmtree(self.folder / name, ignore_errors=True)
            self._make_room(layout.bytes, part)
            draft = RowWriter(part, layout, chunks)
            draft.begin()
            (part / _WHAT).write_text(json.dumps({"what": what}), encoding="utf-8")
            try:
                yield draft
            except OSError:
                shutil.rmtree(part, ignore_errors=True)  # the disk may be full: what comes next needs the room
                raise
            draft.finish()
            part.rename(self.folder / name)

    @contextmanager
    def _locked(self, name: str, waits: Callable[[], None]) -> Iterator[None]:
        """One writer of an entry at a time; a killed one's lock is gone with it."""
        with self._lock(name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _lock(self, name: str) -> Path:
        locks = self.folder / _LOCKS
        locks.mkdir(exist_ok=True)
        return locks / name

    def _make_room(self, size: int, own: Path) -> None:
        """Remove what was least recently used until the new entry fits the bound and the disk."""
        entries = sorted((e for e in self.entries() if e.folder != own), key=lambda e: e.used)
        total = sum(entry.bytes for entry in entries)
        for entry in entries:
            if total + size <= self.max_bytes and size < shutil.disk_usage(self.folder).free - _RESERVE:
                return
            if self._remove(entry):
                total -= entry.bytes

    def _remove(self, entry: CacheEntry) -> bool:
        """False for an entry that another process is writing."""
        with self._lock(entry.folder.stem).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            shutil.rmtree(entry.folder, ignore_errors=True)
            return not entry.folder.exists()

    def entries(self) -> list[CacheEntry]:
        """What the cache holds, most recently used first; what else lies in its folder is none of its own."""
        places = self.folder.glob("*") if self.folder.is_dir() else ()
        named = (place for place in places if _NAME.fullmatch(place.name) and not place.is_symlink())
        found = [entry for place in named if (entry := self._entry(place)) is not None]
        return sorted(found, key=lambda entry: -entry.used)

    def _entry(self, place: Path) -> CacheEntry | None:
        """None for what another run has just removed or renamed."""
        try:
            size = sum(file.stat().st_blocks * 512 for file in place.iterdir())
            used = place.stat().st_mtime
        except OSError:
            return None
        try:
            what = str(json.loads((place / _WHAT).read_text(encoding="utf-8"))["what"])
        except (OSError, ValueError, KeyError, TypeError):
            what = "damaged"
        return CacheEntry(place, what, size, used)

    def clear(self, older_than: float = 0.0) -> int:
        """Remove what was not used for so many seconds; gives the bytes that became free."""
        old = (entry for entry in self.entries() if time.time() - entry.used >= older_than)
        return sum(entry.bytes for entry in old if self._remove(entry))
