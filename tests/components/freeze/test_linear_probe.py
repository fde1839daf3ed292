from __future__ import annotations

from .samples import ADAPTED, FOUR, phases_of


def test_the_backbone_never_learns() -> None:
    assert [phase.train for phase in phases_of("linear_probe", FOUR)] == [("head",)]
    assert [phase.train for phase in phases_of("linear_probe", ADAPTED)] == [("adapter", "head")]
