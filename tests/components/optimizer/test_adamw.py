"""AdamW against values computed by hand."""

from __future__ import annotations

import math

import pytest

from .samples import one_weight


def test_decay_is_decoupled_from_the_gradient() -> None:
    # after bias correction the first step of Adam is lr * sign(gradient)
    (value,) = one_weight("adamw", 2.0, [0.3], lr=0.1, weight_decay=0.5, eps=1e-12)
    assert value == pytest.approx(2.0 * (1 - 0.1 * 0.5) - 0.1)


def test_the_second_step_by_hand() -> None:
    _, value = one_weight("adamw", 1.0, [1.0, 3.0], lr=0.1, weight_decay=0.0, betas=[0.5, 0.75], eps=1e-12)
    m, v = (0.5 * 0.5 * 1 + 0.5 * 3) / (1 - 0.5**2), (0.75 * 0.25 * 1 + 0.25 * 9) / (1 - 0.75**2)
    assert value == pytest.approx(1.0 - 0.1 - 0.1 * m / math.sqrt(v))
