from __future__ import annotations

import pytest

from tl.errors import TLError

from .samples import ADAPTED, FOUR, phases_of


@pytest.mark.parametrize("k, train", [(0, ("head",)), (1, ("backbone.3", "head")), (4, FOUR)])
def test_the_deepest_k_stages_learn_with_the_head(k: int, train: tuple[str, ...]) -> None:
    assert [phase.train for phase in phases_of("top_k", FOUR, stages=k)] == [train]


def test_the_adapter_learns_too() -> None:
    assert phases_of("top_k", ADAPTED, stages=2)[0].train == ("backbone.1", "backbone.2", "adapter", "head")


def test_it_refuses_more_stages_than_there_are() -> None:
    with pytest.raises(TLError, match=r"freeze\.stages: 5 is more than the 4 stages of this backbone\."):
        phases_of("top_k", FOUR, stages=5)
