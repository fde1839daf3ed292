from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from tl.components.backbone.efficientnet_lite0 import SameConv2d
from tl.components.backbone.folding import fold, unfold


def _net(*, bias: bool) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 1, bias=bias), nn.BatchNorm2d(6)
    )
    for norm in (net[1], net[4]):
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return net


def _results(net: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """The output, every gradient and every buffer after a backward pass."""
    x = x.clone().requires_grad_()
    y = net(x)
    y.square().sum().backward()
    assert x.grad is not None
    gradients = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    return {"y": y.detach(), "x": x.grad, **gradients, **{f"{n} after": b for n, b in net.named_buffers()}}


@pytest.mark.parametrize("bias", [False, True])
def test_outputs_and_gradients_are_those_of_the_norm_itself(bias: bool) -> None:
    folded, plain = _net(bias=bias).double(), _net(bias=bias).double()
    fold(folded)
    torch.testing.assert_close(
        _results(folded.eval(), (x := torch.randn(2, 3, 8, 8).double())), _results(plain.eval(), x)
    )


def test_a_norm_in_training_mode_works_as_ever() -> None:
    folded, plain = _net(bias=True), _net(bias=True)
    fold(folded)
    x = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(_results(folded.train(), x), _results(plain.train(), x), rtol=0, atol=0)


def test_each_norm_decides_for_itself() -> None:
    folded, plain = _net(bias=False).double(), _net(bias=False).double()
    fold(folded)
    folded[1].eval()
    plain[1].eval()
    x = torch.randn(4, 3, 8, 8).double()
    torch.testing.assert_close(_results(folded, x), _results(plain, x))


def test_a_copy_folds_its_own_norms() -> None:
    net = _net(bias=False).eval()
    fold(net)
    x = torch.randn(1, 3, 8, 8)
    before = net(x)
    copied = copy.deepcopy(net)
    with torch.no_grad():
        copied[4].weight.zero_()
    torch.testing.assert_close(net(x), before, rtol=0, atol=0)
    torch.testing.assert_close(copied(x), copied[4].bias[:, None, None].expand_as(before), rtol=0, atol=0)


def test_the_tensors_keep_their_names() -> None:
    net = _net(bias=False)
    names = list(net.state_dict())
    fold(net)
    assert list(net.state_dict()) == names


def test_what_is_folded_is_seen() -> None:
    net = _net(bias=False)
    fold(net)
    assert str(net).count("FoldedConv2d(") == str(net).count("FoldedBatchNorm2d(") == 2


def test_unfolding_gives_the_network_back() -> None:
    net = _net(bias=True)
    types = [type(module) for module in net.modules()]
    fold(net)
    copied = copy.deepcopy(net)
    for one in (net, copied):
        plain = _net(bias=True)
        unfold(one)
        assert [type(module) for module in one.modules()] == types
        assert "norm_after" not in vars(one[0])
        assert list(one.state_dict()) == list(plain.state_dict())
        x = torch.randn(2, 3, 8, 8)
        for mode in (True, False):
            torch.testing.assert_close(_results(one.train(mode), x), _results(plain.train(mode), x), rtol=0, atol=0)
            one.zero_grad()
            plain.zero_grad()


def test_a_convolution_keeps_its_own_padding() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(SameConv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4)).eval()
    x = torch.randn(1, 3, 7, 9)
    before = net(x)
    fold(net)
    assert type(net[0]).__name__ == "FoldedSameConv2d"
    torch.testing.assert_close(net(x), before)
