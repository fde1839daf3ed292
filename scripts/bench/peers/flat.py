"""The limit: the jobs in a flat, hand-written PyTorch loop. The variant `buckets` batches texts by length."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from peers.clock import Task, task
from peers.jobs import CLIP, SEED, Phase, phases
from peers.nets import Net, groups, net
from peers.reading import classes, loader


@torch.no_grad()
def accuracy(model: Net, batches: DataLoader[object]) -> float:
    """The share of right answers."""
    model.eval()
    right = total = 0
    for *inputs, target in batches:
        right += int((model(*inputs).argmax(1) == target).sum())
        total += len(target)
    return right / total


def train(model: Net, phase: Phase, given: Task, batches: DataLoader[object], val: DataLoader[object]) -> None:
    """One phase, evaluated after each epoch."""
    model.learn(phase.stages)
    optimizer = torch.optim.AdamW(groups(model, given.modality))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, phase.epochs * len(batches))
    for _ in range(phase.epochs):
        model.train()
        for *inputs, target in batches:
            cross_entropy(model(*inputs), target).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
        accuracy(model, val)
        given.mark()


def main() -> None:
    given = task("flat PyTorch", __doc__, variants=("buckets",))
    train_batches = loader(given.folder, given.modality, "train", given.variant == "buckets")
    val = loader(given.folder, given.modality, "val")
    model = net(given.modality, classes(given.folder, given.modality))
    if given.modality == "images":
        model.to(memory_format=torch.channels_last)
    torch.manual_seed(SEED)
    given.mark()
    for phase in phases(given.job, given.modality):
        train(model, phase, given, train_batches, val)
    given.report(accuracy(model, loader(given.folder, given.modality, "test")))


if __name__ == "__main__":
    main()
