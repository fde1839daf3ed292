from __future__ import annotations

import pytest

from tl.errors import TLError

from .samples import ADAPTED, FOUR, phases_of


@pytest.mark.parametrize(
    "patterns, train",
    [
        (["backbone.0", "head"], ("backbone.0", "head")),
        (["head", "backbone.[12]"], ("backbone.1", "backbone.2", "head")),
        (["backbone.*", "backbone.0"], FOUR[:4]),
        (["*"], FOUR),
    ],
)
def test_only_the_named_parts_learn(patterns: list[str], train: tuple[str, ...]) -> None:
    assert [phase.train for phase in phases_of("surgical", FOUR, train=patterns)] == [train]


def test_the_adapter_has_a_name() -> None:
    assert phases_of("surgical", ADAPTED, train=["adapter"])[0].train == ("adapter",)


def test_a_pattern_that_matches_nothing_is_refused_with_the_names_of_the_parts() -> None:
    text = r"freeze\.train: 'adapter' matches no part: the parts are backbone\.0 \.\. backbone\.3, head\."
    with pytest.raises(TLError, match=text):
        phases_of("surgical", FOUR, train=["head", "adapter"])
