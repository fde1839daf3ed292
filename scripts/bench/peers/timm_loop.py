"""The jobs through timm used as a library, in the way of its train.py. The variant `channels_last` is its option."""

from __future__ import annotations

import torch
from timm import create_model
from timm.data import create_dataset, create_loader, create_transform
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import AverageMeter, accuracy, dispatch_clip_grad
from torch import nn
from torch.utils.data import DataLoader

from peers import jobs
from peers.clock import Task, task
from peers.nets import Net, groups, lite0_weights
from peers.reading import classes

CPU = torch.device("cpu")
PREPARED = {
    "interpolation": "bicubic",
    "mean": (jobs.MEAN,) * 3,
    "std": (jobs.STD,) * 3,
    "crop_pct": jobs.SIZE / jobs.RESIZE,
}


def lite0(count: int) -> Net:
    """timm's own EfficientNet-Lite0 with the package's weights: the same tensors in the same order."""
    body = create_model("tf_efficientnet_lite0", num_classes=0)
    body.load_state_dict(dict(zip(body.state_dict(), lite0_weights().values(), strict=True)), strict=True)
    stem, top = nn.ModuleList([body.conv_stem, body.bn1]), nn.ModuleList([body.conv_head, body.bn2])
    return Net(body, [stem, *body.blocks, top], body.num_features, count)


def loader(given: Task, split: str) -> DataLoader[object]:
    """A split by timm's reader and loader; training sees what evaluation sees, for no peer augments."""
    learns = split == "train"
    found = create_loader(
        create_dataset("", str(given.folder), split=split),
        input_size=(3, jobs.SIZE, jobs.SIZE),
        batch_size=jobs.BATCH if learns else jobs.EVAL_BATCH,
        is_training=learns,
        no_aug=True,
        num_workers=jobs.WORKERS,
        persistent_workers=False,
        device=CPU,
        **PREPARED,
    )
    found.dataset.transform = create_transform((3, jobs.SIZE, jobs.SIZE), use_prefetcher=True, **PREPARED)
    return found


@torch.no_grad()
def validate(model: Net, batches: DataLoader[object], layout: torch.memory_format) -> float:
    """The share of right answers."""
    top1 = AverageMeter()
    model.eval()
    for pixels, target in batches:
        output = model(pixels.contiguous(memory_format=layout))
        top1.update(accuracy(output, target)[0].item(), len(target))
    return top1.avg / 100


def train_one_epoch(
    model: Net,
    batches: DataLoader[object],
    optimizer: torch.optim.Optimizer,
    schedule: CosineLRScheduler,
    done: int,
    layout: torch.memory_format,
) -> None:
    """One epoch, after so many updates of the phase."""
    criterion, losses = nn.CrossEntropyLoss(), AverageMeter()
    model.train()
    for index, (pixels, target) in enumerate(batches):
        loss = criterion(model(pixels.contiguous(memory_format=layout)), target)
        optimizer.zero_grad()
        loss.backward()
        dispatch_clip_grad(model.parameters(), jobs.CLIP)
        optimizer.step()
        losses.update(loss.item(), len(target))
        schedule.step_update(num_updates=done + index + 1, metric=losses.avg)


def train(model: Net, phase: jobs.Phase, given: Task, batches: DataLoader[object], val: DataLoader[object]) -> None:
    """One phase, evaluated after each epoch."""
    layout = torch.channels_last if given.variant == "channels_last" else torch.contiguous_format
    model.learn(phase.stages)
    optimizer = create_optimizer_v2(
        groups(model, given.modality), opt="adamw", lr=jobs.LR[given.modality], weight_decay=jobs.WEIGHT_DECAY
    )
    schedule = CosineLRScheduler(optimizer, t_initial=phase.epochs * len(batches), t_in_epochs=False)
    for epoch in range(phase.epochs):
        train_one_epoch(model, batches, optimizer, schedule, epoch * len(batches), layout)
        validate(model, val, layout)
        given.mark()


def main() -> None:
    given = task("timm", __doc__, modalities=("images",), variants=("channels_last",))
    layout = torch.channels_last if given.variant == "channels_last" else torch.contiguous_format
    batches, val = loader(given, "train"), loader(given, "val")
    model = lite0(classes(given.folder, given.modality)).to(memory_format=layout)
    torch.manual_seed(jobs.SEED)
    given.mark()
    for phase in jobs.phases(given.job, given.modality):
        train(model, phase, given, batches, val)
    given.report(validate(model, loader(given, "test"), layout))


if __name__ == "__main__":
    main()
