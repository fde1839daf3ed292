from __future__ import annotations

from .samples import FOUR, TOTAL, ends, phases_of


def test_each_phase_waits_for_the_metric_to_stall() -> None:
    phases = phases_of("watch", FOUR, patience=3, lr_decay=0.5)
    assert [phase.train for phase in phases] == [("head",), FOUR[3:], FOUR[2:], FOUR[1:], FOUR]
    assert [phase.lr for phase in phases] == [1, 0.5, 0.25, 0.125, 0.0625]
    assert {phase.patience for phase in phases} == {3}
    assert set(ends(phases)) == {TOTAL}
