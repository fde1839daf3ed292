"""Drawn pictures of four shapes that need no download: for smoke tests and first tries."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from math import cos, sin
from typing import Annotated, Unpack, final

from tl.components.data.base import Common, DataSource
from tl.components.sample import Picture, Sample

SIDE = 32
SHAPES = ("disc", "square", "triangle", "cross")


@final
class TinyShapes(DataSource):
    """`n` pictures of 32 x 32 pixels, the classes in turn. Picture number i depends on nothing but the seed and i."""

    modality = "image"
    kind = "single"

    def __init__(
        self, *, n: Annotated[int, "8 to 1000000"], seed: Annotated[int, "any"], **common: Unpack[Common]
    ) -> None:
        super().__init__(common)
        self.n, self.seed = n, seed

    def read(self) -> list[Sample]:
        return [self._sample(i) for i in range(self.n)]

    def _sample(self, i: int) -> Sample:
        shape = SHAPES[i % len(SHAPES)]
        name = f"tiny_shapes/{self.seed}/{i:05d}"
        return Sample(f"{i:05d}", Picture(name, name, partial(draw, shape, self.seed, i)), shape, name)


def draw(shape: str, seed: int, i: int) -> bytes:
    """A PNG of one shape, light on dark or dark on light: place, size, turn, colours and noise are random."""
    import numpy as np
    from PIL import Image, ImageDraw

    rng = np.random.default_rng([seed, i])
    radius = rng.uniform(5, 12)
    x, y = rng.uniform(radius * 0.7, SIDE - radius * 0.7, size=2)
    dark, light = rng.integers(40, 110, size=3), rng.integers(146, 216, size=3)
    paper, ink = (dark, light) if rng.random() < 0.5 else (light, dark)
    image = Image.new("RGB", (SIDE, SIDE), tuple(int(v) for v in paper))
    pen, fill = ImageDraw.Draw(image), tuple(int(v) for v in ink)
    if shape == "disc":
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    else:
        turn = rng.uniform(-0.5, 0.5)
        for part in _outline(shape):
            pen.polygon(_placed(part, (x, y), radius, turn), fill=fill)
    noisy = np.asarray(image, dtype=np.float64) + rng.normal(0, 18, size=(SIDE, SIDE, 3))
    stream = BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def _outline(shape: str) -> list[list[tuple[float, float]]]:
    """Polygons around the origin, of about radius 1."""
    match shape:
        case "square":
            return [[(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)]]
        case "triangle":
            return [[(0, -1), (0.9, 0.8), (-0.9, 0.8)]]
        case _:
            return [
                [(-1, -0.35), (1, -0.35), (1, 0.35), (-1, 0.35)],
                [(-0.35, -1), (0.35, -1), (0.35, 1), (-0.35, 1)],
            ]


def _placed(
    part: list[tuple[float, float]], centre: tuple[float, float], radius: float, turn: float
) -> list[tuple[float, float]]:
    x0, y0 = centre
    return [
        (x0 + radius * (x * cos(turn) - y * sin(turn)), y0 + radius * (x * sin(turn) + y * cos(turn))) for x, y in part
    ]
