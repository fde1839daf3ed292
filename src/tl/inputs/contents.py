"""What samples held when they were hashed for the cache, and whether a picture that is read later is still that one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tl.components.picture import file_bytes, picture_name
from tl.components.sample import Picture, Raw
from tl.errors import TLError

_BYTES = 16


class Contents:
    """Hashes of inputs in their order: of texts, of the bytes of picture files, of the content keys of other pictures.

    `digest` is a hash of them all. Those of picture files are kept: a file may change before it is decoded.
    """

    def __init__(self, inputs: Sequence[Raw]) -> None:
        total, self._files = hashlib.blake2b(digest_size=_BYTES), bytearray()
        for one in inputs:
            match one:
                case Path():
                    part = _hash(file_bytes(one))
                    self._files += part
                case Picture():
                    part = _hash(one.content_key.encode())
                case _:
                    part = _hash(repr(one).encode())
            total.update(part)
        if len(self._files) != _BYTES * len(inputs):
            self._files.clear()
        self.digest = total.hexdigest()

    def read(self, number: int, picture: Path | Picture) -> Path | Picture:
        """The picture of this number with the bytes that were hashed; TLError where its file holds others now."""
        if not self._files or not isinstance(picture, Path):
            return picture
        content = file_bytes(picture)
        known = self._files[_BYTES * number : _BYTES * (number + 1)]
        if _hash(content) != known:
            raise TLError(
                f"{picture_name(picture)}: the picture changed while the run read it: start the run again when nothing "
                "changes its pictures any more."
            )
        return Picture(picture_name(picture), known.hex(), partial(bytes, content))


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_BYTES).digest()
