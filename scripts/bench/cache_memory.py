"""A cache of several GB: built and used, in how much resident memory above that of the model."""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import torch

from tl.cli.printing.progress import Quiet
from tl.commands.assemble import assemble
from tl.commands.finetune import Request, finetune
from tl.inputs.cache import Cache
from tl.recipe.recipe import load

# Behind the stem of EfficientNet-Lite0 at 112 pixels: 32 maps of 56 x 56, 0.4 MB a picture.
RECIPE = ["data=tiny_shapes", "backbone=efficientnet_lite0", "backbone.size=112", "freeze=top_k", "freeze.stages=8"]
RECIPE += ["cache.use=always", "loop.length=60step", "loop.eval_every=60step", "loop.batch=32", "loop.bootstrap=10"]
PICTURE = 32 * 56 * 56 * 4


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Watch(threading.Thread):
    """The peak of resident memory while it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.over = 0, False

    def run(self) -> None:
        while not self.over:
            self.peak = max(self.peak, resident())
            time.sleep(0.005)


def peak(recipe: list[str], folder: Path) -> int:
    """Peak bytes of a run."""
    watch = Watch()
    watch.start()
    finetune(Request(load("base", recipe), folder, None, "bench"), Quiet())
    watch.over = True
    watch.join()
    return watch.peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=4.0)
    chosen = parser.parse_args()
    samples = int(chosen.gb * 1024**3 / PICTURE / 0.8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many = [*RECIPE, f"data.n={samples}", f"cache.folder={folder / 'cache'}", "data.split.val=0.1"]
        assemble(load("base", many))
        without = peak([*many, "cache.use=never"], folder / "runs")
        cold, warm = (peak(many, folder / "runs") for _ in range(2))
        size = sum(entry.bytes for entry in Cache(folder / "cache", 0).entries())
    gb = 1024**3
    print(f"torch {torch.__version__}: {size / gb:.2f} GB cached for {samples} pictures")
    print(f"peak resident memory: {without / gb:.2f} GB without the cache, {cold / gb:.2f} GB building it, then")
    print(f"{warm / gb:.2f} GB reading it: {(max(cold, warm) - without) / gb:+.2f} GB")


if __name__ == "__main__":
    main()
