"""Whether the picture files of a data set are those that a run was trained on, by what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tl.components.picture import file_bytes
from tl.components.sample import Sample, halves_of

CONTENTS, STAMPS = "contents", "stamps"


def facts_of_files(samples: Iterable[Sample]) -> dict[str, str]:
    """The two hashes that a run keeps of its picture files; empty where no sample is a file.

    `contents` is over the bytes of all files, `stamps` over what the file system says of them. As git does, a file
    whose size, times and number are the same is taken as unchanged; only where they differ are the bytes read again.
    """
    files = _files(samples)
    if not files:
        return {}
    stamps = _stamps(files)  # first: a file that changes in between then has other stamps later
    return {CONTENTS: _contents(files), STAMPS: stamps}


def files_are(samples: Iterable[Sample], known: Mapping[str, str]) -> bool:
    """Whether the picture files of these samples are those that `facts_of_files` gave the facts `known` for."""
    files = _files(samples)
    return _stamps(files) == known[STAMPS] or _contents(files) == known[CONTENTS]


def _files(samples: Iterable[Sample]) -> list[tuple[str, Path]]:
    pictures = ((s.id, half) for s in samples for half in halves_of(s.input))
    return sorted((name, half) for name, half in pictures if isinstance(half, Path))


def _stamps(files: Sequence[tuple[str, Path]]) -> str:
    """Of each file: its size, its number, and when its content and its name or owner were last changed.

    The last of these times is set by the system alone: it tells of files that were renamed, or copied with their times.
    """
    found = ((name, file.stat()) for name, file in files)
    return _hash(repr((name, s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns)).encode() for name, s in found)


def _contents(files: Sequence[tuple[str, Path]]) -> str:
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # reading and hashing let other threads run
        digests = pool.map(lambda each: hashlib.blake2b(file_bytes(each[1])).digest(), files)
        return _hash(repr(name).encode() + digest for (name, _), digest in zip(files, digests, strict=True))


def _hash(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()[:16]
