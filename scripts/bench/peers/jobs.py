"""What every peer does: the jobs, their numbers, and how tl is told to do the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

# Whether tl has the options cache.use and cache.folder.
TL_CACHE = True

BATCH, EVAL_BATCH = 32, 64
LR = {"images": 1e-4, "texts": 5e-5}
HEAD_FACTOR, WEIGHT_DECAY, CLIP = 10.0, 0.01, 1.0
SIZE, RESIZE = 96, 110
MEAN, STD = 127 / 255, 128 / 255
MAX_LENGTH = 128
WORKERS = 0
SEED = int(os.environ.get("PEERS_SEED", "0"))
"""Draws the splits and all that a run draws; comparisons over seeds set it for each process."""

PROBE, THEN, FULL = 10, 3, 2
STAGES = {"images": 9, "texts": 7}
JOBS = {
    "probe": f"{PROBE} epochs of the head alone",
    "lpft": f"{THEN} epochs of the head alone, then {THEN} of all",
    "gradual": "one stage more each epoch, from the top",
    "full": f"{FULL} epochs of all",
}


class Phase(NamedTuple):
    """The head and so many of the deepest stages learn for so many epochs, under one cosine from the peak rate to 0."""

    epochs: int
    stages: int


def phases(job: str, modality: str) -> list[Phase]:
    """The phases of a job."""
    depth = STAGES[modality]
    return {
        "probe": [Phase(PROBE, 0)],
        "lpft": [Phase(THEN, 0), Phase(THEN, depth)],
        "gradual": [Phase(1, stages) for stages in range(depth + 1)],
        "full": [Phase(FULL, depth)],
    }[job]


_RECIPE = """\
defaults:
  - base
  - data: {data}
  - backbone: {backbone}
head: {{init: random, standardize: false}}
loop: {{batch: {batch}, device_batch: {batch}, save_every: 1000ep, device: cpu}}
optimizer: {{lr: {lr}, head_factor: {factor}, weight_decay: {decay}, schedule: cosine, warmup: 0%}}
seed: {seed}
"""
_DATA = {
    "images": "data: {{root: {folder}}}\nbackbone: {{size: {size}}}\n",
    "texts": "data: {{files: {{train: {folder}/train.csv, val: {folder}/val.csv, test: {folder}/test.csv}}, "
    "text: text, label: label}}\nbackbone: {{max_length: {length}}}\n",
}
_OPTIONS = {"images": ("image_folder", "efficientnet_lite0"), "texts": ("table", "text_encoder")}


def recipe(modality: str, folder: Path) -> str:
    """The recipe that has tl do what the peers do on the data in a folder."""
    data, backbone = _OPTIONS[modality]
    common = _RECIPE.format(
        data=data,
        backbone=backbone,
        batch=BATCH,
        lr=LR[modality],
        factor=HEAD_FACTOR,
        decay=WEIGHT_DECAY,
        seed=SEED,
    )
    return common + _DATA[modality].format(folder=folder, size=SIZE, length=MAX_LENGTH)


def overrides(job: str, modality: str) -> list[str]:
    """What makes the recipe a job."""
    freeze = {
        "probe": ["freeze=linear_probe"],
        "lpft": ["freeze=linear_then_all", f"freeze.probe={THEN}ep"],
        "gradual": ["freeze=gradual", "freeze.every=1ep"],
        "full": ["freeze=full"],
    }[job]
    return [*freeze, f"loop.length={sum(phase.epochs for phase in phases(job, modality))}ep"]
