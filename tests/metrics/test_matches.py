"""Finding what belongs together, against a search that is written out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.metrics.oracles import alone
from tl.metrics.guessing import compare
from tl.metrics.intervals import interval
from tl.metrics.jackknife import standard_error
from tl.metrics.matches import MeasuredMatches
from tl.metrics.measured import Prior, compute_metrics

Floats = NDArray[np.float64]


def drawn(n: int, seed: int, noise: float = 1.0, dim: int = 6, kinds: int | None = None) -> MeasuredMatches:
    """Pairs whose halves are one vector with noise; with `kinds`, so many second halves, each of which has a number."""
    rng = np.random.default_rng(seed)
    partner = np.arange(n) if kinds is None else rng.integers(kinds, size=n)
    centres = rng.normal(size=(n, dim))[partner]
    first = centres + noise * rng.normal(size=(n, dim))
    second = centres + (noise * rng.normal(size=(n, dim)) if kinds is None else 0)
    return MeasuredMatches(np.stack([first, second], 1), np.stack([np.arange(n) + 1000, partner], 1))


def searched(found: MeasuredMatches, most: int, weights: Floats | None = None) -> float:
    """The share of first halves that have fewer than `most` others before their own, one by one."""
    first, second, keys = found.arrays
    hits = total = 0.0
    n = len(found)
    count = np.ones(n) if weights is None else weights
    for i in range(n):
        own = float(first[i] @ second[i])
        before = level = 0.0
        for j in range(n):
            if (keys[i] == keys[j]).any() or keys[i][0] == keys[j][1]:
                continue
            cosine = float(first[i] @ second[j])
            before += cosine > own + 1e-6
            level += abs(cosine - own) <= 1e-6
        places = [1.0 if before + place < most else 0.0 for place in range(int(level) + 1)]
        hits += count[i] * sum(places) / len(places)
        total += count[i]
    return hits / total


@pytest.mark.parametrize("kinds", [None, 7])
def test_recall_is_that_of_a_search_with_ties_and_repeated_halves(kinds: int | None) -> None:
    for seed in range(12):
        found = drawn(25, seed, kinds=kinds)
        rounded = MeasuredMatches(np.round(found.embeddings, seed % 3), found.keys)
        for one in (found, rounded):
            values = compute_metrics(one)
            for most in (1, 5):
                assert values[f"recall_at_{most}"] == pytest.approx(searched(one, most))


def test_weights_count_queries_among_all_candidates() -> None:
    found, rng = drawn(30, 3), np.random.default_rng(0)
    weights = rng.integers(0, 3, size=(4, 30)).astype(np.float64)
    for name, most in (("recall_at_1", 1), ("recall_at_5", 5)):
        values = found.statistics([name])[name](weights)
        assert values == pytest.approx([searched(found, most, row) for row in weights])


def test_many_pairs_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compute_metrics(drawn(40, 5))
    monkeypatch.setattr("tl.metrics.matches._CELLS", 100)
    assert compute_metrics(drawn(40, 5)) == pytest.approx(whole)


def test_collapsed_embeddings_are_as_good_as_chance() -> None:
    found = drawn(20, 0)
    collapsed = MeasuredMatches(np.ones_like(found.embeddings), found.keys)
    assert compute_metrics(collapsed) == pytest.approx({"recall_at_1": 1 / 20, "recall_at_5": 5 / 20})
    versus = compare(drawn(60, 1, noise=0.3), "recall_at_1", alone(60), Prior.of_nothing())
    assert versus is not None
    assert versus.guess == pytest.approx(1 / 60)
    assert versus.says == "better"


def test_the_nearest_and_the_rank_of_its_own() -> None:
    first = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    second = [[1.0, 0.1], [1.0, 0.0], [0.0, 2.0]]
    found = MeasuredMatches(np.stack([first, second], 1), np.arange(6).reshape(3, 2))
    nearest, ranks, cosines = found.nearest()
    assert nearest.tolist() == [1, 2, 0]
    assert ranks.tolist() == [2.0, 3.0, 2.5]
    assert cosines == pytest.approx([1 / np.sqrt(1.01), 0.0, np.sqrt(0.5)])


def test_nothing_is_a_candidate_for_itself() -> None:
    """Of (a, b), (b, a) and of the chain (a, b), (b, c) each first half finds its own: a itself does not count."""
    a, b, c = [1.0, 0.0], [0.9, 0.4], [0.5, 0.8]
    swapped = MeasuredMatches(np.array([[a, b], [b, a]]), np.array([[1, 2], [2, 1]]))
    chain = MeasuredMatches(np.array([[a, b], [b, c]]), np.array([[1, 2], [2, 3]]))
    for found in (swapped, chain):
        assert compute_metrics(found)["recall_at_1"] == 1.0
        assert found.nearest()[1].tolist() == [1.0, 1.0]
    assert swapped.nearest()[0].tolist() == [0, 1]


def test_what_is_not_finite_has_no_value() -> None:
    found = MeasuredMatches(np.full((3, 2, 4), np.nan), np.arange(6).reshape(3, 2))
    assert np.isnan(compute_metrics(found)["recall_at_1"])
    assert found.why_undefined("recall_at_1") == "an output of the model is not finite"


def test_its_standard_error_is_the_spread_over_splits_of_this_size() -> None:
    """Other candidates make the figure vary, too; that hardly shows beside the queries."""
    values = [compute_metrics(drawn(80, seed))["recall_at_1"] for seed in range(300)]
    errors = [standard_error(drawn(80, seed), "recall_at_1", alone(80)) for seed in range(20)]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_its_interval_holds_what_splits_of_this_size_have_on_average() -> None:
    truth = np.mean([compute_metrics(drawn(80, 1000 + seed))["recall_at_1"] for seed in range(200)])
    found = [interval(drawn(80, seed), "recall_at_1", alone(80)) for seed in range(100)]
    assert 0.89 <= np.mean([one.low <= truth <= one.high for one in found]) <= 1.0
