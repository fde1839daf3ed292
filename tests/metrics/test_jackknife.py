"""Standard errors against formulas of the textbooks."""

import math

import numpy as np
import pytest
import scipy.stats

from tests.metrics.oracles import alone, delong, seen
from tl.metrics.jackknife import MOST_BLOCKS, Blocks, paired_difference, standard_error
from tl.metrics.units import independent_units


def test_samples_of_a_group_are_one_unit():
    assert independent_units(["b", None, "a", "b", None]).tolist() == [0, 1, 2, 0, 3]
    assert independent_units(["0", None, "None"]).tolist() == [0, 1, 2]
    assert independent_units([]).tolist() == []


def test_the_error_of_a_mean_is_the_textbooks():
    rng = np.random.default_rng(0)
    truth, said = rng.normal(size=(60, 1)), rng.normal(size=(60, 1))
    expected = scipy.stats.sem(np.abs(truth - said)[:, 0])
    assert standard_error(seen("number", said, truth), "mae", alone(60)) == pytest.approx(expected, rel=1e-9)


def test_the_error_of_a_mean_over_groups_is_that_of_the_groups_means():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(12), 5)
    error = np.abs(rng.normal(size=60) + rng.normal(size=12)[groups])
    found = standard_error(
        seen("number", error[:, None], np.zeros((60, 1))), "mae", independent_units([*map(str, groups)])
    )
    expected = scipy.stats.sem(error.reshape(12, 5).mean(axis=1))
    assert found == pytest.approx(expected, rel=1e-9)


def test_more_units_than_blocks_are_dealt_evenly():
    blocks = Blocks.deal(alone(1030))
    assert len(blocks) == MOST_BLOCKS
    assert set(blocks.sizes) == {5.0, 6.0}
    assert np.bincount(blocks.of).tolist() == blocks.sizes.tolist()
    rng = np.random.default_rng(2)
    error = rng.exponential(size=20_000)
    found = standard_error(seen("number", error[:, None], np.zeros((20_000, 1))), "mae", alone(20_000))
    assert found == pytest.approx(1 / math.sqrt(20_000), rel=0.15)  # the standard error's own error is 5 %


def test_the_error_of_the_area_under_the_curve_is_delongs():
    scores, targets, _, expected = delong()
    found = standard_error(seen("single", scores, targets), "auroc", alone(90))
    assert found == pytest.approx(expected, rel=0.03)


def test_a_paired_difference_is_the_paired_t_tests():
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(40, 1))
    one, other = truth + rng.normal(size=(40, 1)), truth + rng.normal(size=(40, 1))
    found = paired_difference(seen("number", one, truth), seen("number", other, truth), "mae", alone(40))
    expected = scipy.stats.ttest_rel(np.abs(one - truth)[:, 0], np.abs(other - truth)[:, 0])
    assert found.value / found.error == pytest.approx(expected.statistic, rel=1e-9)
    assert found.blocks == 40


def test_what_is_undefined_has_no_error():
    one_positive = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    assert math.isnan(standard_error(seen("single", one_positive, np.array([0, 1, 0])), "auroc", alone(3)))
    assert math.isnan(standard_error(seen("single", one_positive[:1], np.array([0])), "accuracy", alone(1)))
    assert math.isnan(
        standard_error(seen("single", one_positive, np.array([0, 1, 0])), "accuracy", np.zeros(3, np.intp))
    )
    assert math.isnan(standard_error(seen("single", one_positive[:0], np.zeros(0, int)), "accuracy", alone(0)))
