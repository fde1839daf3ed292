"""How often the 95 % intervals of each metric hold the truth, over simulated test splits of 30, 100 and 500 samples.

The truth is the metric on a very large sample of the same kind. A cell holds the coverage among the splits whose
interval is shown and, where it is not shown on all, the share of splits that show one; "none" where fewer than 1 % do.
A coverage outside 90 to 98 % is marked with "!". Groups are of 5 samples (of 10 among 500), and share a leaning.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tl.evaluation.former import MEASURED
from tl.metrics.intervals import intervals
from tl.metrics.measured import Scored, compute_metrics
from tl.space import Kind

Floats = NDArray[np.float64]
Drawn = tuple[Floats, NDArray[np.int64] | Floats]
LARGE = 300_000
LEAST_SHOWN = 0.01


@dataclass(frozen=True)
class Design:
    """How samples and a model's answers come about; `draw` takes a generator and the group of each sample."""

    kind: Kind
    names: tuple[str, ...]
    draw: Callable[[np.random.Generator, NDArray[np.intp]], Drawn]
    grouped: bool = False

    def measured(self, rng: np.random.Generator, group: NDArray[np.intp]) -> Scored:
        return MEASURED[self.kind](*self.draw(rng, group), self.names)


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def classes(prior: list[float], apart: float, sharp: float = 1.0, leaning: float = 0.0) -> Design:
    """One class each; classes lie `apart` from each other, and confidences are `sharp` times what they should be."""
    shares = np.array(prior) / sum(prior)
    size = len(prior)

    def draw(rng: np.random.Generator, group: NDArray[np.intp]) -> Drawn:
        n, groups = len(group), int(group.max()) + 1
        own, common = rng.choice(size, n, p=shares), rng.choice(size, groups, p=shares)[group]
        truth = np.where(rng.random(n) < 0.5, common, own) if leaning else own
        seen = rng.normal(size=(n, size)) + apart * np.eye(size)[truth]
        seen = seen + leaning * rng.normal(size=(groups, size))[group]
        return softmax(sharp * (apart * seen / (1 + leaning**2) + np.log(shares))), truth

    return Design("single", tuple(f"class {i}" for i in range(size)), draw, leaning > 0)


def labels(share: float, apart: float, leaning: float = 0.0, size: int = 4) -> Design:
    """Several labels, each on a share of the samples."""

    def draw(rng: np.random.Generator, group: NDArray[np.intp]) -> Drawn:
        n = len(group)
        truth = (rng.random((n, size)) < share).astype(np.int64)
        seen = rng.normal(size=(n, size)) + apart * truth
        seen = seen + leaning * rng.normal(size=(int(group.max()) + 1, size))[group]
        logits = apart * (seen - apart / 2) / (1 + leaning**2) + np.log(share / (1 - share))
        return 1 / (1 + np.exp(-logits)), truth

    return Design("multi", tuple(f"label {i}" for i in range(size)), draw, leaning > 0)


def numbers(noise: Callable[[np.random.Generator, int], Floats], leaning: float = 0.0) -> Design:
    """A number that is predicted with noise."""

    def draw(rng: np.random.Generator, group: NDArray[np.intp]) -> Drawn:
        n = len(group)
        signal = rng.normal(size=(n, 1))
        common = leaning * rng.normal(size=(int(group.max()) + 1, 1))[group]
        return 0.9 * signal, signal + 0.7 * (noise(rng, n) + common)

    return Design("number", ("price",), draw, leaning > 0)


def normal(rng: np.random.Generator, n: int) -> Floats:
    return rng.normal(size=(n, 1))


def student(rng: np.random.Generator, n: int) -> Floats:
    """Student's t with 3 degrees of freedom: the variance of its squares is infinite."""
    return rng.standard_t(3, size=(n, 1)) / np.sqrt(3)


def lognormal(rng: np.random.Generator, n: int) -> Floats:
    return np.asarray((np.exp(rng.normal(size=(n, 1))) - np.exp(0.5)) / 2.16)


DESIGNS: Mapping[str, Design] = {
    "balanced, accuracy .76": classes([1, 1], 1),
    "balanced, accuracy .92": classes([1, 1], 2),
    "balanced, accuracy .98": classes([1, 1], 3),
    "10 % positives, accuracy .94": classes([9, 1], 2),
    "10 % positives, accuracy .97": classes([9, 1], 3),
    "5 classes": classes([1] * 5, 2.5),
    "9 unequal classes": classes([9, 8, 7, 6, 5, 4, 3, 2, 1], 3),
    "heavy-tailed loss (sharp)": classes([1, 1], 2, sharp=3),
    "grouped classes": classes([1, 1], 1.5, leaning=1.0),
    "grouped 5 classes": classes([1] * 5, 2.5, leaning=0.7),
    "labels on 40 %": labels(0.4, 1.5),
    "labels on 10 %": labels(0.1, 2),
    "labels on 40 %, strong": labels(0.4, 4),
    "grouped labels": labels(0.4, 1.5, leaning=0.7),
    "numbers": numbers(normal),
    "heavy-tailed numbers (t3)": numbers(student),
    "heavy-tailed numbers (lognormal)": numbers(lognormal),
    "grouped numbers": numbers(normal, leaning=1.0),
}


def groups(design: Design, n: int) -> NDArray[np.intp]:
    """The group of each of n samples; a group of its own where the design has none."""
    size = (10 if n == 500 else 5) if design.grouped else 1
    return np.arange(n) // size


@dataclass
class Tally:
    """How many splits showed an interval of a metric, how many of these held the truth, and the widths."""

    shown: int = 0
    held: int = 0

    def cell(self, splits: int) -> str:
        if self.shown < LEAST_SHOWN * splits:
            return "none"
        coverage = self.held / self.shown
        mark = "" if 0.9 <= coverage <= 0.98 else "!"
        part = "" if self.shown == splits else f" ({self.shown / splits:.0%})"
        return f"{coverage:.3f}{mark}{part}"


def covered(design: Design, n: int, splits: int, truth: Mapping[str, float]) -> dict[str, Tally]:
    found = {name: Tally() for name in truth}
    units = groups(design, n)
    for seed in range(splits):
        seen = design.measured(np.random.default_rng([n, seed]), units)
        for name, one in intervals(seen, units, resamples=1000).items():
            if not one.missing:
                found[name].shown += 1
                found[name].held += one.low <= truth[name] <= one.high
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[30, 100, 500])
    parser.add_argument("--designs", nargs="+", default=list(DESIGNS), help="those whose name holds one of these")
    chosen = parser.parse_args()
    for title, design in DESIGNS.items():
        if not any(part in title for part in chosen.designs):
            continue
        truth = compute_metrics(design.measured(np.random.default_rng(0), groups(design, LARGE)))
        found = [covered(design, n, chosen.splits, truth) for n in chosen.sizes]
        print(f"\n| {title} | truth | " + " | ".join(f"n = {n}" for n in chosen.sizes) + " |")
        print("|---" * (len(chosen.sizes) + 2) + "|")
        for name, value in truth.items():
            cells = " | ".join(tallies[name].cell(chosen.splits) for tallies in found)
            print(f"| {name} | {value:.3f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
