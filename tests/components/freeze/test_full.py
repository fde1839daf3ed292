from __future__ import annotations

from .samples import ADAPTED, phases_of


def test_everything_learns_all_along() -> None:
    (phase,) = phases_of("full", ADAPTED)
    assert phase.train == ADAPTED
