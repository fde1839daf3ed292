"""Write tests/golden/*.json anew: the first losses of a few small runs, so that no change alters them unseen."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch

from tl.cli.printing.progress import Quiet
from tl.commands.finetune import Request, finetune
from tl.recipe.recipe import load
from tl.run.run import Run

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
SHORT = ["loop.length=20step", "loop.log_every=1step", "loop.eval_every=20step", "loop.device=cpu", "loop.bootstrap=10"]
SHORT += ["backbone.weights=none", "head.init=ridge", "head.standardize=true"]
RUNS = {
    "image": ["data=tiny_shapes", "backbone=tiny_image", "augment=image", "loop.batch=16"],
    "text": ["data=tiny_sentences", "backbone=tiny_text", "loop.batch=16", "optimizer.lr=0.0001"],
}


def losses(name: str, root: Path) -> list[float]:
    """The first 20 losses of a named run."""
    recipe = load("base", [*RUNS[name], *SHORT, f"name={name}"])
    path = finetune(Request(recipe, root, None, "golden"), Quiet())
    return [row["loss"] for row in Run.open(path).rows() if row["split"] == "train"]


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in RUNS:
            (GOLDEN / f"{name}.json").write_text(json.dumps(losses(name, Path(folder)), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
