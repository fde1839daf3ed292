"""Checks that training has left frozen parts bit-equal, buffers included."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from tl.components.model import Model


def checksum(part: nn.Module) -> str:
    """A hash over the bits of every parameter and buffer, and over their names."""
    total = hashlib.blake2b(digest_size=16)
    for name, value in part.state_dict().items():
        total.update(name.encode())
        total.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def checksums(model: Model, names: Collection[str]) -> dict[str, str]:
    """The checksum of each named part."""
    parts, ordered = model.parts(), sorted(names)
    with ThreadPoolExecutor() as pool:  # threads hash at the same time: hashlib releases the GIL
        return dict(zip(ordered, pool.map(lambda name: checksum(parts[name]), ordered), strict=True))


def verify_frozen(model: Model, before: Mapping[str, str]) -> None:
    """RuntimeError where a frozen part has changed, which is a bug in `tl`, not a mistake of the user's."""
    changed = [name for name, value in checksums(model, before).items() if value != before[name]]
    if changed:
        raise RuntimeError(f"frozen parts changed while training: {', '.join(changed)}")
