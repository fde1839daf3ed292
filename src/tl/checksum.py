"""The freeze contract, checked: a frozen part is bit-equal after training, buffers included."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from torch import nn

from tl.model import Model


def checksum(part: nn.Module) -> str:
    """A hash over the bits of every parameter and buffer."""
    total = hashlib.blake2b(digest_size=16)
    for name, value in part.state_dict().items():
        total.update(name.encode())
        total.update(value.detach().cpu().contiguous().flatten().view(-1).numpy().tobytes())
    return total.hexdigest()


def checksums(model: Model, names: Collection[str]) -> dict[str, str]:
    """The checksum of each named part."""
    parts = model.parts()
    return {name: checksum(parts[name]) for name in names}


def verify_frozen(model: Model, before: Mapping[str, str]) -> None:
    """RuntimeError when a part that was frozen has changed: that is a bug in `tl`, not a mistake of the user's."""
    changed = [name for name, value in checksums(model, before).items() if value != before[name]]
    if changed:
        raise RuntimeError(f"frozen parts changed while training: {', '.join(changed)}")
