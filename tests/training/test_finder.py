"""The edge of a sweep, by hand; that a run finds one is tested in test_trainer.py."""

from __future__ import annotations

import numpy as np
import pytest

from tl.cli.printing.finetune import rate_advice
from tl.components.freeze.base import Phase
from tl.recipe.duration import Duration
from tl.training.finder import Sweep, edge, smoothed


def test_the_edge_is_where_the_loss_has_risen_from_its_lowest_by_the_loss_at_the_start() -> None:
    changes = np.array([0.0, -0.1, -0.5, -0.9, -0.8, -0.3, 0.3, 4.0])
    assert edge(changes, start=0.5) == pytest.approx(4.8)  # from -.8 to -.3 it passes -.9 + .5 after four fifths
    assert edge(changes, start=1.2) == pytest.approx(6.0)
    assert edge(changes, start=0.1) == pytest.approx(4.2)  # .2 above the lowest at least
    falls = np.array([0.0, -0.5, *[-0.4] * 30])
    assert edge(falls, start=2.0) == 1 + 39 / 6  # it rose nowhere by so much: a decade above the lowest
    assert edge(falls[:4], start=2.0) == 3.0


def test_smoothing_is_a_weighted_mean_of_neighbours() -> None:
    values = np.array([0.0, 0.0, 1.0, 0.0])
    kernel = np.exp(-0.5 * (np.array([2.0, 1.0, 0.0, 1.0]) / 2) ** 2)
    assert smoothed(values)[2] == pytest.approx(1 / kernel.sum())
    assert smoothed(np.full(9, 4.0)) == pytest.approx(np.full(9, 4.0))


def test_a_lone_bad_batch_is_no_edge_after_smoothing() -> None:
    changes = np.zeros(60)
    changes[5] = 3.0
    changes[40:] = np.linspace(0.2, 8.0, 20)
    assert edge(changes, start=0.9) < 5
    assert 38 < edge(smoothed(changes), start=0.9) < 45


def test_rates_rise_by_equal_factors_between_the_ends() -> None:
    sweep = Sweep(Phase("full", ("head",), Duration(100, "%")), (1e-6, 1.0), 1.0)
    assert [sweep.rate(number) for number in (0, 39)] == pytest.approx([1e-6, 1.0])
    assert sweep.rate(1) / sweep.rate(0) == pytest.approx(sweep.rate(32) / sweep.rate(31))


def test_the_advice_names_the_smallest_rate_and_what_to_try() -> None:
    assert rate_advice([4e-3, 1e-3]) == (
        "Nothing was trained. One optimizer.lr serves all phases, so begin with the smallest: optimizer.lr=0.001, a "
        "tenth of where the loss goes up. Then try 0.0003 and 0.003 in short runs, and keep what validates best: a "
        "sweep finds the order of magnitude, no more."
    )
    assert "Begin with it: optimizer.lr=0.02," in rate_advice([0.02])
