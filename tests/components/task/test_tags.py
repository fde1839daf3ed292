"""The best allowed sequence of tags, against trying them all."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tl.components.data.spans import Tag
from tl.components.task.tags import best_tags, may_begin, may_end, may_follow

IOB2 = [Tag("O", ""), *(Tag(mark, name) for name in "ab" for mark in "BI")]
BIOES = [Tag("O", ""), *(Tag(mark, name) for name in "ab" for mark in "BIES")]


@pytest.mark.parametrize("tags", [IOB2, BIOES], ids=["iob2", "bioes"])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_of_all_allowed_sequences_is_found(tags: list[Tag], seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(4, len(tags))).astype(np.float32)
    ends = any(tag.mark == "E" for tag in tags)

    def allowed(numbers: tuple[int, ...]) -> bool:
        chosen, open_name = [tags[number] for number in numbers], None
        for tag in chosen:
            if tag.mark in "IE" and open_name != tag.name:
                return False
            if tag.mark in "OBS" and ends and open_name is not None:
                return False
            open_name = tag.name if tag.mark in "BI" else None
        return not (ends and open_name is not None)

    everything = filter(allowed, product(range(len(tags)), repeat=4))
    wanted = max(everything, key=lambda numbers: sum(float(scores[t, k]) for t, k in enumerate(numbers)))
    assert best_tags(scores, may_begin(tags), may_follow(tags), may_end(tags)) == list(wanted)


def test_no_word_has_no_tag() -> None:
    assert best_tags(np.zeros((0, 5), np.float32), may_begin(IOB2), may_follow(IOB2), may_end(IOB2)) == []
