"""How often the verdict finds a difference from guessing where there is none: 5 % is promised.

Each null is a model whose metric equals that of the best guess in the population. The guess is chosen on 300 other
samples, as `tl` chooses it on training and validation data.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tl.evaluation.former import MEASURED
from tl.metrics.guessing import compare
from tl.metrics.labels import MeasuredLabels
from tl.metrics.measured import Prior, Scored, compute_metrics
from tl.metrics.numbers import MeasuredNumbers
from tl.metrics.one_class import MeasuredClasses
from tl.space import Kind

Floats = NDArray[np.float64]
Drawn = tuple[Floats, NDArray[np.int64] | Floats]
Draw = Callable[[np.random.Generator, NDArray[np.intp], float], Drawn]
LARGE = 400_000
OTHERS = 300


def blind(prior: list[float], leaning: float = 0.0) -> Draw:
    """Classes, and probabilities that know nothing of them; in groups that lean to a class and to an answer."""
    shares = np.array(prior) / sum(prior)

    def draw(rng: np.random.Generator, group: NDArray[np.intp], _: float) -> Drawn:
        n, size, count = len(group), len(shares), int(group.max()) + 1
        truth = rng.choice(size, n, p=shares)
        if leaning:
            common = rng.choice(size, count, p=shares)[group]
            truth = np.where(rng.random(n) < 0.5, common, truth)
        seen = rng.gumbel(size=(n, size)) + leaning * rng.normal(size=(count, size))[group] + np.log(shares)
        powers = np.exp(seen)
        return powers / powers.sum(axis=1, keepdims=True), truth

    return draw


def useless(share: float, found: float) -> Draw:
    """A rare class, of which a share is found at the cost of as many false alarms."""

    def draw(rng: np.random.Generator, group: NDArray[np.intp], _: float) -> Drawn:
        truth = (rng.random(len(group)) < share).astype(np.int64)
        said = rng.random(len(group)) < np.where(truth == 1, found, found * share / (1 - share))
        high = np.where(said, 0.7, 0.2)
        return np.stack([1 - high, high], axis=1), truth

    return draw


def sharp(rng: np.random.Generator, group: NDArray[np.intp], factor: float) -> Drawn:
    """Two classes that are told apart a little, and far too surely."""
    truth = rng.integers(0, 2, len(group))
    seen = factor * (rng.normal(size=len(group)) + 0.5 * (2 * truth - 1))
    high = 1 / (1 + np.exp(-seen))
    return np.stack([1 - high, high], axis=1), truth


def labels(rng: np.random.Generator, group: NDArray[np.intp], factor: float) -> Drawn:
    """Four labels on 30 % of the samples; the threshold of .5 is too high by `factor`."""
    truth = (rng.random((len(group), 4)) < 0.3).astype(np.int64)
    seen = rng.normal(size=truth.shape) + 1.2 * (truth - 0.5) - factor
    return 1 / (1 + np.exp(-seen)), truth


def labels_at_random(rng: np.random.Generator, group: NDArray[np.intp], _: float) -> Drawn:
    return rng.random((len(group), 4)), (rng.random((len(group), 4)) < 0.3).astype(np.int64)


def numbers(rng: np.random.Generator, group: NDArray[np.intp], factor: float) -> Drawn:
    """A number that is predicted a little, and with too much zeal."""
    truth = rng.normal(size=(len(group), 1))
    return factor * (0.4 * truth + rng.normal(size=truth.shape)), truth


def unrelated(rng: np.random.Generator, group: NDArray[np.intp], _: float) -> Drawn:
    return rng.normal(size=(len(group), 1)), rng.normal(size=(len(group), 1))


def grouped_numbers(rng: np.random.Generator, group: NDArray[np.intp], factor: float) -> Drawn:
    common = rng.normal(size=(int(group.max()) + 1, 2))[group]
    truth = rng.normal(size=(len(group), 1)) + common[:, :1]
    return factor * (0.4 * truth + rng.normal(size=truth.shape) + common[:, 1:]), truth


GENERAL = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "auroc")
NULLS: Mapping[str, tuple[Kind, int, tuple[str, ...], Draw, tuple[float, float]]] = {
    "2 classes": ("single", 1, GENERAL, blind([1, 1]), (1, 1)),
    "5 classes": ("single", 1, GENERAL, blind([1] * 5), (1, 1)),
    "10 % positives": ("single", 1, ("accuracy",), useless(0.1, 0.5), (1, 1)),
    "30 % positives": ("single", 1, ("accuracy",), useless(0.3, 0.5), (1, 1)),
    "2 classes, too sure": ("single", 1, ("log_loss", "brier"), sharp, (1.5, 20)),
    "4 labels": ("multi", 1, ("macro_f1", "micro_f1"), labels, (-2, 3)),
    "4 labels, unrelated": ("multi", 1, ("map",), labels_at_random, (1, 1)),
    "numbers": ("number", 1, ("mae", "rmse", "r2"), numbers, (0.3, 3)),
    "numbers, unrelated": ("number", 1, ("pearson", "spearman"), unrelated, (1, 1)),
    "groups of 5, 2 classes": ("single", 5, GENERAL, blind([1, 1], 1.0), (1, 1)),
    "groups of 5, numbers": ("number", 5, ("mae", "rmse"), grouped_numbers, (0.3, 3)),
}
"""The kind of output, the size of the groups, the metrics, and where the factor of the null is looked for."""


def prior_of(kind: Kind, targets: NDArray[np.int64] | Floats, size: int) -> Prior:
    if kind == "number":
        return MeasuredNumbers.prior(np.asarray(targets, np.float64))
    if kind == "single":
        return MeasuredClasses.prior(np.bincount(targets, minlength=size).astype(np.float64), len(targets))
    return MeasuredLabels.prior(np.asarray(targets.sum(axis=0), np.float64), len(targets))


def seen_as(kind: Kind, scores: Floats, targets: NDArray[np.int64] | Floats) -> Scored:
    return MEASURED[kind](scores, targets, [str(i) for i in range(scores.shape[1])])


def no_gain(kind: Kind, name: str, draw: Draw, ends: tuple[float, float]) -> float:
    """The factor at which the model's metric equals that of the guess, by bisection on a very large sample."""
    low, high = ends

    def gain(factor: float) -> float:
        seen = seen_as(kind, *draw(np.random.default_rng(0), np.arange(LARGE), factor))
        other = seen.guess(name, prior_of(kind, seen.targets, len(seen.names)))
        assert other is not None
        return compute_metrics(seen, [name])[name] - float(other(np.ones((1, LARGE)))[0])

    if low == high:
        return low
    rising = gain(high) > gain(low)
    for _ in range(15):
        middle = (low + high) / 2
        low, high = (middle, high) if (gain(middle) < 0) == rising else (low, middle)
    return (low + high) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=2000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 300])
    parser.add_argument("--nulls", nargs="+", default=[""], help="those whose name holds one of these")
    chosen = parser.parse_args()
    print("| null | metric | " + " | ".join(f"n = {n}: better + worse" for n in chosen.sizes) + " |")
    print("|---" * (len(chosen.sizes) + 2) + "|")
    for title, (kind, size, metrics, draw, ends) in NULLS.items():
        for name in metrics if any(part in title for part in chosen.nulls) else ():
            factor = no_gain(kind, name, draw, ends)
            cells = []
            for n in chosen.sizes:
                said = {"better": 0, "worse": 0, "same": 0, "unknown": 0}
                for seed in range(chosen.splits):
                    rng = np.random.default_rng([n, seed])
                    _, others = draw(rng, np.arange(OTHERS), factor)
                    units = np.arange(n) // size
                    seen = seen_as(kind, *draw(rng, units, factor))
                    found = compare(seen, name, units, prior_of(kind, others, len(seen.names)))
                    assert found is not None
                    said[found.says] += 1
                judged = chosen.splits - said["unknown"]
                both = said["better"] + said["worse"]
                part = f" ({judged / chosen.splits:.0%})" if said["unknown"] else ""
                cells.append(f"{both / max(1, judged):.3f} ({said['better'] / max(1, judged):.3f}){part}")
            print(f"| {title} | {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
