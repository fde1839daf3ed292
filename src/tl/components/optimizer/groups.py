"""The optimizer's parameter groups: by part, and by whether weight decay applies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

_POSITIONS = re.compile(r"(?:^|[._])(?:pos|positions?|positional|rel|relative)(?:[._]|$)")


def groups(parts: Mapping[str, nn.Module], rates: Mapping[str, float], weight_decay: float) -> list[dict[str, Any]]:
    """One or two optimizer groups for each part: parameters with weight decay, and those without.

    Matrices and kernels have weight decay. Every parameter is in exactly one group; a parameter that several parts
    share is in the group of the first part. Frozen parameters are in groups too: an optimizer does not change a
    parameter without a gradient. The keys of a group are params, lr, peak_lr, weight_decay, decays, part and places:
    where in the part's order of parameters those of the group stand.
    """
    return list(_groups(parts, rates, weight_decay))


def _groups(
    parts: Mapping[str, nn.Module], rates: Mapping[str, float], weight_decay: float
) -> Iterator[dict[str, Any]]:
    seen: set[int] = set()
    for part, module in parts.items():
        fresh = [one for one in module.named_parameters() if id(one[1]) not in seen]
        seen.update(id(parameter) for _, parameter in fresh)
        sort = [_decays(module, name, parameter) for name, parameter in fresh]
        for decays in (True, False):
            places = [place for place, of in enumerate(sort) if of == decays]
            if places:
                yield {
                    "params": [fresh[place][1] for place in places],
                    "lr": rates[part],
                    "peak_lr": rates[part],
                    "weight_decay": weight_decay if decays else 0.0,
                    "decays": decays,
                    "part": part,
                    "places": places,
                }


def _decays(module: nn.Module, name: str, parameter: Tensor) -> bool:
    """Whether a parameter of a module is a matrix or a kernel, by which something is multiplied.

    Biases and norms are none (they have fewer than two dimensions), nor are single vectors of any shape (class and mask
    tokens, layer scales), tokens that are put before every sequence, and tables of positions, which are added.
    """
    from torch import nn

    owner = module.get_submodule(name.rpartition(".")[0])
    if parameter.ndim < 2 or isinstance(owner, (nn.Linear, nn.modules.conv._ConvNd)):
        return parameter.ndim > 1
    one_vector = max(parameter.shape) == parameter.numel()
    before_all = parameter.ndim > 2 and parameter.shape[0] == 1
    return not (one_vector or before_all or _POSITIONS.search(name))


def regrouped(state: Mapping[str, Any], present: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An optimizer's state for the groups `present`; a state is renumbered where its groups are those of before.

    Before groups had `places`, all parameters with two dimensions or more had weight decay.
    """
    if all("places" in group for group in state["param_groups"]):
        return dict(state)
    parts: dict[str, dict[int, Tensor]] = {}
    for group in present:
        parts.setdefault(group["part"], {}).update(zip(group["places"], group["params"], strict=True))
    ordered = [(part, place, known[place]) for part, known in parts.items() for place in sorted(known)]
    number = {part: index for index, part in enumerate(parts)}
    before = sorted(ordered, key=lambda each: (number[each[0]], each[2].ndim < 2))
    then = {(part, place): index for index, (part, place, _) in enumerate(before)}
    now = [(group["part"], place) for group in present for place in group["places"]]
    states = {index: state["state"][then[key]] for index, key in enumerate(now) if then[key] in state["state"]}
    begins = [sum(len(group["params"]) for group in present[:i]) for i in range(len(present))]
    kept = [
        {**group, "params": list(range(begin, begin + len(group["params"])))}
        for begin, group in zip(begins, present, strict=True)
    ]
    return {"state": states, "param_groups": kept}
