"""Small pictures and texts to augment, and augmentations built from their YAML defaults."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image

from tl.components.augment.base import Augment
from tl.components.preprocess import ImagePreprocess, TextPreprocess
from tl.recipe.build import build
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.recipe.yamlfile import read

PICTURES = ImagePreprocess(size=24, resize=28, interpolation="bilinear", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
TEXTS = TextPreprocess(tokenizer="{}", max_length=8, pad_id=0)
TEXT = "one two three four five six seven eight nine ten eleven twelve"


def option(name: str, **changes: Any) -> Augment:
    values = read(options("augment")[name].yaml).values | changes
    made: Augment = build(Node("augment", name, values))
    return made


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = torch.randint(0, 256, (height, width, 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(pixels.to(torch.uint8).numpy())
