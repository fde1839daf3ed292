"""How alike two texts are: embedded apart (zero-shot, probe, full fine-tuning) and read as one text, over seeds.

`python scripts/bench/similar.py FILE`, a CSV file of texts and their classes such as Banking77's train.csv. No pair has
a score of a human there: the score of a pair is how many words the names of its two classes share, from 0 to 5. Every
seed draws its own 1 200 pairs, in which no text occurs twice, of which 450 are the test. Each run is a `tl finetune`
with an empty cache. The table has each seed's Spearman on the test pairs with its 95 % interval, the mean over the
seeds, and the seconds of each run; zero-shot is what the runs of the probe say before their first step.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROBE = ["freeze=linear_probe", "loop.length=6ep", "optimizer.lr=1e-3"]
FULL = ["freeze=full", "loop.length=3ep", "optimizer.lr=5e-5"]
APART = ["task=similarity", "head=embedding"]
JOINT = ["task=regression", "head=linear", "loop.best=spearman"]
ARMS = {
    "apart, probe": [*APART, *PROBE],
    "as one text, probe": [*JOINT, *PROBE],
    "apart, full": [*APART, *FULL],
    "as one text, full": [*JOINT, *FULL],
}
PAIRS, TRAIN, VAL = 1200, 600, 150
Figure = dict[str, float]


def alike(first: str, second: str) -> float:
    """5 times the words that two names of classes share, over the words of both (Jaccard)."""
    one, two = (set(name.lower().split("_")) for name in (first, second))
    return 5 * len(one & two) / len(one | two)


def write_pairs(texts: Path, to: Path, seed: int, label: str) -> None:
    """Pairs in turn of one class, of two classes with like names, and of any two classes."""
    chance = random.Random(seed)
    left: dict[str, list[str]] = {}
    with texts.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            left.setdefault(row[label], []).append(row["text"])
    for some in left.values():
        chance.shuffle(some)
    near = {
        name: sorted((other for other in left if other != name), key=lambda o: -alike(name, o))[:6] for name in left
    }
    with to.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("sentence1", "sentence2", "score", "split"))
        for i in range(PAIRS):
            names = [name for name in left if len(left[name]) > 2]
            first = chance.choice(names)
            likely = [name for name in near[first] if len(left[name]) > 2] or [first]
            second = (first, chance.choice(likely), chance.choice(names))[i % 3]
            split = "train" if i < TRAIN else "val" if i < TRAIN + VAL else "test"
            score = round(alike(first, second), 4)
            writer.writerow((left[first].pop(), left[second].pop(), score, split))


def run(pairs: Path, arm: Sequence[str], seed: int, root: Path) -> tuple[Figure, Figure | None, float]:
    """Spearman on the test pairs after training and before it, with the ends of its interval; and the run's seconds."""
    words = ["finetune", "base", "data=table", f"data.file={pairs}", "data.text=sentence1", "data.pair=sentence2"]
    words += ["data.numbers=[score]", "data.split_column=split", "backbone=text_encoder", f"seed={seed}"]
    words += ["loop.batch=32", *arm, "name=similar", "--runs", str(root)]
    environment = {**os.environ, "TL_CACHE": str(root / f"cache-{seed}")}
    subprocess.run([sys.executable, "-P", "-m", "tl", *words], check=True, stdout=subprocess.DEVNULL, env=environment)
    made = max((root / "similar").iterdir())
    found = json.loads((made / "evaluation" / "test.json").read_text(encoding="utf-8"))["metrics"]["spearman"]
    meta = json.loads((made / "meta.json").read_text(encoding="utf-8"))
    untrained = meta.get("zero_shot", {}).get("test", {}).get("spearman")
    return found, untrained, meta["seconds"]


def line(arm: str, figures: Sequence[Figure], seconds: Sequence[float]) -> str:
    """A row of the table."""
    each = ", ".join(f"{one['value']:.3f} ({one['low']:.3f}-{one['high']:.3f})" for one in figures)
    mean = statistics.mean(one["value"] for one in figures)
    return f"| {arm} | {each} | {mean:.3f} | {' '.join(f'{took:.0f}' for took in seconds)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--label", default="category", help="the column of the class; that of the text is `text`")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--set", nargs="*", default=[], help="more key=value for every run")
    options = parser.parse_args()
    print("| arm | Spearman of each seed | mean | seconds |\n|---|---|---|---|")
    for arm in options.arms:
        with tempfile.TemporaryDirectory() as name:
            runs = []
            for seed in range(options.seeds):
                write_pairs(options.texts, pairs := Path(name, f"{seed}.csv"), seed, options.label)
                runs.append(run(pairs, [*ARMS[arm], *options.set], seed, Path(name, "runs")))
        found, untrained, took = zip(*runs, strict=True)
        known = [one for one in untrained if one is not None]
        if arm == "apart, probe" and known:
            print(line("apart, zero-shot", known, []), flush=True)
        print(line(arm, found, took), flush=True)


if __name__ == "__main__":
    main()
