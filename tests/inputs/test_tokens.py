"""Tokens of many texts in arrays: those that the tokenizer gives for each text alone."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from tests.conftest import TEXT
from tl.components.preprocess import TextPreprocess
from tl.inputs import tokens as arrays
from tl.inputs.tokens import Text, tokens_of


@pytest.fixture(scope="module")
def preprocess() -> TextPreprocess:
    from tl.commands.assemble import assemble
    from tl.recipe.recipe import load

    found = assemble(load("base", [*TEXT, "data.n=30", "backbone.max_length=12"])).model.backbone.preprocess
    assert isinstance(found, TextPreprocess)
    return found


def sentences(n: int) -> list[str]:
    rng = random.Random(n)
    return [
        " ".join(rng.choices(["tea", "coffee", "soup", "größe", "漢字", ""], k=rng.randint(0, 14))) for _ in range(n)
    ]


@pytest.mark.parametrize("pairs", [False, True])
def test_each_text_has_the_tokens_that_it_has_alone(
    pairs: bool, preprocess: TextPreprocess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_AT_ONCE", 7)  # several pieces, the last one not full
    first, second = sentences(40), sentences(41)
    texts: list[Text] = [*zip(first, second, strict=False)] if pairs else [*first]
    found, alone = tokens_of(preprocess, iter(texts)), [preprocess.ids(text) for text in texts]
    assert [tuple(one.tolist() for one in found.of(i)) for i in range(len(texts))] == alone
    assert found.lengths == tuple(len(ids) for ids, _ in alone)
    assert found.cut == preprocess.all_ids(texts)[1] > 0
    assert (found.segments is None) == (not any(any(segments) for _, segments in alone))
    assert all(one.dtype == torch.int64 for one in found.of(0)), "as the embedding takes them"
    least = min(found.lengths)
    assert (found.first_below(least), found.first_below(least + 1)) == (None, found.lengths.index(least))


def test_no_text_has_no_tokens(preprocess: TextPreprocess) -> None:
    found = tokens_of(preprocess, ())
    assert (found.lengths, found.cut, found.first_below(1)) == ((), 0, None)


def test_a_token_takes_five_bytes_at_most(preprocess: TextPreprocess) -> None:
    found = tokens_of(preprocess, sentences(300))
    held = [found.ids, found.ends, *([] if found.segments is None else [found.segments])]
    assert sum(np.asarray(one).nbytes for one in held) <= 5 * sum(found.lengths) + 8 * 301
