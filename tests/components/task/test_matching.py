"""Which texts belong together: what the task takes, its loss, and what it says of its answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.built import option
from tests.components.head.samples import head_of
from tl.components.sample import Sample, Samples, Together
from tl.components.task.matching import Matching
from tl.errors import TLError

QUESTIONS = [("how warm is it", "20 degrees"), ("how cold is it", "3 degrees"), ("what time is it", "noon")]


def pairs(*texts: tuple[str, str]) -> Samples:
    return Samples.of([Sample(f"s{i}", pair, Together(), f"p.csv:{i}") for i, pair in enumerate(texts)])


def task(temperature: float = 0.5) -> Matching:
    made = option("task", "matching", temperature=temperature)
    assert isinstance(made, Matching)
    made.fit(made.classes({}, (), []), pairs(*QUESTIONS), {})  # type: ignore[typeddict-item]
    return made


def test_equal_texts_have_equal_numbers_wherever_they_stand() -> None:
    made = task()
    keys = made.targets(pairs(*QUESTIONS, ("how warm is it", "noon")))
    assert keys.shape == (4, 2)
    assert keys[3].tolist() == [keys[0, 0], keys[2, 1]]
    assert len({*keys.ravel().tolist()}) == 6
    assert (made.targets(pairs(QUESTIONS[2])) == keys[2]).all()
    single = Samples.of([Sample("s", "noon", None, "")])
    assert made.targets(single).tolist() == [[keys[2, 1]] * 2]


def test_the_loss_is_written_out() -> None:
    """The cross entropy of each own second half among those of the batch that are no partner of the first half."""
    made, head = task(0.5), head_of("embedding", "embedding")
    x = torch.randn(4, 2, 6, generator=torch.Generator().manual_seed(0))
    keys = torch.from_numpy(made.targets(pairs(*QUESTIONS, ("how warm is it", "noon"))))
    wrong = {0: [1, 2], 1: [0, 2, 3], 2: [0, 1], 3: [1]}  # 0 and 3 ask the same, 2 and 3 have one answer
    terms = []
    for i, others in wrong.items():
        cosines = [float(torch.cosine_similarity(x[i, 0], x[j, 1], 0)) / 0.5 for j in (i, *others)]
        terms.append(math.log(sum(map(math.exp, cosines))) - cosines[0])
    found = made.loss(head, head(x), keys)["task"]
    assert float(found.detach()) == pytest.approx(sum(terms) / 4, rel=1e-5)


def test_a_text_that_is_first_in_one_pair_and_second_in_another_is_not_wrong_for_itself() -> None:
    made, head = task(), head_of("embedding", "embedding")
    x = torch.randn(2, 2, 6, generator=torch.Generator().manual_seed(0))
    chain = torch.from_numpy(made.targets(pairs(("tea", "coffee"), ("coffee", "cocoa"))))
    alone, other = (math.log1p(math.exp(d)) for d in _differences(x, made.temperature))
    found = made.loss(head, head(x), chain)["task"]
    assert float(found.detach()) == pytest.approx(alone / 2, rel=1e-5)  # the second finds itself in the first pair
    free = torch.from_numpy(made.targets(pairs(("tea", "coffee"), ("rum", "cocoa"))))
    assert float(made.loss(head, head(x), free)["task"].detach()) == pytest.approx((alone + other) / 2, rel=1e-5)


def _differences(x: torch.Tensor, temperature: float) -> list[float]:
    """How much nearer the other pair's second half is than the own one, for both pairs."""
    cosines = torch.cosine_similarity(x[:, None, 0], x[None, :, 1], dim=-1) / temperature
    return [float(cosines[i, 1 - i] - cosines[i, i]) for i in range(2)]


def test_repeated_halves_of_a_whole_batch_teach_nothing_and_break_nothing() -> None:
    made, head = task(), head_of("embedding", "embedding")
    keys = torch.from_numpy(made.targets(pairs(*[("how warm is it", f"{i}") for i in range(4)])))
    loss = made.loss(head, head(torch.randn(4, 2, 6)), keys)["task"]
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in head.parameters())


def test_a_table_names_the_nearest_and_the_rank_of_its_own() -> None:
    made, head, samples = task(), head_of("embedding", "embedding"), pairs(*QUESTIONS)
    x = torch.zeros(3, 2, 6)
    x[0, :, 0], x[1, 0, 1], x[1, 1, 2], x[2, 0, 1], x[2, 1, 1] = 1.0, 2.0, 1.0, 1.0, 1.0
    kept = made.keep(head, x, torch.from_numpy(made.targets(samples)), samples)
    found = made.measured(head, kept)
    header, rows = made.table(samples, kept, found, 1000)
    assert header == ["id", "predicted", "rank", "cosine"]
    assert rows == [["s0", "s0", 1.0, 1.0], ["s1", "s2", pytest.approx(2.5), 0.0], ["s2", "s2", 1.0, 1.0]]
    assert [one["predicted"] for one in made.answers(samples, kept, found)] == [[1.0], [0.0], [1.0]]
    assert len(made.measured(head, made.nothing(head))) == 0
    assert np.isnan(made.measured(head, made.nothing(head)).statistics()["recall_at_1"](np.ones((1, 0)))).all()


def test_pairs_have_no_classes_to_choose() -> None:
    with pytest.raises(TLError, match=r"set data\.classes=null"):
        task().choose(pairs(*QUESTIONS), ["a"])
