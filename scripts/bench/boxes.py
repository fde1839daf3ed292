"""Boxes in pictures: tl's recipe `boxes` beside torchvision's RetinaNet in its own loop, on the same frozen backbone.

`python scripts/bench/boxes.py FOLDER`, a folder of PASCAL VOC. Both read pictures of the same size, the same splits and
the same number of passes with batches of 8, and are judged by the same code (that of tl, which gives the figures of
COCO's). The loop is torchvision's reference: its own RetinaNet with its anchors, losses and transform, AdamW with a
cosine, a frozen EfficientNet-Lite0 that is computed at every step. Seconds are those of the processor, since the wall's
depend on what else the machine does; tl's include the imports, the cache and every evaluation.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

BATCH, RATE = 8, 1e-3
MAPS = 3


def through_tl(data: Path, size: int, epochs: int, seed: int, anchor: float, width: int) -> dict[str, Any]:
    """The figures of a run of tl."""
    with tempfile.TemporaryDirectory() as root:
        words = ["finetune", "boxes", f"data.root={data}", f"backbone.size={size}", f"loop.length={epochs}ep"]
        words += [f"head.anchor={anchor}", f"head.width={width}", f"seed={seed}", "--runs", root]
        words += [
            f"cache.folder={root}/cache",
            f"loop.batch={BATCH}",
            f"optimizer.lr={RATE}",
            "optimizer.head_factor=1",
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-P", "-m", "tl", *words], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        made = max((Path(root) / "boxes").iterdir())
        found = json.loads((made / "evaluation" / "test.json").read_text(encoding="utf-8"))["metrics"]
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, **{name: found[name]["value"] for name in ("box_map", "box_map50")}}


def through_torchvision(data: Path, size: int, epochs: int, seed: int, anchor: float, width: int) -> dict[str, Any]:
    """The figures of torchvision's RetinaNet, trained in a plain loop."""
    import torch

    began = time.process_time()
    torch.manual_seed(seed)
    splits, names = _read(data)
    net = _retinanet(size, len(names), anchor, width)
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    steps = epochs * len(splits["train"]) // BATCH
    optimizer = torch.optim.AdamW(learning, RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    pictures = [_picture(sample, names) for sample in splits["train"]]
    order = torch.cat([torch.randperm(len(pictures)) for _ in range(epochs + 1)]).tolist()
    net.train()
    net.backbone.body.eval()
    for step in range(steps):
        batch = [pictures[i] for i in order[step * BATCH : (step + 1) * BATCH]]
        losses = net([image for image, _ in batch], [target for _, target in batch])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        schedule.step()
        if step % 20 == 0:
            print(f"torchvision: step {step} of {steps}", file=sys.stderr, flush=True)
    found = _judged(net, splits["test"], names)
    return {"seconds": time.process_time() - began, **found}


def _read(data: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    from tl.commands.chosen_task import read_data
    from tl.recipe.recipe import load

    recipe = load("boxes", [f"data.root={data}"])
    found = read_data(recipe.data, recipe.task)
    return dict(found.splits), found.space.names


def _picture(sample: Any, names: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    import torch
    from torchvision.transforms.v2.functional import pil_to_tensor

    from tl.components.picture import open_image

    boxes = [box[:4] for box in sample.target.boxes]
    labels = torch.tensor([names.index(box.name) for box in sample.target.boxes], dtype=torch.long)
    sides = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return pil_to_tensor(open_image(sample.input)).float() / 255, {"boxes": sides, "labels": labels}


def _retinanet(size: int, classes: int, anchor: float, width: int) -> Any:
    """torchvision's RetinaNet on maps of strides 8, 16 and 32 and one coarser; nine anchors at each place."""
    import torch
    from torch import nn
    from torchvision.models.detection import RetinaNet
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.retinanet import RetinaNetHead
    from torchvision.ops import FeaturePyramidNetwork
    from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

    from tl.recipe.build import build
    from tl.recipe.recipe import load

    lite = build(load("boxes", ["data.root=.", f"backbone.size={size}"]).backbone)

    class Pyramid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.out_channels = lite.requires_grad_(False).eval(), width
            taps = {stride: stage + 1 for stage, stride in enumerate(lite.strides)}
            self.taps = tuple(sorted(taps.values()))[-MAPS:]
            dims = [lite.dims[tap - 1] for tap in self.taps]
            normed: Any = lambda channels: nn.GroupNorm(8, channels)  # noqa: E731
            self.fpn = FeaturePyramidNetwork(dims, width, LastLevelMaxPool(), normed)

        def forward(self, x: Any) -> Any:
            from tl.batch import Inputs

            with torch.no_grad():
                maps = [self.body.grid(one) for one in self.body(Inputs(x), 0, taps=self.taps)]
            return self.fpn(OrderedDict((str(i), one.permute(0, 3, 1, 2)) for i, one in enumerate(maps)))

    sides = [anchor * 8 * 2**level for level in range(MAPS + 1)]
    anchors = AnchorGenerator(
        tuple(tuple(round(side * 2 ** (k / 3)) for k in range(3)) for side in sides),
        ((0.5, 1.0, 2.0),) * len(sides),
    )
    head = RetinaNetHead(
        width, anchors.num_anchors_per_location()[0], classes, lambda channels: nn.GroupNorm(8, channels)
    )
    mean, std = lite.preprocess.mean, lite.preprocess.std
    return RetinaNet(
        Pyramid(), classes, size * 3 // 4, size, image_mean=mean, image_std=std, anchor_generator=anchors, head=head,
        detections_per_img=100,
    )  # fmt: skip


def _judged(net: Any, samples: Any, names: tuple[str, ...]) -> dict[str, float]:
    import torch

    from tl.metrics.boxes import MeasuredBoxes
    from tl.metrics.measured import compute_metrics
    from tl.metrics.overlaps import Answered, Truth, matched

    net.eval()
    found = []
    with torch.no_grad():
        for sample in samples:
            image, target = _picture(sample, names)
            (said,) = net([image])
            sides, scores, labels = (said[key].double().numpy() for key in ("boxes", "scores", "labels"))
            true, of = target["boxes"].double().numpy(), target["labels"].numpy()
            truth = Truth(true, of, np.array([box.judged for box in sample.target.boxes], bool))
            found.append(Answered(matched(sides, scores, labels.astype(np.int64), *truth), truth))
    values = compute_metrics(MeasuredBoxes(found, names, 0.5))
    return {name: values[name] for name in ("box_map", "box_map50")}


ARMS = {"tl": through_tl, "torchvision": through_torchvision}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--anchor", type=float, default=2.5)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--arms", nargs="*", default=list(ARMS))
    options = parser.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    seconds = {}
    print("| arm | mAP 50 of each seed | mAP of each seed | processor seconds |\n|---|---|---|---|", flush=True)
    for arm in options.arms:
        given = (options.data, options.size, options.epochs)
        runs = [ARMS[arm](*given, seed, options.anchor, options.width) for seed in range(options.seeds)]
        seconds[arm] = statistics.median(run["seconds"] for run in runs)
        cells = [" ".join(f"{run[name]:.3f}" for run in runs) for name in ("box_map50", "box_map")]
        print(f"| {arm} | {' | '.join(cells)} | {seconds[arm]:.0f} |", flush=True)
    if len(seconds) == len(ARMS):
        print(f"torchvision's loop takes {seconds['torchvision'] / seconds['tl']:.2f} times the processor time of tl.")


if __name__ == "__main__":
    main()
