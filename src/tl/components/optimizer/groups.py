"""The optimizer's parameter groups: by part, and by whether weight decay applies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def groups(parts: Mapping[str, nn.Module], rates: Mapping[str, float], weight_decay: float) -> list[dict[str, Any]]:
    """One or two optimizer groups for each part: parameters with weight decay, and those without.

    Biases and norms, which have fewer than two dimensions, have no weight decay. Every parameter is in exactly one
    group; a parameter that several parts share is in the group of the first part. Frozen parameters are in groups too:
    an optimizer does not change a parameter without a gradient. The keys of a group are params, lr, peak_lr,
    weight_decay, decays and part.
    """
    return list(_groups(parts, rates, weight_decay))


def _groups(
    parts: Mapping[str, nn.Module], rates: Mapping[str, float], weight_decay: float
) -> Iterator[dict[str, Any]]:
    seen: set[int] = set()
    for part, module in parts.items():
        fresh = [parameter for parameter in module.parameters() if id(parameter) not in seen]
        seen.update(map(id, fresh))
        for decays in (True, False):
            params = [parameter for parameter in fresh if (parameter.ndim > 1) == decays]
            if params:
                yield {
                    "params": params,
                    "lr": rates[part],
                    "peak_lr": rates[part],
                    "weight_decay": weight_decay if decays else 0.0,
                    "decays": decays,
                    "part": part,
                }
