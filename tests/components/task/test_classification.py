"""Targets that are one class."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.built import option
from tests.components.data.listed import row
from tests.tasks import outcome_of, task_of, usual_task
from tl.components.sample import Samples
from tl.components.task.pooled import Pooled
from tl.errors import TLError
from tl.space import Space

SPACE = Space("single", ("a", "b", "c"))


def test_a_class_is_its_number_and_an_unknown_one_is_minus_one() -> None:
    assert task_of(SPACE).targets(Samples.of([row(1, "c"), row(2, None), row(3, "a")])).tolist() == [2, -1, 0]


def test_one_class_alone_cannot_be_told_apart() -> None:
    with pytest.raises(TLError, match=r"a single class \('a'\): at least two are needed"):
        usual_task("single").check_enough(["a"])


def test_the_loss_is_the_cross_entropy_with_the_tasks_smoothing() -> None:
    task = task_of(SPACE, label_smoothing=0.3)
    head = option("head", "linear", {"dim_in": 2, "space": SPACE}, init="random")
    head.options = task.options
    output, target = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, -1.0]]), torch.tensor([0, 2])
    wanted = cross_entropy(output, target, label_smoothing=0.3)
    torch.testing.assert_close(task.loss(head, output, target), {"task": wanted})


def test_the_answer_is_the_most_probable_class() -> None:
    task = task_of(SPACE)
    assert isinstance(task, Pooled)
    assert task.decide(np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])).tolist() == [1, 0]


def test_a_class_that_all_samples_are_answered_with_is_told() -> None:
    one, several = outcome_of(SPACE, np.eye(3)[[1, 1]], [0, 1]), outcome_of(SPACE, np.eye(3)[[1, 2]], [0, 1])
    assert [found.task.lone_answer(found.found) for found in (one, several)] == ["b", ""]
    alone = outcome_of(SPACE, np.eye(3)[[1, 1]], [1, 1])
    assert alone.task.lone_answer(alone.found) == ""
