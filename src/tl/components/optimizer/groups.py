"""Parameters by part, and by whether decay applies to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def groups(parts: Mapping[str, nn.Module], rates: Mapping[str, float], weight_decay: float) -> list[dict[str, Any]]:
    """One or two optimizer groups per part: what decays, and what does not (biases, norms: fewer than two dimensions).

    Every parameter is in exactly one group; the first part keeps one that several parts share. Frozen ones are in too:
    without a gradient an optimizer leaves them be. A group carries params, lr, peak_lr, weight_decay, decays and part.
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
