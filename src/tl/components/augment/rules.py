"""Which ways to mix samples go with which data; read by `tl check`, which imports no torch, and by the augmentation."""

from __future__ import annotations

from tl.space import Kind


def mixing_mistake(cutmix: float | None, kind: Kind) -> str:
    """Why samples cannot be mixed so: half of a picture's area is not half of its number; '' where they can."""
    if kind != "number" or cutmix is None:
        return ""
    return (
        f"augment.cutmix is {cutmix}, but the data has numbers to predict, which do not mix by area: "
        "set augment.cutmix=null or use augment.mixup."
    )
