"""Names in texts (WNUT17 or other CoNLL files): a frozen encoder, gradual unfreezing and full fine-tuning, over seeds.

`python scripts/bench/names.py FOLDER`, which holds train.conll, dev.conll and test.conll. Each run is a `tl finetune`.
The table has each seed's span F1 on the test set, the mean, the interval over the test texts of the first seed, and the
seconds of each run: the first one of an arm fills the cache of activations, later seeds read it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ARMS = {
    "frozen": ["freeze=linear_probe", "loop.length=6ep", "optimizer.lr=1e-3"],
    "gradual": ["freeze=gradual", "loop.length=5ep", "optimizer.lr=5e-5"],
    "full": ["freeze=full", "loop.length=3ep", "optimizer.lr=5e-5"],
}


def run(data: Path, arm: Sequence[str], seed: int, root: Path) -> tuple[dict[str, float], float]:
    """The span F1 on the test set with the ends of its interval, and the seconds of the run."""
    files = {
        split: str(data / f"{file}.conll") for split, file in (("train", "train"), ("val", "dev"), ("test", "test"))
    }
    given = ",".join(f"{split}: '{file}'" for split, file in files.items())
    words = ["finetune", "base", "data=conll", f"data.files={{{given}}}", "backbone=text_encoder", f"seed={seed}"]
    words += ["loop.batch=16", "loop.keep_weights=best", *arm, "name=names", "--runs", str(root)]
    subprocess.run([sys.executable, "-P", "-m", "tl", *words], check=True, stdout=subprocess.DEVNULL)
    made = max((root / "names").iterdir())
    found = json.loads((made / "evaluation" / "test.json").read_text(encoding="utf-8"))["metrics"]["span_f1"]
    seconds: float = json.loads((made / "meta.json").read_text(encoding="utf-8"))["seconds"]
    return found, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="*", default=list(ARMS))
    options = parser.parse_args()
    print("| arm | span F1 of each seed | mean | interval of seed 0 | seconds |\n|---|---|---|---|---|")
    for arm in options.arms:
        with tempfile.TemporaryDirectory() as root:
            runs = [run(options.data, ARMS[arm], seed, Path(root)) for seed in range(options.seeds)]
        values = [found["value"] for found, _ in runs]
        first = runs[0][0]
        each, took = " ".join(f"{v:.3f}" for v in values), " ".join(f"{seconds:.0f}" for _, seconds in runs)
        print(
            f"| {arm} | {each} | {statistics.mean(values):.3f} | {first['low']:.3f}-{first['high']:.3f} | {took} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
