"""Targets that are labels, each on or off."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from tests.built import option
from tests.components.data.listed import row
from tests.tasks import task_of
from tl.components.sample import Samples
from tl.components.task.pooled import Pooled
from tl.errors import TLError
from tl.space import Space

SPACE = Space("multi", ("a", "b", "c"))


def test_each_label_is_on_or_off() -> None:
    samples = Samples.of([row(1, ("c", "a")), row(2, ()), row(3, None)])
    assert task_of(SPACE).targets(samples).tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_a_label_that_was_not_learnt_is_refused() -> None:
    with pytest.raises(TLError, match=r"The class 'd' is none that was learnt"):
        task_of(SPACE).targets(Samples.of([row(1, ("a", "d"))]))


def test_the_loss_is_the_binary_cross_entropy_with_the_tasks_smoothing() -> None:
    task = task_of(SPACE, label_smoothing=0.2)
    head = option("head", "linear", {"dim_in": 2, "space": SPACE}, init="random")
    head.options = task.options
    output, target = torch.tensor([[2.0, -1.0, 0.5]]), torch.tensor([[1.0, 0.0, 1.0]])
    wanted = binary_cross_entropy_with_logits(output, 0.8 * target + 0.1)
    torch.testing.assert_close(task.loss(head, output, target), {"task": wanted})


def test_labels_are_on_from_a_half_on() -> None:
    task = task_of(SPACE)
    assert isinstance(task, Pooled)
    assert task.decide(np.array([[0.5, 0.49, 0.0], [0.51, 0.55, 1.0]])).tolist() == [[1, 0, 0], [1, 1, 1]]
