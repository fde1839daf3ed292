"""Does the transfer help? Test accuracy against training from scratch, by labels a class, over seeds.

Three arms on each of the quickstart's two tasks: the pretrained backbone; the same backbone from random weights; a
small network suited to the data, from random weights. Those from scratch learn everywhere, for five times the epochs
(the small network ten times); of every arm the checkpoint that was best on validation is tested. On drawn shapes the
small network is the backbone: two arms, and the one from scratch gets three times the epochs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tl.cli.printing.progress import Quiet
from tl.commands.finetune import Request, finetune
from tl.recipe.recipe import load
from tl.run.run import Run

SCRATCH = ["freeze=full", "optimizer.lr=1e-3", "optimizer.head_factor=1"]
SCRATCH += ["loop.length=30ep", "loop.eval_every=6ep"]
ARMS = {
    "quickstart_images": {
        "transfer": [],
        "same backbone, random": ["backbone.weights=none", *SCRATCH],
        "small network": [
            "backbone=tiny_image",
            "backbone.size=64",
            "backbone.weights=none",
            *SCRATCH,
            "loop.length=60ep",
        ],
    },
    "quickstart_texts": {
        "transfer": [],
        "same backbone, random": ["backbone.weights=none", *SCRATCH, "optimizer.lr=1e-4"],
        "small network": ["backbone=tiny_text", "backbone.weights=none", *SCRATCH, "loop.length=60ep"],
    },
    "tiny_images": {
        "transfer": ["data.n=3600"],
        "same backbone, random": ["data.n=3600", "backbone.weights=none", *SCRATCH, "optimizer.lr=5e-3"],
    },
}


def accuracy(story: str, overrides: list[str]) -> float:
    """Test accuracy of a run."""
    with tempfile.TemporaryDirectory() as folder:
        path = finetune(Request(load(story, overrides), Path(folder), None, "bench"), Quiet())
        value: float = Run.open(path).read_json("evaluation/test.json")["metrics"]["accuracy"]["value"]
        return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--per-class", type=int, nargs="+", default=[10, 20, 50, 200])
    parser.add_argument("--arm", help="only this one")
    parser.add_argument("--story", choices=sorted(ARMS), nargs="+", default=sorted(ARMS))
    chosen = parser.parse_args()
    for story in chosen.story:
        arms = {name: arm for name, arm in ARMS[story].items() if chosen.arm in (None, name)}
        print(f"\n| {story}: labels a class | " + " | ".join(arms) + " |")
        print("|---" * (len(arms) + 1) + "|", flush=True)
        for many in chosen.per_class:
            cells = []
            for arm in arms.values():
                began = time.monotonic()
                values = [
                    accuracy(
                        story,
                        [f"data.per_class={many}", f"data.split.seed={s}", f"seed={s}", "loop.bootstrap=10", *arm],
                    )
                    for s in range(chosen.seeds)
                ]
                spread = statistics.stdev(values) if len(values) > 1 else 0.0
                took = (time.monotonic() - began) / len(values)
                cells.append(f"{statistics.mean(values):.3f} ± {spread:.3f} ({took:.0f} s)")
            print(f"| {many} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
