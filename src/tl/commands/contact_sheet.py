"""`tl show --augment`: what augmentation makes of samples, as a PNG of pictures or as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from tl.batch import Batch, Inputs
from tl.components.augment.base import Augment
from tl.components.preprocess import ImagePreprocess, TextPreprocess
from tl.disk.folder import replacing
from tl.rng import derive, seeded
from tl.run.disk import writing
from tl.space import Space

LARGEST_CELL, SMALLEST_CELL = 192, 96
GAP, LABEL = 6, 20
FONT = 14


def augmented_images(
    images: Sequence[Image.Image], augment: Augment, preprocess: ImagePreprocess, seed: int, k: int
) -> list[list[Image.Image]]:
    """A row for each RGB image: the image as evaluation sees it, then `k` views as training gets them.

    The images at the same place of all rows form a batch, so mixup and cutmix blend them with one another.
    """
    space = Space("single", tuple(map(str, range(len(images)))))
    rows = [[preprocess.crop(image)] for image in images]
    for number in range(k):
        pixels = []
        for i, image in enumerate(images):
            with seeded(derive(seed, "view", i, number)):
                pixels.append(augment.random_erase(preprocess.tensor(augment.sample(image, preprocess))))
        with seeded(derive(seed, "mix", number)):
            mixed = augment.batch(Batch(Inputs(torch.stack(pixels)), torch.arange(len(images))), space)
        for row, tensor in zip(rows, mixed.x.values, strict=True):
            row.append(picture(tensor, preprocess))
    return rows


def augmented_texts(
    text: str | tuple[str, str], augment: Augment, preprocess: TextPreprocess, seed: int, k: int
) -> list[str | tuple[str, str]]:
    """The text or pair of texts, then `k` versions of it as training gets them, before they are tokenised."""
    found = [text]
    for number in range(k):
        with seeded(derive(seed, "view", number)):
            found.append(augment.sample(text, preprocess))
    return found


def picture(image: Tensor, preprocess: ImagePreprocess) -> Image.Image:
    """The inverse of `preprocess.tensor`: a normalised tensor (3, H, W) as a PIL image."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (preprocess.mean, preprocess.std))
    pixels = ((image * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def contact_sheet(rows: Sequence[Sequence[Image.Image]], captions: Sequence[str], to: Path) -> None:
    """Write the rows as a PNG, each under its caption; tiny pictures are enlarged and large ones shrunk."""
    cells = [[_cell(image) for image in row] for row in rows]
    width = max(sum(cell.width + GAP for cell in row) for row in cells) + GAP
    heights = [LABEL + max(cell.height for cell in row) + GAP for row in cells]
    sheet = Image.new("RGB", (width, sum(heights) + GAP), "white")
    draw, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(FONT), GAP
    for row, caption, height in zip(cells, captions, heights, strict=True):
        draw.text((GAP, top), caption, fill="black", font=font)
        left = GAP
        for cell in row:
            sheet.paste(cell, (left, top + LABEL))
            left += cell.width + GAP
        top += height
    with writing(to, "."), replacing(to) as file:
        sheet.save(file, "PNG")


def _cell(image: Image.Image) -> Image.Image:
    side = max(image.size)
    if side < SMALLEST_CELL:
        times = -(-SMALLEST_CELL // side)
        return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    if side > LARGEST_CELL:
        share = LARGEST_CELL / side
        return image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.LANCZOS)
    return image
