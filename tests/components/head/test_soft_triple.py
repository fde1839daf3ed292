"""Several centres per class, against cosines computed by hand."""

from __future__ import annotations

import math

import torch

from tests.built import option
from tl.components.head.soft_triple import SoftTriple
from tl.space import Space

SPACE = Space("single", ("a", "b"))


def head(**changes: object) -> SoftTriple:
    built: SoftTriple = option(
        "head", "soft_triple", {"dim_in": 2, "space": SPACE}, **{"standardize": False, **changes}
    )
    return built


def test_one_centre_is_a_scaled_cosine() -> None:
    one = head(centres=1, scale=10.0)
    with torch.no_grad():
        one.centres.copy_(torch.tensor([[[3.0, 0.0]], [[0.0, 0.5]]]))
    angle = torch.tensor([[math.cos(0.3), math.sin(0.3)]]) * 7
    torch.testing.assert_close(one(angle), torch.tensor([[10 * math.cos(0.3), 10 * math.sin(0.3)]]))


def test_the_nearest_centre_decides_when_gamma_is_small() -> None:
    hard = head(centres=2, scale=1.0, gamma=1e-3)
    with torch.no_grad():
        hard.centres.copy_(torch.tensor([[[1.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]]]))
    torch.testing.assert_close(hard(torch.tensor([[-2.0, 0.1]])).argmax(-1), torch.tensor([0]))
    torch.testing.assert_close(hard(torch.tensor([[-1.0, 0.0]])), torch.tensor([[1.0, 0.0]]))


def test_a_soft_choice_is_the_softmax_weighted_mean() -> None:
    soft = head(centres=2, scale=2.0, gamma=0.5)
    with torch.no_grad():
        soft.centres.copy_(torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, -1.0]]]))
    near, far = math.exp(1 / 0.5), math.exp(0.0)
    expected = torch.tensor([[2 * near / (near + far), -2 / (1 + math.exp(1 / 0.5))]])
    torch.testing.assert_close(soft(torch.tensor([[5.0, 0.0]])), expected)
