"""The moving average of a model, against its recurrence by hand."""

from __future__ import annotations

import pytest
import torch

from tests.conftest import IMAGE
from tl.commands.assemble import assemble
from tl.components.model import Model, averaged
from tl.recipe.recipe import load


def model() -> Model:
    return assemble(load("base", [*IMAGE, "backbone.weights=none", "loop.batch_norm=update"])).model


@pytest.mark.parametrize("decay", [0.999, 0.15])
def test_the_average_of_weights_and_buffers_follows_its_recurrence(decay: float) -> None:
    one = model()
    average = averaged(one, decay)
    weight = next(one.head.parameters())
    buffer = next(b for name, b in one.named_buffers() if name.endswith("running_mean"))
    counter = next(b for name, b in one.named_buffers() if name.endswith("num_batches_tracked"))
    names = {id(value): name for name, value in [*one.named_parameters(), *one.named_buffers()]}
    expected = 0.0
    for update, value in enumerate([2.0, -1.0, 5.0, 4.0]):
        with torch.no_grad():
            weight.fill_(value)
            buffer.fill_(value)
            counter.fill_(update + 7)
        average.update_parameters(one)
        now = 0.0 if update == 0 else min(decay, (1 + update) / (10 + update))
        expected = now * expected + (1 - now) * value
        state = average.module.state_dict()
        for tensor in (weight, buffer):
            assert state[names[id(tensor)]].flatten()[0].item() == pytest.approx(expected, rel=1e-6)
        assert state[names[id(counter)]].item() == update + 7


def test_what_does_not_change_is_bit_equal_in_the_average() -> None:
    one = model()
    average = averaged(one, 0.99)
    for _ in range(5):
        average.update_parameters(one)
    assert all(torch.equal(value, average.module.state_dict()[name]) for name, value in one.state_dict().items())
