"""The data as plain PyTorch data sets and loaders, for peers that bring no reader of their own."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2
from transformers import AutoTokenizer

from peers.jobs import BATCH, EVAL_BATCH, MAX_LENGTH, MEAN, RESIZE, SEED, SIZE, STD, WORKERS
from peers.nets import MINILM

FIELDS = ("input_ids", "attention_mask", "token_type_ids")


class Texts(Dataset[dict[str, list[int]]]):
    """Texts of a split, tokenised once, with their classes' numbers."""

    def __init__(self, folder: Path, split: str) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(MINILM)
        rows = _rows(folder, split)
        names = sorted({row["label"] for row in _rows(folder, "train")})
        encoded = self.tokenizer([row["text"] for row in rows], truncation=True, max_length=MAX_LENGTH)
        self.rows = [
            {**{field: encoded[field][i] for field in FIELDS}, "label": names.index(row["label"])}
            for i, row in enumerate(rows)
        ]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return self.rows[index]

    def collate(self, rows: list[dict[str, list[int]]]) -> tuple[Tensor, ...]:
        """The fields padded to the batch's longest, then the classes."""
        inputs = [{field: row[field] for field in FIELDS} for row in rows]
        padded = self.tokenizer.pad(inputs, return_tensors="pt")
        return (*(padded[field] for field in FIELDS), torch.tensor([row["label"] for row in rows]))


class Buckets(Sampler[list[int]]):
    """Batches of texts that are alike in length, in random order."""

    def __init__(self, texts: Texts) -> None:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]["input_ids"]))
        self.batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
        self.random = random.Random(SEED)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.random.sample(self.batches, len(self.batches)))


def pictures(folder: Path, split: str) -> ImageFolder:
    """Pictures of a split as tl prepares them: resized, centre cropped, normalised."""
    steps = [
        v2.Resize(RESIZE, interpolation=v2.InterpolationMode.BICUBIC),
        v2.CenterCrop(SIZE),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([MEAN] * 3, [STD] * 3),
    ]
    return ImageFolder(str(folder / split), v2.Compose(steps))


def loader(folder: Path, modality: str, split: str, buckets: bool = False) -> DataLoader[object]:
    """Batches of a split; those of training are shuffled."""
    data = pictures(folder, split) if modality == "images" else Texts(folder, split)
    collate = None if modality == "images" else data.collate
    if split != "train":
        return DataLoader(data, EVAL_BATCH, collate_fn=collate, num_workers=WORKERS)
    if buckets:
        return DataLoader(data, batch_sampler=Buckets(data), collate_fn=collate, num_workers=WORKERS)
    return DataLoader(data, BATCH, shuffle=True, collate_fn=collate, num_workers=WORKERS)


def classes(folder: Path, modality: str) -> int:
    """How many classes the training split has."""
    if modality == "images":
        return sum(path.is_dir() for path in (folder / "train").iterdir())
    return len({row["label"] for row in _rows(folder, "train")})


def _rows(folder: Path, split: str) -> list[dict[str, str]]:
    with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
