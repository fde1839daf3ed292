"""Nuclei against background: a head on cached maps against a U-Net from scratch and torchvision's FCN head.

All arms see the same crops and learn by AdamW with one learning rate that falls as a cosine: the recipe `pixels` (a
frozen EfficientNet-Lite0, whose maps of four strides head=fcn reads from the cache), also with four fixed views of each
picture; the same head on the last map alone; torchvision's FCNHead on that map, and on the others; and a small U-Net
from random weights, for twice the epochs and with pictures that are flipped and cropped at random. For each seed,
another part of the training pictures validates (only tl's checkpoint is chosen by it). Seconds are those of the
processor, since other processes may share the machine. Each run is a line of FILE, so that an interrupted comparison
goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models.segmentation.fcn import FCNHead

from tl.batch import Inputs
from tl.cli.printing.progress import Quiet
from tl.commands.assemble import Assembly
from tl.commands.finetune import Request, finetune
from tl.commands.prepare import Prepared, prepare
from tl.components.model import Model
from tl.evaluation.outcome import outcome
from tl.inputs.activations import Reads
from tl.inputs.streams import Source
from tl.place import Share
from tl.recipe.recipe import Recipe, load
from tl.rng import derive, seeded
from tl.run.run import Run

Found = dict[str, float]
"""The test mIoU with its interval, and the seconds of the processor."""


class UNet(nn.Module):
    """Four grids from half the picture's on, each of half the places and twice the channels of the one before
    (Ronneberger et al. 2015), with batch norms; 0.4 million weights."""

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(4)]
        self.down = nn.ModuleList(
            _twice(dim_in, dim, stride=2) for dim_in, dim in zip([3, *widths[:-1]], widths, strict=True)
        )
        pairs = [*zip(widths[1:], widths[:-1], strict=True)][::-1]
        self.up = nn.ModuleList(_twice(deep + shallow, shallow, stride=1) for deep, shallow in pairs)
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, x: Inputs) -> Tensor:
        pixels, grids = x.values, []
        for stage in self.down:
            pixels = stage(pixels)
            grids.append(pixels)
        hidden = grids.pop()
        for stage in self.up:
            shallow = grids.pop()
            hidden = stage(torch.cat([interpolate(hidden, shallow.shape[2:], mode="bilinear"), shallow], 1))
        logits: Tensor = self.last(hidden)
        return logits


class OnLastMap(nn.Module):
    """torchvision's FCNHead as torchvision puts it."""

    def __init__(self, dims: Sequence[int], classes: int) -> None:
        super().__init__()
        self.head = FCNHead(dims[-1], classes)

    def forward(self, x: Inputs) -> Tensor:
        logits: Tensor = self.head(x.values)
        return logits


class OnFinerMaps(nn.Module):
    """torchvision's FCNHead on all maps but the last, which has most channels, side by side on the finest grid."""

    def __init__(self, dims: Sequence[int], classes: int) -> None:
        super().__init__()
        self.head = FCNHead(sum(dims[:-1]), classes)

    def forward(self, x: Inputs) -> Tensor:
        finest = x.maps[0].shape[2:]
        logits: Tensor = self.head(torch.cat([interpolate(one, finest, mode="bilinear") for one in x.maps], 1))
        return logits


def _twice(dim_in: int, dim: int, stride: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for one, step in ((dim_in, stride), (dim, 1)):
        layers += [nn.Conv2d(one, dim, 3, step, padding=1, bias=False), nn.BatchNorm2d(dim), nn.ReLU()]
    return nn.Sequential(*layers)


class Rival(nn.Module):
    """A network in the place of tl's model: the same task and space, hence the same loss and the same metrics."""

    def __init__(self, net: nn.Module, model: Model) -> None:
        super().__init__()
        self.net, self.task, self.head = net, model.task, model.head

    def forward(self, x: Inputs, start: int = 0) -> Tensor:
        logits: Tensor = self.net(x)
        return logits.permute(0, 2, 3, 1)


def through_tl(recipe: Recipe) -> Found:
    """The recipe as `tl finetune` runs it, with a cache that is empty at first."""
    with tempfile.TemporaryDirectory() as folder:
        began = _seconds()
        run = Run.open(finetune(Request(recipe, Path(folder), None, "bench"), Quiet()))
        return {**run.read_json("evaluation/test.json")["metrics"]["miou"], "seconds": _seconds() - began}


def on_maps(kind: Callable[[Sequence[int], int], nn.Module], recipe: Recipe) -> Found:
    """A network on the cached maps that the recipe's head would read."""
    began = _seconds()
    ready = prepare(recipe)
    model = ready.assembly.model
    activations = ready.supply(lambda line: None).activations
    items = {split: ready.assembly.items(split) for split in ("train", "test")}
    sources = {split: activations.source(split, of, Reads({model.end: 99.0})) for split, of in items.items()}
    with seeded(derive(recipe.seed, "rival")):
        net = kind([model.backbone.dims[tap - 1] for tap in model.taps], model.task.space.dim)
    return _trained(ready, net, sources["train"], sources["test"], began)


def from_scratch(recipe: Recipe) -> Found:
    """The U-Net on the pictures themselves."""
    began = _seconds()
    ready = prepare(recipe)
    with seeded(derive(recipe.seed, "rival")):
        net = UNet(ready.assembly.model.task.space.dim)
    return _trained(ready, net, ready.streams["train"].source, ready.assembly.items("test"), began)


def _trained(ready: Prepared, net: nn.Module, train: Source, test: Source, began: float) -> Found:
    assembly, rival = ready.assembly, Rival(net, ready.assembly.model)
    _learn(assembly, rival, train, ready.plan.total)
    outputs = ready.evaluator.outputs(rival, test)  # type: ignore[arg-type]
    found = outcome("test", assembly.model, assembly.items("test"), outputs, 1.0, 1000)
    low, high, _ = found.intervals["miou"]
    return {"value": found.values["miou"], "low": low, "high": high, "seconds": _seconds() - began}


def _learn(assembly: Assembly, rival: Rival, train: Source, steps: int) -> None:
    """AdamW as the recipe has it; the rate rises over the first twentieth of the steps and falls as a cosine."""
    values = assembly.recipe.optimizer.values
    stream = replace(assembly.streams(Share())["train"], source=train)
    optimizer = torch.optim.AdamW(rival.net.parameters(), values["lr"], weight_decay=values["weight_decay"])
    rise = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda t: min((t + 1) / rise, 0.5 + 0.5 * math.cos(math.pi * t / steps))
    )
    rival.train()
    for pieces in stream.steps(0, steps):
        for piece in pieces:
            output = rival(piece.batch.x)
            loss = rival.task.loss(rival.head, output, piece.batch.y)["task"]
            (loss * piece.weight).backward()
        torch.nn.utils.clip_grad_norm_(rival.net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()


def _seconds() -> float:
    """The processor's time of this process so far."""
    return time.process_time()


ARMS: dict[str, tuple[Callable[[Recipe], Found], list[str]]] = {
    "tl, four maps": (through_tl, []),
    "tl, four maps of four views": (through_tl, ["augment=image", "loop.views=4"]),
    "tl, last map": (through_tl, ["head.maps=1"]),
    "torchvision's FCNHead, last map": (partial(on_maps, OnLastMap), ["head.maps=1"]),
    "torchvision's FCNHead, three finer maps": (partial(on_maps, OnFinerMaps), []),
    "U-Net from scratch": (from_scratch, ["augment=image", "loop.length=60ep"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path, help="a folder with train and test, each with images and masks (0 and 1)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arm", choices=ARMS, nargs="+", default=list(ARMS))
    parser.add_argument("--file", type=Path, default=Path("pixels.jsonl"), help="the runs so far")
    parser.add_argument(
        "--set", nargs="*", default=[], help="further overrides of the recipe, such as loop.length=10ep"
    )
    given = parser.parse_args()
    lines = given.file.read_text(encoding="utf-8").splitlines() if given.file.is_file() else []
    known = {(row["arm"], row["seed"]): row for row in map(json.loads, lines)}
    usual = [f"data.root={given.root}", "data.pixels={background: 0, nucleus: 1}", *given.set]
    for seed in range(given.seeds):
        for arm in given.arm:
            if (arm, seed) in known:
                continue
            measure, changes = ARMS[arm]
            with tempfile.TemporaryDirectory() as cache:
                own = [f"seed={seed}", f"data.split.seed={seed}", f"cache.folder={cache}"]
                known[arm, seed] = {"arm": arm, "seed": seed, **measure(load("pixels", [*usual, *own, *changes]))}
            with given.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(known[arm, seed]) + "\n")
            print(json.dumps(known[arm, seed]), file=sys.stderr, flush=True)
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}\n")
    print("| arm | test mIoU, mean and deviation | each seed (95 % over pictures) | seconds of the processor |")
    print("|---" * 4 + "|")
    for arm in given.arm:
        rows = [known[arm, seed] for seed in range(given.seeds)]
        values = [row["value"] for row in rows]
        each = ", ".join(f"{row['value']:.3f} ({row['low']:.3f}-{row['high']:.3f})" for row in rows)
        spread = f"{np.mean(values):.3f} ± {np.std(values, ddof=min(1, len(values) - 1)):.3f}"
        print(f"| {arm} | {spread} | {each} | {np.mean([row['seconds'] for row in rows]):.0f} |")


if __name__ == "__main__":
    main()
