"""Heads, and small problems in every output space that they can solve."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.built import option
from tl.commands.parts import class_literal
from tl.components.head.base import Head
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.recipe.signature import literal
from tl.space import Space

DIM = 6
STAGES = {"dims": (2, 3, DIM), "strides": (4, 8, 8)}
"""The maps of a backbone with three stages, of which the last two have places of one size."""
SPACES = {
    "single": Space("single", ("a", "b", "c"), class_weights=(0.5, 1.0, 1.5)),
    "multi": Space("multi", ("a", "b", "c"), label_weights=((0.5, 1.0), (1.0, 1.0), (1.5, 0.8))),
    "number": Space("number", ("u", "v"), mean=(100.0, -3.0), std=(20.0, 0.5)),
    "embedding": Space("embedding", ("alike",)),
}


def declared(name: str, attribute: str) -> tuple[str, ...]:
    """What a head says of itself in a class attribute."""
    found = literal(options("head")[name].source, attribute)
    assert isinstance(found, tuple)
    return found


def reads_vectors(name: str) -> bool:
    """Whether a head reads one vector of features for each sample; one that says nothing does."""
    found = class_literal(Node("head", name, {}), "forms")
    return not isinstance(found, tuple) or "pooled" in found


def head_of(name: str, kind: str = "single", **changes: Any) -> Head:
    torch.manual_seed(0)
    made: Head = option("head", name, {"dim_in": DIM, "space": SPACES[kind], **STAGES}, **changes)
    return made


def problem(kind: str, n: int = 90, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features (n, DIM), off centre and of uneven scale, and targets that a linear head can learn."""
    made = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, DIM, generator=made)
    uneven = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0, 1.0])
    match kind:
        case "single":
            target = torch.arange(n) % 3
            centres = 6 * torch.eye(3, DIM)
            return (centres[target] + 0.3 * noise) * uneven + 0.5, target
        case "multi":
            return (noise * uneven + 0.5), (noise[:, :3] > 0).float()
        case _:
            mean, std = torch.tensor(SPACES["number"].mean), torch.tensor(SPACES["number"].std)
            return (noise * uneven + 0.5), mean + std * torch.stack([noise[:, 0], noise[:, 1] - noise[:, 2]], -1) / 1.5
