"""Batch norms with fixed statistics, computed within the convolution before them.

Such a norm maps each channel affinely, so it can scale the kernels instead of the feature maps (Jacob et al. 2018,
section 3.2): no pass over the maps forward or backward, and none of them kept for it. Its weight and bias learn as
before, their gradients come through the kernels. A norm in training mode works as ever.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from torch import Tensor, nn


def fold(net: nn.Module) -> None:
    """Let every convolution that is followed by a batch norm do its work, while that norm is in eval mode."""
    for module in net.modules():
        for convolution, norm in pairwise(module.children()):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                # Attributes of the instances: names of tensors stay those of the published weights.
                convolution.forward = partial(_convolved, convolution, norm)  # type: ignore[method-assign]
                norm.forward = partial(_normed, norm)  # type: ignore[method-assign]


def _convolved(convolution: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    weight, bias = convolution.weight, convolution.bias
    if not norm.training:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale_c = norm.weight * (norm.running_var + norm.eps).rsqrt()
        shift_c = norm.running_mean if bias is None else norm.running_mean - bias
        weight, bias = weight * scale_c[:, None, None, None], norm.bias - shift_c * scale_c
    maps: Tensor = convolution._conv_forward(x, weight, bias)
    return maps


def _normed(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    return nn.BatchNorm2d.forward(norm, x) if norm.training else x
