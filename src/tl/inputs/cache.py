"""The cache on the disk: results that are the same every time, each kept under a hash of all that it follows from.

An entry is a folder of rows (rows.py). A finished entry appears by a rename. An unfinished entry is locked by its
writer; where the writer was killed, the next writer goes on from the last finished chunk. A reader of an entry that is
removed meanwhile keeps the file that it has open.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tl.disk.folder import Folder
from tl.disk.lock import NoLocks, take, wait_for
from tl.inputs.layout import PART, Damaged, Layout, Wanted, spoil
from tl.recipe.yamlfile import short_path

if TYPE_CHECKING:
    from tl.inputs.rows import Rows

GB = 1024**3
_RESERVE = GB  # of the disk, for checkpoints
_WHAT, _LOCKS = "what.json", "locks"
_NAME = re.compile(r"[0-9a-f]{32}(\.part)?")


def key(*facts: object) -> str:
    """The name of the cache entry that follows from these facts."""
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class CacheEntry:
    """A finished or unfinished entry: its contents in words, its bytes, and when it was last read (Unix seconds).

    `recipe` and `backbone` are those that it was computed for first (others may read it too), '' where not known.
    """

    folder: Path
    what: str
    recipe: str
    backbone: str
    bytes: int
    used: float

    @property
    def finished(self) -> bool:
        """True where all rows are written."""
        return self.folder.suffix != PART


class Cache:
    """A folder of entries, at most `max_bytes` in all; the least recently used entries are removed first.

    `recipe` and `backbone` are the names that new entries get; `tell` gets a line on an entry that is not used.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        recipe: str = "",
        backbone: str = "",
        tell: Callable[[str], object] = str,
    ) -> None:
        self.folder, self.max_bytes, self.recipe, self.backbone = folder, max_bytes, recipe, backbone
        self.tell = tell

    def find(self, name: str, wanted: Wanted) -> Rows | None:
        """The rows of a finished entry, which counts as used now; None where the entry is not there.

        An entry that is damaged or not what is wanted is none too: `tell` is told, and it can be written anew.
        """
        from tl.inputs.rows import Rows

        place = self.folder / name
        try:
            rows = Rows(place)
            if not wanted.allows(rows.layout):
                raise Damaged("its layout is not that of these samples")
            rows.check()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Damaged as error:
            self.tell(f"cache: {short_path(place)} is not used: {error}.")
            spoil(place)
            return None
        except OSError as error:
            self.tell(f"cache: {short_path(place)} is not used: {error.strerror}.")
            return None
        with suppress(OSError):  # the disk may be read-only
            os.utime(place)
        return rows

    def fits(self, size: int) -> bool:
        """True where an entry of so many bytes fits: into `max_bytes`, and on the disk once older entries are gone."""
        if size > self.max_bytes:
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free - _RESERVE
        return size < free + sum(entry.bytes for entry in self.entries())

    @contextmanager
    def writing(self, name: str, what: str, layout: Layout, waits: Callable[[], None]) -> Iterator[Path | None]:
        """The folder of an unfinished entry, which becomes the entry `name` when the context ends.

        None where another process finished the entry meanwhile. `waits` is called before waiting for such a process.
        """
        part = f"{name}{PART}"
        with Folder.at(self.folder, make=True) as folder, self._locks(folder) as locks, wait_for(locks, name, waits):
            if self.find(name, Wanted.exactly(layout)) is not None:
                yield None
                return
            folder.remove(name)
            if os.path.lexists(self.folder / name):
                raise PermissionError(errno.EPERM, f"{name} there belongs to another user")
            self._make_room(layout.bytes, self.folder / part)
            self._begin(folder, part, what)
            try:
                yield self.folder / part
            except OSError:
                folder.remove(part)  # the disk may be full: the run needs the room
                raise
            folder.rename(part, name)

    def _begin(self, folder: Folder, part: str, what: str) -> None:
        """Make the folder of an unfinished entry, or keep one that our own user began."""
        if not folder.is_ours(part, stat.S_IFDIR):
            folder.remove(part)
        with folder.within(part, make=True) as entry:
            entry.remove_left(depth=0)
            told = {"what": what, "recipe": self.recipe, "backbone": self.backbone}
            entry.write_whole(_WHAT, json.dumps(told).encode())

    @contextmanager
    def _locks(self, folder: Folder) -> Iterator[Folder]:
        """The folder of the entries' locks: an entry has one writer at a time."""
        with folder.within(_LOCKS, make=True) as locks:
            yield locks

    def _make_room(self, size: int, own: Path) -> None:
        """Remove the least recently used entries until the new one fits into `max_bytes` and on the disk."""
        entries = sorted((e for e in self.entries() if e.folder != own), key=lambda e: e.used)
        total = sum(entry.bytes for entry in entries)
        for entry in entries:
            if total + size <= self.max_bytes and size < shutil.disk_usage(self.folder).free - _RESERVE:
                return
            if self._remove(entry):
                total -= entry.bytes

    def _remove(self, entry: CacheEntry) -> bool:
        """Remove an entry; False where another process is writing it."""
        with Folder.at(self.folder) as folder, ExitStack() as held:
            lock = self._lock_now(folder, entry.folder.stem)
            if lock is None:
                return False
            held.enter_context(lock)
            folder.remove(entry.folder.name)
        return not os.path.lexists(entry.folder)

    def _lock_now(self, folder: Folder, name: str) -> AbstractContextManager[object] | None:
        """The lock of an entry, without waiting; None where another process or another user has it."""
        try:
            with self._locks(folder) as locks:
                return take(locks, name)
        except NoLocks:  # then no entry is ever unfinished (`wait_for` fails), and whole ones have no writer
            return nullcontext()
        except PermissionError:
            return None

    def entries(self) -> list[CacheEntry]:
        """All entries, the most recently used first; files of other names in the folder are not the cache's."""
        places = self.folder.glob("*") if self.folder.is_dir() else ()
        named = (place for place in places if _NAME.fullmatch(place.name) and not place.is_symlink())
        found = [entry for place in named if (entry := self._entry(place)) is not None]
        return sorted(found, key=lambda entry: -entry.used)

    def _entry(self, place: Path) -> CacheEntry | None:
        """The entry in a folder; None where another run has just removed or renamed it."""
        try:
            size = sum(file.stat().st_blocks * 512 for file in place.iterdir())
            used = place.stat().st_mtime
        except OSError:
            return None
        try:
            told = dict(json.loads((place / _WHAT).read_text(encoding="utf-8")))
            what, recipe, backbone = str(told["what"]), str(told.get("recipe", "")), str(told.get("backbone", ""))
        except (OSError, ValueError, KeyError, TypeError):
            what, recipe, backbone = "damaged", "", ""
        return CacheEntry(place, what, recipe, backbone, size, used)

    def clear(self, older_than: float = 0.0) -> int:
        """Remove the entries that were not used for so many seconds; gives the bytes that became free."""
        old = (entry for entry in self.entries() if time.time() - entry.used >= older_than)
        return sum(entry.bytes for entry in old if self._remove(entry))
