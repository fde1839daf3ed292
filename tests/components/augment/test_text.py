from __future__ import annotations

from collections import Counter

import pytest
import torch

from tl.rng import seeded

from .samples import TEXT, TEXTS, option

NUMBERED = " ".join(map(str, range(10_000)))


def test_word_dropout_keeps_words_as_often_as_it_says() -> None:
    with seeded(0):
        kept = option("text", word_dropout=0.3).sample(NUMBERED, TEXTS).split()
    # Binomial(10000, 0.7): mean 7000, standard deviation sqrt(10000 * 0.7 * 0.3) = 45.8
    assert abs(len(kept) - 7000) < 4 * 45.8
    assert [int(word) for word in kept] == sorted(int(word) for word in kept)
    assert len(set(kept)) == len(kept)


def test_swap_trades_neighbours_as_often_as_it_says_and_keeps_every_word() -> None:
    with seeded(0):
        swapped = option("text", word_dropout=0.0, swap=0.2).sample(NUMBERED, TEXTS).split()
    assert Counter(swapped) == Counter(NUMBERED.split())
    moves = [int(word) - place for place, word in enumerate(swapped)]
    assert set(moves) == {-1, 0, 1}
    assert all(moves[i + 1] == -1 for i, move in enumerate(moves) if move == 1)
    # A renewal process: a cycle of 1 + Bernoulli(p) words holds Bernoulli(p) swaps, so n words hold n p / (1 + p) swaps
    # with variance n p (1 - p) / (1 + p)^3, here 926.
    assert abs(sum(move == 1 for move in moves) - 10_000 * 0.2 / 1.2) < 4 * 926**0.5


def test_swap_with_certainty_trades_each_pair_once() -> None:
    assert option("text", word_dropout=0.0, swap=1.0).sample("a b c d e", TEXTS) == "b a d c e"


@pytest.mark.parametrize("text", ["word", "two words", TEXT])
def test_one_word_always_stays(text: str) -> None:
    augment = option("text", word_dropout=1.0)
    survivors = set()
    for seed in range(40):
        with seeded(seed):
            survivors.add(augment.sample(text, TEXTS))
    assert survivors <= set(text.split())
    assert len(survivors) > 1 or text == "word"


def test_white_space_between_words_that_stay_is_kept() -> None:
    augment = option("text", word_dropout=0.0, swap=1.0)
    assert augment.sample("  one\n\ntwo\tthree  four ", TEXTS) == "two\n\none\tfour  three"


@pytest.mark.parametrize("text", ["", "   "])
def test_a_text_without_words_stays_empty(text: str) -> None:
    assert option("text", word_dropout=0.9, swap=0.9).sample(text, TEXTS) == ""


def test_each_text_of_a_pair_loses_different_words() -> None:
    with seeded(1):
        pair = option("text", word_dropout=0.5).sample((TEXT, TEXT.upper()), TEXTS)
    first, second = pair
    assert isinstance(pair, tuple)
    assert set(first.split()) < set(TEXT.split())
    assert set(second.split()) < set(TEXT.upper().split())
    assert first != second.lower()


def test_switched_off_it_changes_nothing_and_draws_nothing() -> None:
    augment = option("text", word_dropout=0.0, swap=0.0)
    state = torch.get_rng_state()
    assert augment.sample(("  a  b ", ""), TEXTS) == ("  a  b ", "")
    assert augment.deterministic
    assert torch.equal(torch.get_rng_state(), state)
