"""A fine-tuning loop written flat, by hand: the same recipe as Trainer runs, without Trainer, streams or schedules.

It takes from tl only the model's modules and the samples, and the rule by which random choices follow from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tl.batch import Inputs
from tl.commands.assemble import Assembly
from tl.components.picture import open_image
from tl.rng import derive


def twin(
    assembly: Assembly, steps: int, batch: int, probe_steps: int, lr: float, lr_after: float, decay: float
) -> list[float]:
    """Losses of an LP-FT run on single labels: AdamW, cosine over the run, gradient norm cut at 1."""
    model, samples, seed = assembly.model, assembly.data.splits["train"], assembly.recipe.seed
    names = assembly.data.space.names
    model.backbone.requires_grad_(False)
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8, fused=True)
    losses = []
    for step in range(steps):
        if step == probe_steps:
            model.backbone.requires_grad_(True)
        model.train()
        model.head.train()
        model.backbone.train(step >= probe_steps)
        rate = lr * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate * (lr_after if step >= probe_steps else 1.0)
        chosen = [samples[i] for i in _numbers(len(samples), step * batch, (step + 1) * batch, seed)]
        raw = [sample.input for sample in chosen]
        y = torch.tensor([names.index(str(sample.target)) for sample in chosen])
        torch.manual_seed(derive(derive(seed, "train"), "step", step, 0))
        features = _frozen(assembly, raw) if step < probe_steps else model.backbone(_inputs(assembly, raw))
        loss = cross_entropy(model.head(features), y, reduction="none").mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def _numbers(n: int, first: int, last: int, seed: int) -> list[int]:
    """Sample numbers at positions first..last-1 of one shuffled pass after the other."""
    numbers = []
    for position in range(first, last):
        generator = torch.Generator().manual_seed(derive(derive(seed, "order", "train"), "pass", position // n))
        numbers.append(int(torch.randperm(n, generator=generator)[position % n]))
    return numbers


@torch.no_grad()
def _frozen(assembly: Assembly, raw: Sequence[object]) -> Tensor:
    """Features of a frozen backbone: each text by itself, padded to a multiple of eight; pictures together."""
    backbone = assembly.model.backbone
    if backbone.preprocess.modality == "image":
        return backbone(_inputs(assembly, raw))  # type: ignore[no-any-return]
    return torch.cat([backbone(_inputs(assembly, [text], multiple=8)) for text in raw])


def _inputs(assembly: Assembly, raw: Sequence[object], multiple: int = 1) -> Inputs:
    preprocess = assembly.model.backbone.preprocess
    if preprocess.modality == "image":
        crops = [preprocess.tensor(preprocess.crop(open_image(one))) for one in raw]  # type: ignore[union-attr, arg-type]
        return Inputs(torch.stack(crops))
    encoded = [preprocess.ids(one) for one in raw]  # type: ignore[union-attr, arg-type]
    longest = -(-max(len(ids) for ids, _ in encoded) // multiple) * multiple

    def filled(rows: list[list[int]], value: int) -> Tensor:
        return torch.tensor([row + [value] * (longest - len(row)) for row in rows])

    mask = filled([[1] * len(ids) for ids, _ in encoded], 0)
    pad = preprocess.pad_id  # type: ignore[union-attr]
    return Inputs(filled([ids for ids, _ in encoded], pad), mask, filled([segments for _, segments in encoded], 0))
