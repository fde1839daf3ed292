from __future__ import annotations

from .samples import ADAPTED, ends, phases_of


def test_the_head_learns_first_and_then_everything() -> None:
    probe, full = phases_of("linear_then_all", ADAPTED, probe="30%", lr_after=0.1)
    assert (probe.train, probe.lr) == (("adapter", "head"), 1.0)
    assert (full.train, full.lr) == (ADAPTED, 0.1)
    assert ends([probe, full]) == [300, 1000]


def test_the_probe_can_be_given_in_epochs_or_steps() -> None:
    assert ends(phases_of("linear_then_all", probe="2ep")) == [200, 1000]
    assert ends(phases_of("linear_then_all", probe="50step")) == [50, 1000]
