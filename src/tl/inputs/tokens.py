"""The tokens of many texts in two arrays: a Python list for each of a million texts would take a kilobyte each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tl.components.preprocess import TextPreprocess

_AT_ONCE = 1 << 12
"""Texts that the tokenizer gets at once; it keeps some kilobytes for each until the next ones."""
Text = str | tuple[str, str]
D = TypeVar("D", bound=np.generic)


@dataclass(frozen=True)
class Tokens:
    """Token ids and segment ids of texts; text i has those from `ends[i]` to `ends[i + 1]`.

    `segments` is None where they are all 0. `cut` counts the texts that were cut at the longest length.
    """

    ids: npt.NDArray[np.int32]
    segments: npt.NDArray[np.uint8] | None
    ends: npt.NDArray[np.int64]
    cut: int

    def of(self, number: int) -> tuple[Tensor, Tensor]:
        """The token ids (T,) and segment ids (T,) of a text."""
        span = slice(int(self.ends[number]), int(self.ends[number + 1]))
        ids = torch.from_numpy(self.ids[span].astype(np.int64))
        if self.segments is None:
            return ids, torch.zeros_like(ids)
        return ids, torch.from_numpy(self.segments[span].astype(np.int64))

    def first_below(self, fewest: int) -> int | None:
        """The number of the first text with fewer tokens; None where there is none."""
        few = np.flatnonzero(np.diff(self.ends) < fewest)
        return int(few[0]) if len(few) else None

    @property
    def lengths(self) -> tuple[int, ...]:
        """The number of tokens of each text."""
        return tuple(np.diff(self.ends).tolist())


def tokens_of(preprocess: TextPreprocess, texts: Iterable[Text]) -> Tokens:
    """The tokens of all texts, computed on all cores."""
    ids, segments, sizes, cut = [np.zeros(0, np.int32)], [np.zeros(0, np.uint8)], [np.zeros(1, np.int64)], 0
    for some in _pieces(texts):
        found, too_long = preprocess.all_ids(some)
        cut += too_long
        sizes.append(np.fromiter((len(one) for one, _ in found), np.int64, len(found)))
        ids.append(_joined((one for one, _ in found), np.int32, int(sizes[-1].sum())))
        segments.append(_joined((two for _, two in found), np.uint8, len(ids[-1])))
    second = any(some.any() for some in segments)
    return Tokens(
        np.concatenate(ids), np.concatenate(segments) if second else None, np.cumsum(np.concatenate(sizes)), cut
    )


def _pieces(texts: Iterable[Text]) -> Iterator[Sequence[Text]]:
    remaining = iter(texts)
    while some := list(islice(remaining, _AT_ONCE)):
        yield some


def _joined(parts: Iterable[list[int]], dtype: type[D], n: int) -> npt.NDArray[D]:
    return np.fromiter(chain.from_iterable(parts), dtype, n)
