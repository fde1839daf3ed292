from __future__ import annotations

from .samples import DEEP, FOUR, ends, phases_of


def test_one_stage_joins_each_epoch_from_the_top() -> None:
    phases = phases_of("gradual", FOUR)
    assert [phase.train for phase in phases] == [("head",), FOUR[3:], FOUR[2:], FOUR[1:], FOUR]
    assert ends(phases) == [100, 200, 300, 400, 1000]


def test_shares_of_the_run_stop_at_its_end() -> None:
    assert ends(phases_of("gradual", FOUR, every="30%")) == [300, 600, 900, 1000, 1000]


def test_phases_after_the_end_of_the_run_have_no_steps() -> None:
    assert ends(phases_of("gradual", DEEP))[9:] == [1000] * 17
