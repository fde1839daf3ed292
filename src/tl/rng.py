"""All seeds of a run are derived from one by name and number, so that checkpoints store no generator's state."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tl.errors import TLError

if TYPE_CHECKING:
    import torch


def derive(seed: int, *path: int | str) -> int:
    """A 63-bit seed for one purpose, such as derive(seed, "step", 12, rank)."""
    text = ":".join(map(str, (seed, *path)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A context in which torch's global CPU generator has this seed; afterwards the generator is what it was before."""
    import torch

    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)


@contextmanager
def deterministic(on: bool) -> Iterator[None]:
    """Where `on`, a context that allows only operations that give equal bits each time; TLError names another one."""
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    if on:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    if on != before:  # torch imports its compiler for this call, which takes most of a second
        torch.use_deterministic_algorithms(on)
    try:
        yield
    except RuntimeError as error:
        if not on or "deterministic" not in str(error):
            raise
        text = f"loop.deterministic is true, but {str(error).partition(', but')[0]}: set it to false."
        raise TLError(text) from error
    finally:
        if on != before:
            torch.use_deterministic_algorithms(before)


def seed_device(seed: int, device: torch.device) -> None:
    """Seed the generators that a step on this device draws from (torch.manual_seed seeds all, which takes 2 ms)."""
    import torch

    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
