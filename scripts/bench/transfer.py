"""Does the transfer help? Test accuracy against training from scratch, by labels a class, paired over seeds.

Three arms on each of the quickstart's two tasks: the pretrained backbone; the same backbone from random weights; a
small network suited to the data, from random weights. Those from scratch learn everywhere, for five times the epochs
(the small network ten times). On drawn shapes the small network is the backbone: two arms, and the one from scratch
gets three times the epochs. Every arm is tuned alike: of so many rates around its own, the one with the best mean
validation accuracy over the seeds is tested. Each run is a line of FILE, so that an interrupted comparison goes on
where it stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from tl.cli.printing.progress import Quiet
from tl.commands.finetune import Request, finetune
from tl.recipe.recipe import load
from tl.run.run import Run

SCRATCH = ["freeze=full", "optimizer.head_factor=1", "loop.length=30ep", "loop.eval_every=6ep"]
SMALL = ["backbone.weights=none", *SCRATCH, "loop.length=60ep"]
RATES = {1: (1.0,), 3: (1.0, 1 / 3, 3.0), 5: (1.0, 1 / 3, 3.0, 1 / 9, 9.0)}
"""What an arm's own rate is multiplied by, for each number of rates that are tried."""


class Arm(NamedTuple):
    """A way to train: its learning rate, around which the others lie, and its overrides."""

    lr: float
    overrides: Sequence[str] = ()


ARMS = {
    "quickstart_images": {
        "transfer": Arm(1e-4),
        "same backbone, random": Arm(1e-3, ["backbone.weights=none", *SCRATCH]),
        "small network": Arm(1e-3, ["backbone=tiny_image", "backbone.size=64", *SMALL]),
    },
    "quickstart_texts": {
        "transfer": Arm(5e-5),
        "same backbone, random": Arm(1e-4, ["backbone.weights=none", *SCRATCH]),
        "small network": Arm(1e-3, ["backbone=tiny_text", *SMALL]),
    },
    "tiny_images": {
        "transfer": Arm(1e-3, ["data.n=3600"]),
        "same backbone, random": Arm(5e-3, ["data.n=3600", "backbone.weights=none", *SCRATCH]),
    },
}


class Runs:
    """The accuracies of runs, kept in a file of one line a run."""

    def __init__(self, file: Path) -> None:
        self.file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        self.known = {tuple(row["run"]): row for row in map(json.loads, lines)}

    def accuracy(self, split: str, story: str, many: int, name: str, rate: float, seed: int) -> float:
        """The accuracy of a run on a split, from the file or by training."""
        key = (story, many, name, f"{rate:g}", seed)
        if key not in self.known:
            overrides = [f"data.per_class={many}", f"data.split.seed={seed}", f"seed={seed}", "loop.bootstrap=10"]
            began = time.monotonic()
            found = train(story, [*overrides, *ARMS[story][name].overrides, f"optimizer.lr={rate:g}"])
            self.known[key] = {"run": key, **found, "seconds": round(time.monotonic() - began)}
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self.known[key]) + "\n")
            print(json.dumps(self.known[key]), file=sys.stderr, flush=True)
        value: float = self.known[key][split]
        return value


def train(story: str, overrides: list[str]) -> dict[str, float]:
    """Accuracy on validation and test of a run."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run.open(finetune(Request(load(story, overrides), Path(folder), None, "bench"), Quiet()))
        read = {split: run.read_json(f"evaluation/{split}.json") for split in ("val", "test")}
        return {split: found["metrics"]["accuracy"]["value"] for split, found in read.items()}


def tuned(
    runs: Runs, story: str, many: int, name: str, rates: Sequence[float], seeds: int
) -> tuple[float, list[float]]:
    """The rate that validates best over the seeds, and the test accuracies with it."""
    tried = [ARMS[story][name].lr * times for times in rates]
    means = [np.mean([runs.accuracy("val", story, many, name, rate, s) for s in range(seeds)]) for rate in tried]
    rate = tried[int(np.argmax(means))]
    return rate, [runs.accuracy("test", story, many, name, rate, s) for s in range(seeds)]


def difference(a: Sequence[float], b: Sequence[float]) -> str:
    """The mean of a - b with its 95 % interval and p value (paired t)."""
    gap = np.subtract(a, b)
    low, high = stats.t.interval(0.95, len(gap) - 1, gap.mean(), stats.sem(gap))
    return f"{gap.mean():+.3f} ({low:+.3f} to {high:+.3f}, p {stats.ttest_rel(a, b).pvalue:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rates", type=int, choices=RATES, default=3)
    parser.add_argument("--per-class", type=int, nargs="+", default=[10, 20, 50, 200])
    parser.add_argument("--arm", help="only this one")
    parser.add_argument("--story", choices=sorted(ARMS), nargs="+", default=sorted(ARMS))
    parser.add_argument("--file", type=Path, default=Path("transfer.jsonl"), help="the runs so far")
    given = parser.parse_args()
    runs = Runs(given.file)
    for story in given.story:
        arms = [name for name in ARMS[story] if given.arm in (None, name)]
        pairs = list(combinations(arms, 2)) if given.seeds > 1 else []
        print(f"\n| {story}: labels a class | {' | '.join([*arms, *(f'{a} - {b}' for a, b in pairs)])} |")
        print("|---" * (len(arms) + len(pairs) + 1) + "|", flush=True)
        for many in given.per_class:
            found = {name: tuned(runs, story, many, name, RATES[given.rates], given.seeds) for name in arms}
            cells = [
                f"{np.mean(v):.3f} ± {np.std(v, ddof=min(1, len(v) - 1)):.3f} (lr {r:g})" for r, v in found.values()
            ]
            cells += [difference(found[a][1], found[b][1]) for a, b in pairs]
            print(f"| {many} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
