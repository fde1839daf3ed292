"""Checkpoints: numbered folders, each complete with a manifest of checksums or not there; the newest two are kept.

A finished run needs them no more: they are several times as large as its model.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import PickleError
from typing import Any, BinaryIO

from tl.errors import TLError
from tl.foreign import reading
from tl.run.disk import hash_of, sync_folder, write_whole

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
    """The checkpoints of a run. The next checkpoint may share files with the one that was found or written last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last: Checkpoint | None = None

    def write(self, step: int, states: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Write the states as files; None stands for the same state in the checkpoint before.

        OSError where the disk refuses; the earlier checkpoints are then unchanged.
        """
        number = max(self._numbers(), default=0) + 1
        part = self.folder / f".{number}.{os.getpid()}.part"
        part.mkdir(parents=True)
        try:
            hashes = {f"{name}.pt": self._write_or_link(part / f"{name}.pt", state) for name, state in states.items()}
            body = json.dumps({"step": step, "files": hashes}).encode()
            write_whole(part / MANIFEST, _hash(body).encode() + b"\n" + body)
            folder = self.folder / str(number)
            part.rename(folder)
        except OSError:
            shutil.rmtree(part, ignore_errors=True)
            raise
        sync_folder(self.folder)
        before, self._last = self._last, Checkpoint(folder, step, hashes)
        self._remove_others(keep={folder, before.folder if before is not None else folder})

    def _write_or_link(self, file: Path, state: Mapping[str, Any] | None) -> str:
        """Write a state to a file, or link the file of the checkpoint before; gives the file's hash."""
        import torch

        if state is None:
            if self._last is None:
                raise ValueError(f"there is no checkpoint whose {file.name} could be kept")
            before = self._last.folder / file.name
            try:
                os.link(before, file)
            except OSError:  # not every file system has links
                shutil.copyfile(before, file)
            return self._last.hashes[file.name]
        with file.open("wb") as raw:
            hashing = _HashingFile(raw)
            torch.save(dict(state), hashing)  # type: ignore[arg-type]
            hashing.close()
        return hashing.digest.hexdigest()

    def latest(self, say: Callable[[str], None]) -> Checkpoint | None:
        """The newest whole checkpoint; `say` gets a line on each damaged one.

        None before the first checkpoint; TLError where all checkpoints are damaged.
        """
        damaged = []
        for number in sorted(self._numbers(), reverse=True):
            try:
                self._last = _read(self.folder / str(number))
            except DamagedCheckpoint as reason:
                damaged.append(str(reason))
                continue
            for text in damaged:
                say(f"{text}: going on from the checkpoint before it, after step {self._last.step}.")
            return self._last
        if damaged:
            raise TLError(
                f"{'; '.join(damaged)}: no whole checkpoint is left, so the run cannot go on: start a new one."
            )
        return None

    def remove(self) -> None:
        """Remove all checkpoints and their folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _numbers(self) -> list[int]:
        folders = self.folder.iterdir() if self.folder.is_dir() else ()
        return [int(folder.name) for folder in folders if folder.name.isdecimal()]

    def _remove_others(self, keep: set[Path]) -> None:
        """Remove all other checkpoints, and what killed writers left; each is renamed first, so none is half there."""
        for folder in [folder for folder in self.folder.iterdir() if folder not in keep]:
            if folder.name.isdecimal():
                gone = folder.with_name(f".{folder.name}.gone")
                folder.rename(gone)
                folder = gone
            shutil.rmtree(folder, ignore_errors=True)


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
