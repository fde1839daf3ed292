"""LP-FT on pictures over seeds: does another choice of the checkpoint, or of batch-norm statistics, score better?

Every arm does the peers' job `lpft` (or `gradual`) with the same splits, head start, rates and schedule; each seed has
splits of its own. A run gives all three choices, because the answers at each evaluation are kept: the first evaluation
with the best validation accuracy; the latest one that is within one standard error (of the paired difference) of it;
and the last. Test accuracies are compared paired over seeds. Each run is a process of its own and a line of
FOLDER/lp_ft.jsonl, so that an interrupted comparison goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

HERE = Path(__file__).parent
ARMS = {
    "keep": ("loop.batch_norm=keep",),
    "update": ("loop.batch_norm=update",),
    "flat PyTorch, keep": None,
}
"""What tells the arms apart; None is the plain loop of peers/flat.py."""
RULES = ("best", "one standard error", "last")
Points = list[dict[str, Any]]


def through_tl(job: str, folder: Path, extra: Sequence[str]) -> Points:
    """The answers of a run of tl at each of its evaluations."""
    from peers.jobs import overrides, recipe

    from tl.cli.printing.progress import Quiet
    from tl.commands.prepare import prepare
    from tl.commands.replay import NoSignals
    from tl.components.model import Model
    from tl.recipe.recipe import load
    from tl.run.run import Run
    from tl.training.trainer import Trainer

    written = folder / "lp_ft.yaml"
    written.write_text(recipe("images", folder / "images"), encoding="utf-8")
    ready = prepare(load(str(written), [*overrides(job, "images"), *extra]))
    supply = ready.supply(lambda line: None)
    given = ready.job(supply)
    points: Points = []

    def evaluate(model: Model) -> dict[str, float]:
        validated, tested = (
            ready.evaluator.outputs(model, source) for source in (supply.validation, ready.assembly.items("test"))
        )
        points.append(answers(*(part.numpy() for o in (validated, tested) for part in o.kept[:2])))
        return validated.metrics(model)

    with tempfile.TemporaryDirectory() as root:
        run = Run.create(Path(root), "lp_ft", ready.recipe.plain(), {"seconds": 0.0})
        trainer = Trainer(
            ready.recipe.loop, ready.plan, replace(given, evaluate=evaluate), ready.accelerator, run, Quiet()
        )
        ready.start_head(supply)
        trainer.fit(NoSignals())
    return points


def through_flat(job: str, folder: Path) -> Points:
    """The answers of the plain loop after each epoch."""
    import torch
    from peers import flat
    from peers.clock import Task
    from peers.jobs import SEED, phases
    from peers.nets import Net, net
    from peers.reading import classes, loader

    given = Task("flat", job, "images", folder / "images", None)
    train, val, test = (loader(given.folder, "images", split) for split in ("train", "val", "test"))
    model = net("images", classes(given.folder, "images")).to(memory_format=torch.channels_last)
    torch.manual_seed(SEED)
    points: Points = []

    @torch.no_grad()
    def outputs(batches: Any) -> tuple[Any, Any]:
        found = [(model(*inputs), target) for *inputs, target in batches]
        return tuple(torch.cat(part).numpy() for part in zip(*found, strict=True))  # type: ignore[return-value]

    def evaluated(model: Net, batches: object) -> float:
        model.eval()
        points.append(answers(*outputs(val), *outputs(test)))
        return 0.0

    flat.accuracy = evaluated  # type: ignore[assignment]
    for phase in phases(job, "images"):
        flat.train(model, phase, given, train, val)
    return points


def answers(val: Any, val_y: Any, test: Any, test_y: Any) -> dict[str, Any]:
    """Of each validation sample whether it was right and its log loss; of each test sample whether it was right."""
    logs = val - np.logaddexp.reduce(val, axis=1, keepdims=True)
    return {
        "right": (val.argmax(1) == val_y).astype(int).tolist(),
        "log_loss": [round(float(-logs[i, k]), 5) for i, k in enumerate(val_y)],
        "test": (test.argmax(1) == test_y).astype(int).tolist(),
    }


def chosen(points: Points, rule: str) -> int:
    """The number of the evaluation that a rule chooses."""
    right = np.array([point["right"] for point in points], float)
    best = int(right.mean(1).argmax())
    if rule == "best":
        return best
    if rule == "last":
        return len(points) - 1
    gaps = right[best] - right
    errors = gaps.std(axis=1, ddof=1) / np.sqrt(right.shape[1])
    return max(int(i) for i in np.flatnonzero(gaps.mean(1) <= errors) if i >= best)


def one(arm: str, job: str, folder: Path) -> None:
    """Do one run in this process, and print its answers."""
    import torch

    torch.set_num_threads(1)
    extra = ARMS[arm]
    print(json.dumps(through_flat(job, folder) if extra is None else through_tl(job, folder, extra)))


def measure(folder: Path, job: str, arm: str, seed: int) -> Points:
    """One run as a process, on the seed's own splits."""
    place = folder / f"seed{seed}"
    env = {**os.environ, "PEERS_SEED": str(seed), "OMP_NUM_THREADS": "1"}
    if not (place / "about.json").is_file():
        subprocess.run([sys.executable, "-m", "peers.data", str(place)], cwd=HERE, env=env, check=True)
    words = [sys.executable, "-W", "ignore", __file__, str(place), "--job", job, "--one", arm]
    done = subprocess.run(words, env=env, stdout=subprocess.PIPE, text=True, check=True)
    points: Points = json.loads(done.stdout.splitlines()[-1])
    return points


def compare(name: str, a: Sequence[float], b: Sequence[float]) -> str:
    """A row: the mean difference, its 95 % interval (paired t) and the p values of paired t and Wilcoxon."""
    gap = np.subtract(a, b)
    if not gap.any():
        return f"| {name} | 0 | | | |"
    low, high = stats.t.interval(0.95, len(gap) - 1, gap.mean(), stats.sem(gap))
    t, w = stats.ttest_rel(a, b).pvalue, stats.wilcoxon(a, b).pvalue
    return f"| {name} | {gap.mean():+.3f} | {low:+.3f} to {high:+.3f} | {t:.2f} | {w:.2f} |"


def table(runs: Mapping[tuple[str, int], Points], score: Callable[[Points, str], float], seeds: Sequence[int]) -> str:
    """Means of every arm and choice, and all pairs compared."""
    arms = [arm for arm in ARMS if all((arm, seed) in runs for seed in seeds)]
    scores = {(arm, rule): [score(runs[arm, seed], rule) for seed in seeds] for arm in arms for rule in RULES}
    lines = [f"| arm | {' | '.join(RULES)} |", "|---" * (len(RULES) + 1) + "|"]
    for arm in arms:
        cells = [f"{np.mean(scores[arm, rule]):.3f} ± {np.std(scores[arm, rule], ddof=1):.3f}" for rule in RULES]
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    lines += ["", "| paired difference | mean | 95 % interval | p (t) | p (Wilcoxon) |", "|---|---|---|---|---|"]
    for arm in arms:
        for a, b in combinations(RULES, 2):
            lines.append(compare(f"{arm}: {b} - {a}", scores[arm, b], scores[arm, a]))
    for rule in RULES:
        for x, y in combinations(arms, 2):
            lines.append(compare(f"{rule}: {y} - {x}", scores[y, rule], scores[x, rule]))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the data and the runs so far are, or are written to")
    parser.add_argument("--job", choices=("lpft", "gradual"), default="lpft")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--arm", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--one", choices=list(ARMS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.job, given.folder)
    else:
        every(given)


def every(given: argparse.Namespace) -> None:
    """Do the runs that are missing; print the table."""
    given.folder = given.folder.resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    results = given.folder / "lp_ft.jsonl"
    lines = results.read_text(encoding="utf-8").splitlines() if results.is_file() else []
    runs = {(r["arm"], r["seed"]): r["points"] for r in map(json.loads, lines) if r["job"] == given.job}
    for seed in range(given.seeds):
        for arm in given.arm:
            if (arm, seed) not in runs:
                runs[arm, seed] = measure(given.folder, given.job, arm, seed)
                row = {"job": given.job, "arm": arm, "seed": seed, "points": runs[arm, seed]}
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                means = [f"{np.mean(p['right']):.3f}/{np.mean(p['test']):.3f}" for p in runs[arm, seed]]
                print(f"seed {seed}, {arm}: {' '.join(means)}", file=sys.stderr, flush=True)
    print(table(runs, lambda points, rule: float(np.mean(points[chosen(points, rule)]["test"])), range(given.seeds)))


if __name__ == "__main__":
    main()
