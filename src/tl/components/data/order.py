"""Orders of names: the natural one, in which 'class 2' comes before 'class 10', and one at random by a seed."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from tl.components.columns import Column, Numbered, Rows

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(text: str) -> bytes:
    """A sorting key that compares digits as numbers, which come before all else; equal numbers are sorted as texts.

    A number is written as the count of its digits and the digits, other letters as UTF-8, ended by a zero byte.
    """
    key = bytearray()
    for place, part in enumerate(_DIGITS.split(text)):
        if place % 2:
            digits = part.lstrip("0").encode()
            key += b"\x01" + len(digits).to_bytes(4, "big") + digits
        elif part:
            key += b"\x02" + part.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\xff") + b"\0"
    return bytes(key) + b"\0" + text.encode("utf-8", "surrogatepass")


def natural_order(*columns: Column[str]) -> Rows:
    """The rows, counted through all columns, in the order of their names' `natural_key`."""
    numbered = [column for column in columns if isinstance(column, Numbered)]
    names = numbered[0].names if numbered else ()
    alike = len(numbered) == len(columns) and all(column.names is names for column in numbered)
    if alike and not any(_DIGITS.search(name) for name in names):
        place = np.argsort(np.argsort(np.array([*names], dtype=object)))
        codes, numbers = (np.concatenate([getattr(c, kind) for c in numbered]) for kind in ("codes", "numbers"))
        return np.lexsort((numbers, place[codes]))
    keys = [natural_key(name) for column in columns for name in column]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def random_keys(names: Column[str], seed: int) -> npt.NDArray[np.uint64]:
    """A random number (n, 4) for each name, from a hash of the seed and the name; its order is that of the hashes."""
    hashes = bytearray()
    for name in names:
        hashes += hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()
    return np.frombuffer(hashes, dtype=">u8").astype(np.uint64).reshape(-1, 4)


def in_order(*keys: npt.NDArray[Any]) -> Rows:
    """The rows in the order of the first key, then of the second, and so on; a key of several columns is several."""
    columns = [column for key in keys for column in (key.T if key.ndim == 2 else [key])]
    return np.lexsort(columns[::-1])
