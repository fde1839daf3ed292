"""Folding: a convolution computes the batch norm that follows it, while that norm is in eval mode.

A batch norm with fixed statistics maps each channel affinely, so it can scale the kernels of the convolution instead of
the feature maps (Jacob et al. 2018, section 3.2): no pass over the maps forward or backward, and no maps kept for it.
The norm's weight and bias learn as before; their gradients come through the kernels. A norm in training mode works as
usual.

`fold` changes the classes of the two modules of each pair, and `print(net)` shows the new classes. Parameters, buffers
and their names stay as they are. `unfold` gives the modules their own classes back: call it before an export, and
before layers of a folded network are replaced.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn


class FoldedConv2d(nn.Conv2d):
    """A convolution that computes `norm_after` too, while that batch norm is in eval mode.

    The norm stands in a tuple, because PyTorch would register a bare module as a child of the convolution.
    """

    unfolded: ClassVar[type[nn.Conv2d]] = nn.Conv2d
    norm_after: tuple[FoldedBatchNorm2d]

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

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle names the class before folding, because a class that `_folded_class` made is in no module."""
        return _empty, (self.unfolded,), self.__getstate__()  # type: ignore[no-untyped-call]


class FoldedBatchNorm2d(nn.BatchNorm2d):
    """A batch norm that passes feature maps unchanged in eval mode: `convolution_before` has normalised them."""

    convolution_before: tuple[FoldedConv2d]

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if self.training else x


_FOLDED: dict[type[nn.Module], type[nn.Module]] = {nn.Conv2d: FoldedConv2d}


def fold(net: nn.Module) -> None:
    """Fold each batch norm into the convolution that is registered just before it in the same module."""
    for module in net.modules():
        for convolution, norm in pairwise(module.children()):
            if _foldable(convolution) and type(norm) is nn.BatchNorm2d and norm.affine and norm.track_running_stats:
                convolution.__class__ = _folded_class(type(convolution))
                norm.__class__ = FoldedBatchNorm2d
                convolution.norm_after = (norm,)  # type: ignore[assignment]
                norm.convolution_before = (convolution,)  # type: ignore[assignment]


def unfold(net: nn.Module) -> None:
    """Undo `fold`: every module has the class that it had before."""
    for module in net.modules():
        if isinstance(module, FoldedConv2d):
            _separate(module, *module.norm_after)
        elif isinstance(module, FoldedBatchNorm2d):
            _separate(*module.convolution_before, module)


def _foldable(module: nn.Module) -> bool:
    """True for a convolution with PyTorch's own `forward`; a subclass may say in `_conv_forward` how it pads."""
    return isinstance(module, nn.Conv2d) and type(module).forward is nn.Conv2d.forward


def _folded_class(unfolded: type[nn.Module]) -> type[nn.Module]:
    """FoldedConv2d; for a subclass of Conv2d a class that inherits from both, such as FoldedSameConv2d."""
    if unfolded not in _FOLDED:
        names = {"unfolded": unfolded, "__module__": unfolded.__module__}
        _FOLDED[unfolded] = type(f"Folded{unfolded.__name__}", (FoldedConv2d, unfolded), names)
    return _FOLDED[unfolded]


def _empty(unfolded: type[nn.Module]) -> nn.Module:
    """A folded convolution without attributes, which pickle fills."""
    folded = _folded_class(unfolded)
    return folded.__new__(folded)


def _separate(convolution: FoldedConv2d, norm: FoldedBatchNorm2d) -> None:
    del convolution.norm_after, norm.convolution_before
    convolution.__class__ = convolution.unfolded  # type: ignore[assignment]
    norm.__class__ = nn.BatchNorm2d  # type: ignore[assignment]
