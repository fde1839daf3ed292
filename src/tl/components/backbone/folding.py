"""Folding: a convolution computes the batch norm that follows it, while that norm is in eval mode.

A batch norm with fixed statistics maps each channel affinely, so it can scale the kernels of the convolution instead of
the feature maps (Jacob et al. 2018, section 3.2): no pass over the maps forward or backward, and no maps kept for it.
The norm's weight and bias learn as before; their gradients come through the kernels. A norm in training mode works as
usual.

`fold` gives the modules of each pair other classes, so `print(net)` shows `FoldedConv2d` and `FoldedBatchNorm2d`; names
and tensors stay. `unfold` gives the modules their own classes back, for export or for code that replaces layers.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

_FOLDED: dict[type[nn.Module], type[nn.Module]] = {}


class FoldingConvolution(nn.Conv2d):
    """Mixed into a convolution's own class, which still says how the convolution pads (`_conv_forward`)."""

    unfolded: ClassVar[type[nn.Module]]
    norm_after: tuple[nn.BatchNorm2d]
    """The norm that is folded in; in a tuple, so that the norm is no submodule of the convolution too."""

    def forward(self, x: Tensor) -> Tensor:
        (norm,) = self.norm_after
        weight, bias = self.weight, self.bias
        if not norm.training:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            scale_c = norm.weight * (norm.running_var + norm.eps).rsqrt()
            shift_c = norm.running_mean if bias is None else norm.running_mean - bias
            weight, bias = weight * scale_c[:, None, None, None], norm.bias - shift_c * scale_c
        maps: Tensor = self._conv_forward(x, weight, bias)
        return maps


class FoldedNorm(nn.BatchNorm2d):
    """Mixed into a batch norm's own class: in eval mode the convolution before has done the norm's work."""

    unfolded: ClassVar[type[nn.Module]]

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if self.training else x


def fold(net: nn.Module) -> None:
    """Fold every batch norm into the convolution that is the child before it."""
    for module in net.modules():
        for convolution, norm in pairwise(module.children()):
            new = not isinstance(convolution, FoldingConvolution)
            if new and isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                convolution.__class__ = _folded(FoldingConvolution, type(convolution))  # type: ignore[assignment]
                norm.__class__ = _folded(FoldedNorm, type(norm))  # type: ignore[assignment]
                vars(convolution)["norm_after"] = (norm,)


def unfold(net: nn.Module) -> None:
    """Undo `fold`: every module has the class that it had before."""
    for module in net.modules():
        if isinstance(module, FoldingConvolution):
            del module.norm_after
        if isinstance(module, FoldingConvolution | FoldedNorm):
            module.__class__ = module.unfolded  # type: ignore[assignment]


def _folded(mixin: type[nn.Module], own: type[nn.Module]) -> type[nn.Module]:
    """A module's own class with the mixin before it: FoldedConv2d for Conv2d."""
    if own not in _FOLDED:
        _FOLDED[own] = type(f"Folded{own.__name__}", (mixin, own), {"unfolded": own, "__module__": __name__})
    return _FOLDED[own]
