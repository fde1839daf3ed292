"""How much the rate finder's suggestions depend on the seed: for each recipe and phase, those of several seeds."""

from __future__ import annotations

import argparse

from accelerate.state import AcceleratorState

from tl.cli.printing.progress import Quiet
from tl.commands.finetune import find_rates
from tl.recipe.recipe import load

TINY = ["tiny_images", "loop.batch=16"]
RECIPES = {
    "pretrained": TINY,
    "from scratch": [*TINY, "backbone.weights=none", "freeze=full", "optimizer.head_factor=1"],
    "SGD": [*TINY, "optimizer=sgd", "freeze=full"],
    "random head": [*TINY, "head.init=random", "freeze=linear_probe"],
    "texts": ["tiny_texts", "loop.batch=16"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--recipe", choices=RECIPES, nargs="+", default=list(RECIPES))
    given = parser.parse_args()
    print("| recipe | phase | suggestions | largest / smallest |\n|---|---|---|---|", flush=True)
    for name in given.recipe:
        recipe, *overrides = RECIPES[name]
        found: dict[str, list[float]] = {}
        for seed in range(given.seeds):
            AcceleratorState._reset_state(True)
            for phase, sweep in find_rates(load(recipe, [*overrides, f"seed={seed}"]), Quiet()).items():
                found.setdefault(phase, []).append(sweep.suggestion)
        for phase, rates in found.items():
            words = " ".join(f"{rate:.1e}" for rate in rates)
            print(f"| {name} | {phase} | {words} | {max(rates) / min(rates):.2f} |", flush=True)


if __name__ == "__main__":
    main()
