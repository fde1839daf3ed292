"""Do two revisions train the same? Logged losses, weights and predictions of some recipes, compared bit for bit.

python scripts/compare.py e58e684 .                         # a commit against this working tree
python scripts/compare.py main~3 main tiny_texts -- loop.length=20step
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[1]
RECIPES = ("tiny_images", "tiny_texts", "quickstart_texts")


@contextmanager
def checkout(revision: str, folder: Path) -> Iterator[Path]:
    """The files of a revision; of `.` the working tree itself."""
    if revision == ".":
        yield ROOT
        return
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), revision], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def train(tree: Path, recipe: str, overrides: list[str], folder: Path) -> Path:
    """Run a recipe by the code of a tree, with a cache of its own and one thread; gives the run's folder."""
    place = {"PYTHONPATH": str(tree / "src"), "TL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "tl", "finetune", recipe, *overrides, "--runs", str(folder), "--json"]
    done = subprocess.run(command, env=os.environ | place, capture_output=True, text=True, check=False, cwd=tree)
    if done.returncode:
        sys.exit(f"{recipe} at {tree}: exit code {done.returncode}\n{done.stderr}")
    return Path(json.loads(done.stdout)["run"])


def differences(one: Path, other: Path) -> Iterator[str]:
    """A line on each thing in which two runs are not equal bit for bit."""
    rows = [(run / "metrics.jsonl").read_text().splitlines() for run in (one, other)]
    first = next((i for i, (a, b) in enumerate(zip(*rows, strict=False)) if a != b), None)
    if first is not None or len(rows[0]) != len(rows[1]):
        yield f"metrics.jsonl from row {first if first is not None else min(map(len, rows))} on"
    weights = [load_file(run / "model.safetensors") for run in (one, other)]
    for name in sorted(weights[0].keys() | weights[1].keys()):
        pair = [state.get(name) for state in weights]
        if any(tensor is None for tensor in pair) or not torch.equal(*map(bits, pair)):
            yield f"weights: {name}"
    for file in sorted(path.relative_to(one) for path in (*one.glob("predictions/*"), *one.glob("evaluation/*"))):
        if (one / file).read_bytes() != (other / file).read_bytes():
            yield str(file)


def bits(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor's bytes: with them, nan equals nan and 0 differs from -0."""
    return tensor.contiguous().view(-1).view(torch.uint8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("recipes", nargs="*", default=RECIPES)
    before, dashes, overrides = sys.argv[1:], "--" in sys.argv, []
    if dashes:
        before, overrides = before[: before.index("--")], before[before.index("--") + 1 :]
    wanted = parser.parse_args(before)
    different = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with checkout(wanted.old, folder / "old") as old, checkout(wanted.new, folder / "new") as new:
            for recipe in wanted.recipes:
                runs = [train(tree, recipe, overrides, folder / f"runs_{i}") for i, tree in enumerate((old, new))]
                found = list(differences(*runs))
                rows = len((runs[0] / "metrics.jsonl").read_text().splitlines())
                print(f"{recipe}: {'; '.join(found[:5]) or f'equal bit for bit ({rows} logged rows)'}", flush=True)
                different = different or bool(found)
    return int(different)


if __name__ == "__main__":
    sys.exit(main())
