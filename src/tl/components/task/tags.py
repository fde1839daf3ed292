"""Which tag may follow which, and the most probable sequence of tags that may."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tl.components.data.spans import Tag

Allowed = npt.NDArray[np.bool_]
_OPENS, _CONTINUES = "BI", "IE"


def may_begin(tags: Sequence[Tag]) -> Allowed:
    """(C,): whether each tag may be the first of a text."""
    return np.array([tag.mark not in _CONTINUES for tag in tags])


def may_end(tags: Sequence[Tag]) -> Allowed:
    """(C,): whether each tag may be the last of a text: where spans have ends, none may be open then."""
    ends = any(tag.mark == "E" for tag in tags)
    return np.array([not ends or tag.mark not in _OPENS for tag in tags])


def may_follow(tags: Sequence[Tag]) -> Allowed:
    """(C, C): whether the second tag may follow the first one."""
    ends = any(tag.mark == "E" for tag in tags)

    def allowed(first: Tag, second: Tag) -> bool:
        inside = first.mark in _OPENS and first.name == second.name
        if second.mark in _CONTINUES:
            return inside
        return not (ends and first.mark in _OPENS)

    return np.array([[allowed(first, second) for second in tags] for first in tags])


def best_tags(scores: npt.NDArray[np.float32], begin: Allowed, follow: Allowed, end: Allowed) -> list[int]:
    """The sequence of allowed tags with the largest sum of log-probabilities (T, C), found as Viterbi does (1967)."""
    if not len(scores):
        return []
    best = np.where(begin, scores[0], -np.inf)
    came: list[npt.NDArray[np.intp]] = []
    barred = np.where(follow, 0.0, -np.inf)
    for row in scores[1:]:
        through = best[:, None] + barred
        came.append(through.argmax(0))
        best = through.max(0) + row
    tag = int(np.where(end, best, -np.inf).argmax())
    found = [tag]
    for place in reversed(came):
        tag = int(place[tag])
        found.append(tag)
    return found[::-1]
