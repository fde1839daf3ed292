"""Checkpoints: numbered folders, each complete with a manifest of checksums or not there; the newest two are kept.

A finished run needs them no more: they are several times as large as its model.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import PickleError
from typing import Any, BinaryIO

from tl.boundary.foreign import reading
from tl.disk.folder import Folder
from tl.errors import TLError
from tl.run.disk import hash_of

MANIFEST = "manifest"


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint: its folder, the step after which it was written, and the hash of each file."""

    folder: Path
    step: int
    hashes: Mapping[str, str]

    def load(self, name: str) -> dict[str, Any]:
        """One of the states: tensors and plain values; nothing else is ever unpickled."""
        import torch

        file = self.folder / f"{name}.pt"
        with reading(str(file), "holds no state that can be read", "start a new run"):
            try:
                state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            except PickleError as error:
                raise TLError(
                    f"{file} holds more than tensors and plain values, and nothing else is ever unpickled: start a new "
                    "run."
                ) from error
        return state


class DamagedCheckpoint(Exception):
    """A checkpoint is not what was written there."""


@contextmanager
def restoring(run: Path) -> Iterator[None]:
    """A context for restoring a checkpoint: TLError where it does not fit the run's recipe, or is made up."""
    with reading(f"'{run}'", "its checkpoints are not those of a run of its recipe", "start a new run"):
        yield


class Checkpoints:
    """The checkpoints of a run. No two of them share a file: a byte that rots then damages one of them only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last: Path | None = None

    def write(self, step: int, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the states as files; OSError where the disk refuses, and the earlier checkpoints are then unchanged."""
        number = max(self._numbers(), default=0) + 1
        part = f".{number}.part"
        with Folder.at(self.folder.parent) as run, run.within(self.folder.name, make=True) as folder:
            folder.remove(part)
            try:
                with folder.within(part, make=True) as new:
                    hashes = {f"{name}.pt": _save(new, f"{name}.pt", state) for name, state in states.items()}
                    body = json.dumps({"step": step, "files": hashes}).encode()
                    new.write_whole(MANIFEST, _hash(body).encode() + b"\n" + body)
                folder.rename(part, str(number))
            except OSError:
                folder.remove(part)
                raise
            before, self._last = self._last, self.folder / str(number)
            self._remove_others(folder, keep={self._last.name, before.name if before is not None else ""})

    def latest(self, say: Callable[[str], None]) -> Checkpoint | None:
        """The newest whole checkpoint; `say` gets a line on each damaged one.

        None before the first checkpoint; TLError where all checkpoints are damaged.
        """
        damaged = []
        for number in sorted(self._numbers(), reverse=True):
            try:
                found = _read(self.folder / str(number))
            except DamagedCheckpoint as reason:
                damaged.append(str(reason))
                continue
            for text in damaged:
                say(f"{text}: going on from the checkpoint before it, after step {found.step}.")
            self._last = found.folder
            return found
        if damaged:
            raise TLError(
                f"{'; '.join(damaged)}: no whole checkpoint is left, so the run cannot go on: start a new one."
            )
        return None

    def remove(self) -> None:
        """Remove all checkpoints and their folder."""
        with Folder.at(self.folder.parent) as run:
            run.remove(self.folder.name)

    def _numbers(self) -> list[int]:
        folders = self.folder.iterdir() if self.folder.is_dir() else ()
        return [int(folder.name) for folder in folders if folder.name.isdecimal()]

    def _remove_others(self, folder: Folder, keep: set[str]) -> None:
        """Remove all other checkpoints, and what killed writers left; each is renamed first, so none is half there."""
        for name in set(os.listdir(folder.descriptor)) - keep:
            if name.isdecimal():
                folder.rename(name, f".{name}.gone")
            folder.remove(f".{name}.gone" if name.isdecimal() else name)


def _save(folder: Folder, name: str, state: Mapping[str, Any]) -> str:
    """Write a state as a new file; gives its hash."""
    import torch

    with folder.create(name) as raw:
        hashing = _HashingFile(raw)
        torch.save(dict(state), hashing)  # type: ignore[arg-type]
        hashing.close()
    return hashing.digest.hexdigest()


def _read(folder: Path) -> Checkpoint:
    """The checkpoint in a folder; DamagedCheckpoint where a file differs from its checksum."""
    try:
        head, _, body = (folder / MANIFEST).read_bytes().partition(b"\n")
        if head != _hash(body).encode():
            raise DamagedCheckpoint(f"{folder / MANIFEST} differs from its checksum")
        facts = json.loads(body)
        files, step = dict(facts["files"]), int(facts["step"])
        for name, known in files.items():
            if hash_of(folder / name) != known:
                raise DamagedCheckpoint(f"{folder / name} differs from its checksum")
    except OSError as error:
        raise DamagedCheckpoint(f"{error.filename or folder} cannot be read ({error.strerror})") from error
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise DamagedCheckpoint(f"{folder / MANIFEST} is no manifest") from error
    return Checkpoint(folder, step, files)


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32).hexdigest()


class _HashingFile:
    """A file that hashes what is written to it. It keeps an error of the disk until torch.save has ended, because the
    C++ writer of torch.save would turn it into another error."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.digest = file, hashlib.blake2b(digest_size=32)
        self._disk_error: OSError | None = None

    def write(self, content: bytes | memoryview) -> int:
        size = memoryview(content).nbytes
        self.digest.update(content)
        try:
            if self._disk_error is None:
                self.file.write(content)
        except OSError as error:
            self._disk_error = error
        return size

    def flush(self) -> None:
        """Does nothing; `close` flushes."""

    def close(self) -> None:
        """Make sure that all is on the disk; OSError where the disk refused."""
        if self._disk_error is not None:
            raise self._disk_error
        self.file.flush()
        os.fsync(self.file.fileno())
