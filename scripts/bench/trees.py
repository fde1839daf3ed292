"""What a change costs: runs through two source trees, alternating, in seconds of wall and of processor; medians.

    git worktree add /tmp/before REVISION
    python scripts/bench/trees.py /tmp/before --rounds 7

Each tree has a process of its own, which has imported everything before, and a cache of its own, which a first run
fills (neither is timed). So the runs that are timed read all rows back: of pooled features, of the maps below the last
stages, of decoded pictures, of texts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[2]
CACHED = ["cache.use=always", "loop.eval_every=2ep", "loop.bootstrap=20", "loop.batch=32"]
PICTURES = ["data=tiny_shapes", "backbone=efficientnet_lite0", "backbone.size=64", "augment=none"]
DECODED = ["data=tiny_shapes", "data.n=1000", "backbone=tiny_image", "augment=image"]
TEXTS = ["data=tiny_sentences", "backbone=tiny_text"]
CASES = {
    "probe of pictures": [*PICTURES, "data.n=2000", "freeze=linear_probe", "loop.length=20ep"],
    "last stages of pictures": [*PICTURES, "data.n=400", "freeze=top_k", "freeze.stages=2", "loop.length=4ep"],
    "full, pictures decoded": [*DECODED, "freeze=full", "loop.length=8ep"],
    "probe of texts": [*TEXTS, "data.n=3000", "freeze=linear_probe", "loop.length=10ep"],
    "last stage of texts": [*TEXTS, "data.n=2000", "freeze=top_k", "freeze.stages=1", "loop.length=6ep"],
}
CHILD = """
import json, sys, tempfile, time
from pathlib import Path
from tl.cli.printing.progress import Quiet
from tl.commands.finetune import Request, finetune
from tl.recipe.recipe import load

recipe = json.loads(sys.argv[1])
for line in sys.stdin:
    with tempfile.TemporaryDirectory() as runs:
        began = time.perf_counter(), time.process_time()
        finetune(Request(load("base", recipe), Path(runs), None, "bench"), Quiet())
        print(json.dumps([time.perf_counter() - began[0], time.process_time() - began[1]]), flush=True)
"""


class Tree:
    """A process that runs a recipe by the tl of a source tree, each time that it is asked."""

    def __init__(self, tree: Path, recipe: list[str], cache: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "TL_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", CHILD, json.dumps(recipe)]
        pipe = subprocess.PIPE
        self.child = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    def run(self) -> tuple[float, float]:
        """Seconds of wall and of processor of one run."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self.child.stdin.write("run\n")
        self.child.stdin.flush()
        wall, processor = json.loads(self.child.stdout.readline())
        return wall, processor

    def end(self) -> None:
        self.child.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("--after", type=Path, default=HERE)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--case", choices=CASES, nargs="+", default=list(CASES))
    chosen = parser.parse_args()
    for name in chosen.case:
        with tempfile.TemporaryDirectory() as folder:
            recipe = [*CASES[name], *CACHED]
            trees = [Tree(each, recipe, Path(folder, str(i))) for i, each in enumerate((chosen.before, chosen.after))]
            for tree in trees:
                tree.run()
            costs: list[list[tuple[float, float]]] = [[], []]
            for number in range(chosen.rounds):
                for arm in (0, 1) if number % 2 else (1, 0):
                    costs[arm].append(trees[arm].run())
            for tree in trees:
                tree.end()
        for i, what in enumerate(("wall", "processor")):
            old, new = ([cost[i] for cost in each] for each in costs)
            ratios = [b / a for a, b in zip(old, new, strict=True)]
            print(
                f"{name}, {what}: {statistics.median(old):.2f} s before, {statistics.median(new):.2f} s after "
                f"({statistics.median(new) / statistics.median(old) - 1:+.1%}); pairs "
                f"{statistics.median(ratios) - 1:+.1%} ({min(ratios) - 1:+.1%} .. {max(ratios) - 1:+.1%})",
                flush=True,
            )


if __name__ == "__main__":
    main()
