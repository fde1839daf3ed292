"""AdamW against values computed by hand."""

from __future__ import annotations

import math

import pytest

from tl.errors import TLError

from .samples import one_weight, rule_of


def test_decay_is_decoupled_from_the_gradient() -> None:
    # after bias correction the first step of Adam is lr * sign(gradient)
    (value,) = one_weight("adamw", 2.0, [0.3], lr=0.1, weight_decay=0.5, eps=1e-12)
    assert value == pytest.approx(2.0 * (1 - 0.1 * 0.5) - 0.1)


def test_the_second_step_by_hand() -> None:
    _, value = one_weight("adamw", 1.0, [1.0, 3.0], lr=0.1, weight_decay=0.0, betas=[0.5, 0.75], eps=1e-12)
    m, v = (0.5 * 0.5 * 1 + 0.5 * 3) / (1 - 0.5**2), (0.75 * 0.25 * 1 + 0.25 * 9) / (1 - 0.75**2)
    assert value == pytest.approx(1.0 - 0.1 - 0.1 * m / math.sqrt(v))


@pytest.mark.parametrize("betas", [[0.9], [0.9, 0.99, 0.999], [0.9, 1.0], [-0.1, 0.9]])
def test_it_refuses_betas_that_are_not_two_numbers_below_1(betas: list[float]) -> None:
    with pytest.raises(TLError, match=r"optimizer\.betas: .* must be two numbers from 0 to below 1"):
        rule_of("adamw", betas=betas)
