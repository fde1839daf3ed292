"""Things that belong together, found among all others of a split by the cosines of their embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from tl.metrics.calibration import Array, Floats
from tl.metrics.catalogue import METRICS, Metric, entry
from tl.metrics.embeddings import MeasuredEmbeddings
from tl.metrics.measured import Prior
from tl.metrics.weighted import Statistic, mean

_CELLS = 2**24
"""So many cosines are in memory at once."""
_ROUNDING = 1e-6
RECALLS = tuple(
    entry(f"recall_at_{k}", "classes", higher=True, label=f"recall@{k}", spoken=f"recall at {k}") for k in (1, 5)
)


class Ahead(NamedTuple):
    """For some queries (`rows`), how many wrong candidates lie nearer than the right one (c,), and how many as near."""

    rows: slice
    nearer: Floats
    level: Floats
    first: npt.NDArray[np.intp]


def recall_at(most: int) -> Callable[[Floats, Floats, Array], Statistic]:
    """The share of queries with fewer than `most` wrong candidates nearer than the right one.

    A query that has c candidates as near as the right one counts by the chance that a random order of these gives it.
    Weights are those of queries: the candidates are always all of the split. Left out too, they would make errors a
    third too large, because the one candidate that lies nearer decides (tests/metrics/test_matches.py).
    """

    def builder(queries: Floats, candidates: Floats, keys: Array) -> Statistic:
        places = candidates_ahead(queries, candidates, keys)
        hits = [((most - one.nearer) / (one.level + 1)).clip(0.0, 1.0) for one in places]
        return mean(np.concatenate([np.zeros(0), *hits]))

    return builder


def candidates_ahead(queries: Floats, candidates: Floats, keys: Array) -> Iterator[Ahead]:
    """What lies ahead of the right candidate of each query, for as many queries at once as memory allows.

    `queries` and `candidates` (n, d) are of length 1; `keys` (n, 2) are numbers of the two halves of each pair, of
    which equal ones stand for the same thing. A candidate is right where the query or the candidate is the pair's own,
    and no candidate where it is the query itself. `first` (c,) is the nearest candidate of all.
    """
    step = max(1, _CELLS // max(1, len(queries)))
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        cosines = queries[rows] @ candidates.T
        own = np.einsum("nd,nd->n", queries[rows], candidates[rows])[:, None]
        itself = keys[rows, :1] == keys[None, :, 1]
        wrong = (keys[rows, :1] != keys[None, :, 0]) & (keys[rows, 1:] != keys[None, :, 1]) & ~itself
        nearer, level = cosines > own + _ROUNDING, np.abs(cosines - own) <= _ROUNDING
        before, beside = ((some & wrong).sum(axis=1).astype(np.float64) for some in (nearer, level))
        yield Ahead(rows, before, beside, np.where(itself, -np.inf, cosines).argmax(axis=1))


@dataclass(frozen=True, eq=False)
class MeasuredMatches(MeasuredEmbeddings):
    """`embeddings` (n, 2, d) of the two halves of pairs that belong together, and their `keys` (n, 2).

    Each first half looks for its second half among those of all pairs of the split: with more of them it finds it less
    often.
    """

    keys: Array

    metrics: ClassVar[Mapping[str, Callable[..., Statistic]]] = {
        "recall_at_1": recall_at(1),
        "recall_at_5": recall_at(5),
    }
    catalogue: ClassVar[Mapping[str, Metric]] = {**METRICS, **{metric.name: metric for metric in RECALLS}}
    main: ClassVar[str] = "recall_at_1"
    word: ClassVar[str] = "pairs that belong together"

    @property
    def arrays(self) -> tuple[Floats, Floats, Array]:
        first, second = np.moveaxis(self.directions, 1, 0)
        return first, second, self.keys

    def guess(self, name: str, prior: Prior) -> Statistic | None:
        """The metric where all candidates are as near as each other: their order is chance."""
        return MeasuredMatches(np.ones_like(self.embeddings), self.keys).statistics([name])[name]

    def nearest(self) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
        """For each query the number of the nearest candidate (n,), the rank (n,) of its own, and both's cosine (n,).

        Of candidates that are as near as its own, half are before it.
        """
        queries, candidates, keys = self.arrays
        first = np.zeros(len(self), dtype=np.intp)
        ranks = np.zeros(len(self))
        for place in candidates_ahead(queries, candidates, keys):
            first[place.rows] = place.first
            ranks[place.rows] = 1 + place.nearer + place.level / 2
        return first, ranks, np.einsum("nd,nd->n", queries, candidates)
