from __future__ import annotations

from .samples import ADAPTED, phases_of


def test_everything_learns_during_the_whole_run() -> None:
    (phase,) = phases_of("full", ADAPTED)
    assert phase.train == ADAPTED
