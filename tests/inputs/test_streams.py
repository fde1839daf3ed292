"""The order of samples: each once in a pass, texts of like length together, wherever reading begins."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from tests.conftest import TEXT
from tl.inputs.streams import Draw, EachOnce, Order, even_spans


def numbers(order: Order, first: int, last: int) -> list[int]:
    return [draw.number for draw in order.draws(first, last)]


@pytest.mark.parametrize("n, batch", [(103, 8), (64, 8), (17, 16), (5, 8), (1000, 7)])
def test_every_pass_has_every_sample_once(n: int, batch: int) -> None:
    lengths = [random.Random(i).randint(1, 40) for i in range(n)]
    order = Order(n, 3, batch, None, lengths)
    passes = [numbers(order, turn * n, (turn + 1) * n) for turn in range(4)]
    assert all(sorted(one) == list(range(n)) for one in passes)
    assert n < 17 or passes[0] != passes[1]
    again = Order(n, 3, batch, None, lengths)
    assert numbers(again, 2 * n + 1, 3 * n) == passes[2][1:]


def test_texts_of_like_length_share_a_batch() -> None:
    lengths = [random.Random(i).randint(1, 40) for i in range(400)]

    def padded(order: Order) -> int:
        batches = [numbers(order, first, first + 16) for first in range(0, 400, 16)]
        return sum(16 * max(lengths[i] for i in batch) - sum(lengths[i] for i in batch) for batch in batches)

    assert padded(Order(400, 0, 16, None, lengths)) < 0.25 * padded(Order(400, 0, 16))


def test_texts_of_small_data_meet_others_in_the_next_pass() -> None:
    """Of lengths spread widely, three quarters of the pairs met again where each pass was sorted by length alone."""
    chance = random.Random(0)
    lengths = [max(3, round(chance.lognormvariate(3.6, 0.8))) for _ in range(320)]
    order = Order(320, 0, 16, None, lengths)
    mates = []
    for first in (0, 320, 640):
        batches = [numbers(order, place, place + 16) for place in range(first, first + 320, 16)]
        mates.append({frozenset(pair) for batch in batches for pair in combinations(batch, 2)})
    assert all(len(one & other) / len(one) < 0.45 for one, other in pairwise(mates))


def test_fixed_views_take_turns() -> None:
    order = Order(10, 0, 4)
    seen = [{draw.view for draw in order.draws(10 * turn, 10 * turn + 10, 3)} for turn in range(4)]
    assert seen == [{0}, {1}, {2}, {0}]
    first, again = ({d.number: d.seed for d in order.draws(10 * turn, 10 * turn + 10, 3)} for turn in (0, 3))
    assert first == again


@pytest.mark.parametrize("world", [1, 2, 3])
def test_texts_evaluated_by_length_come_back_in_the_splits_order(world: int) -> None:
    """The features of each text are those of that text alone, and beside its own target, whoever shares the work."""
    import torch

    from tl.commands.assemble import assemble
    from tl.evaluation.evaluator import Evaluator
    from tl.place import Share
    from tl.recipe.recipe import load

    assembly = assemble(load("base", [*TEXT, "data.n=60"]))
    items, model = assembly.items("train"), assembly.model.eval()
    assert len(set(items.lengths or ())) > 3
    for rank in range(world):
        evaluator = Evaluator(8, Share(rank, world), torch.device("cpu"))
        evaluator._gather = evaluator._gather_list = lambda own, n: own  # type: ignore[method-assign]
        features, targets = evaluator.features(model, items)
        own = range(rank, len(items), world)
        assert torch.equal(targets, items.targets.take(list(own)))
        for row, number in zip(features, own, strict=True):
            (alone,) = items.batches(iter([[Draw(number, 0)]]))
            torch.testing.assert_close(row, model.features(alone.x)[0].detach(), rtol=1e-4, atol=1e-5)


def test_draws_that_are_made_when_asked_for_are_those_of_a_list() -> None:
    listed = [Draw(number, 0) for number in range(10)]
    draws = EachOnce(10)
    assert [*draws] == listed
    assert (len(draws), draws[3], draws[-1]) == (10, listed[3], listed[-1])
    assert [draws[a] for a in (slice(2), slice(3, 7), slice(None, None, 4))] == [listed[:2], listed[3:7], listed[::4]]
    with pytest.raises(IndexError):
        draws[10]


@pytest.mark.parametrize("n, most", [(0, 4), (1, 4), (4, 4), (5, 4), (103, 8)])
def test_even_spans_cover_everything_once_in_pieces_of_nearly_one_size(n: int, most: int) -> None:
    spans = even_spans(n, most)
    assert [number for a, b in spans for number in range(a, b)] == list(range(n))
    sizes = {b - a for a, b in spans}
    assert len(spans) == -(-n // most)
    assert not sizes or (max(sizes) <= most and max(sizes) - min(sizes) <= 1)


def test_numbers_are_those_of_the_draws() -> None:
    order = Order(7, 0, 3, None, [5, 1, 4, 2, 2, 9, 1])
    for first, last in ((0, 7), (3, 9), (6, 23), (7, 14), (5, 5)):
        assert order.numbers(first, last).tolist() == [draw.number for draw in order.draws(first, last)]
