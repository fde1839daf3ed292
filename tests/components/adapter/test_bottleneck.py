from __future__ import annotations

import torch
from torch import nn

from tests.built import option


def test_it_adds_a_narrow_network_by_hand() -> None:
    adapter = option("adapter", "bottleneck", {"dim": 4}, width=3, activation="relu")
    torch.manual_seed(1)
    for parameter in adapter.parameters():
        nn.init.normal_(parameter)
    down, down_bias, up, up_bias = (parameter.detach() for parameter in adapter.parameters())
    x = torch.randn(5, 4)
    by_hand = x + (x @ down.T + down_bias).clamp(min=0) @ up.T + up_bias
    torch.testing.assert_close(adapter(x), by_hand)


def test_its_parameters_are_counted_by_hand() -> None:
    adapter = option("adapter", "bottleneck", {"dim": 10}, width=3)
    assert sum(parameter.numel() for parameter in adapter.parameters()) == (10 * 3 + 3) + (3 * 10 + 10)
