from __future__ import annotations

import pytest

from tl.errors import TLError

from .samples import FOUR, TOTAL, ends, phases_of


def test_each_phase_waits_for_the_metric_to_stall() -> None:
    phases = phases_of("watch", FOUR, patience=3, lr_decay=0.5)
    assert [phase.train for phase in phases] == [("head",), FOUR[3:], FOUR[2:], FOUR[1:], FOUR]
    assert [phase.lr for phase in phases] == [1, 0.5, 0.25, 0.125, 0.0625]
    assert {phase.patience for phase in phases} == {3}
    assert set(ends(phases)) == {TOTAL}


@pytest.mark.parametrize("key, value", [("patience", 0), ("lr_decay", 0.0), ("lr_decay", 1.5)])
def test_it_refuses_values_out_of_range(key: str, value: float) -> None:
    with pytest.raises(TLError, match=rf"freeze\.{key}: {value:g} must be"):
        phases_of("watch", **{key: value})
