"""Targets that are numbers."""

from __future__ import annotations

import pytest

from tests.components.data.listed import row
from tests.tasks import task_of
from tl.components.sample import Samples
from tl.errors import TLError
from tl.space import Space


def test_numbers_stay_in_their_unit_and_unknown_ones_are_zero() -> None:
    task = task_of(Space("number", ("u", "v"), (1.0, 2.0), (1.0, 1.0)))
    assert task.targets(Samples.of([row(1, (2.5, 1e12)), row(2, None)])).tolist() == [[2.5, 1e12], [0.0, 0.0]]
    assert task.targets(Samples.of([row(1, None)])).tolist() == [[0.0, 0.0]]


def test_numbers_have_no_classes_to_choose() -> None:
    with pytest.raises(TLError, match=r"data\.classes chooses classes, but the targets here are numbers"):
        task_of(Space("number", ("u",), (0.0,), (1.0,))).choose(Samples.of([row(1, (2.5,))]), ["a"])
