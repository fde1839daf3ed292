"""Which starts of a head go with which data; read by `tl check`, which imports no torch, and by the heads."""

from __future__ import annotations

from tl.space import Kind


def start_mistake(init: str, kind: Kind, focal_gamma: float) -> str:
    """Why a head cannot start so on targets of this kind; '' where it can."""
    if init == "class_means" and kind != "single":
        return f"head.init: class_means needs one label per sample, not '{kind}': use ridge or random."
    if init == "logistic" and (kind == "number" or focal_gamma):
        what = "numbers" if kind == "number" else "the focal loss, which is not convex"
        return f"head.init: logistic regression does not go with {what}: use ridge or random."
    return ""
