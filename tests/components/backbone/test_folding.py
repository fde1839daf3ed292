from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tl.components.backbone.efficientnet_lite0 import SameConv2d
from tl.components.backbone.folding import FoldedBatchNorm2d, FoldedConv2d, fold, unfold


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
        assert "convolution_before" not in vars(one[1])
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


class _Scaled(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(2 * x)


def _same_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(SameConv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))


def _pairs(net: nn.Module) -> list[tuple[nn.Module, nn.Module]]:
    return [(module, *module.norm_after) for module in net.modules() if isinstance(module, FoldedConv2d)]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_partners_are_those_of_the_same_network(copied: Callable[[nn.Module], nn.Module]) -> None:
    net = _same_net()
    fold(net)
    other = copied(net)
    assert isinstance(other, nn.Sequential)
    assert [type(module) for module in other.modules()] == [type(module) for module in net.modules()]
    assert _pairs(other) == [(other[0], other[1]), (other[2], other[3])]
    assert all(norm.convolution_before == (convolution,) for convolution, norm in _pairs(other))
    x = torch.randn(2, 3, 7, 9)
    for mode in (True, False):
        torch.testing.assert_close(_results(other.train(mode), x), _results(net.train(mode), x), rtol=0, atol=0)


def test_partners_are_no_submodules() -> None:
    net = _same_net()
    modules = list(net.named_modules())
    fold(net)
    assert list(net.named_modules()) == modules


def test_folding_twice_is_folding_once() -> None:
    net = _same_net()
    fold(net)
    before = str(net)
    fold(net)
    assert str(net) == before
    unfold(net)
    assert str(net) == str(_same_net())


def test_unfolding_one_partner_unfolds_the_other() -> None:
    net = _same_net()
    fold(net)
    unfold(net[1])
    unfold(net[2])
    assert str(net) == str(_same_net())


@pytest.mark.parametrize(
    "pair",
    [
        (_Scaled(3, 4, 1), nn.BatchNorm2d(4)),
        (nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False)),
        (nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)),
        (nn.Conv2d(3, 4, 1), nn.InstanceNorm2d(4)),
    ],
    ids=["a forward of its own", "no weight", "no statistics", "another norm"],
)
def test_what_cannot_be_folded_stays_as_it_is(pair: tuple[nn.Module, nn.Module]) -> None:
    net = nn.Sequential(*pair)
    before = [type(module) for module in net.modules()]
    fold(net)
    assert [type(module) for module in net.modules()] == before
    net.eval()(torch.randn(2, 3, 4, 4))


def test_a_folded_module_is_what_it_was_before_too() -> None:
    net = _same_net()
    fold(net)
    assert isinstance(net[0], SameConv2d)
    assert isinstance(net[1], FoldedBatchNorm2d)
    assert isinstance(net[1], nn.BatchNorm2d)
    assert type(net[2]) is FoldedConv2d
