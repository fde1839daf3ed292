"""What training through tl costs over a flat PyTorch loop on the same batches: time per step, alternating, medians.

Both train the same model on the same decoded batches in the same order with AdamW; the flat loop is the limit.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from accelerate import Accelerator
from torch.nn.functional import cross_entropy

from tl.cli.printing.progress import Quiet
from tl.commands.assemble import Assembly, assemble
from tl.commands.replay import NoSignals
from tl.components.freeze.layout import lay_out
from tl.metrics.catalogue import METRICS
from tl.place import Share
from tl.recipe.recipe import load
from tl.rng import derive
from tl.run.run import Run
from tl.training.job import Job, Plan
from tl.training.trainer import Trainer

CASES = {
    "tiny_image, full": ["data=tiny_shapes", "backbone=tiny_image"],
    "tiny_text, full": ["data=tiny_sentences", "backbone=tiny_text"],
    "MiniLM on emoji names, full": ["data=twemoji", "data.view=name", "backbone=text_encoder"],
    "EfficientNet-Lite0 on emoji, full": ["data=twemoji", "data.view=picture", "backbone=efficientnet_lite0"],
}


def flat(assembly: Assembly, steps: int) -> Iterator[float]:
    """Seconds of each step of a flat loop."""
    model = assembly.model
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": weights, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}])
    stream = assembly.streams(Share())["train"]
    model.train()
    began = time.perf_counter()
    for pieces in stream.steps(0, steps):
        (piece,) = pieces
        loss = cross_entropy(model(piece.batch.x), piece.batch.y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        now = time.perf_counter()
        yield now - began
        began = now


class Clock(Quiet):
    """Seconds of each step, as the listener hears them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.began = time.perf_counter()

    def phase(self, name: str, first: int, last: int, learning: list[str]) -> None:
        self.began = time.perf_counter()

    def step(self, step: int, size: int) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self.began)
        self.began = now


def through_tl(assembly: Assembly, steps: int, folder: Path) -> list[float]:
    """Seconds of each step of Trainer.fit."""
    streams = assembly.streams(Share())
    never = float(10 * steps)
    spans = lay_out(assembly.phases, steps, streams["train"].epoch)
    plan = Plan(spans, steps, never, never, 10.0, METRICS["accuracy"], derive(0, "train"))
    job = Job(
        assembly.model,
        assembly.method,
        streams,
        assembly.optimizer,
        lambda model, norms: None,
        lambda model: {},
        lambda phase: streams,
    )
    run = Run.create(folder, "bench", {}, {})
    clock = Clock()
    Trainer(assembly.recipe.loop, plan, job, Accelerator(cpu=True), run, clock).fit(NoSignals())
    return clock.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", choices=sorted(CASES))
    chosen = parser.parse_args()
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {chosen.rounds} rounds of {chosen.steps} steps"
    )
    for name in [chosen.case] if chosen.case else CASES:
        recipe = load("base", [*CASES[name], "freeze=full", "head.standardize=false", "loop.batch=16"])
        ours, limit = [], []
        for _ in range(chosen.rounds):
            limit += list(flat(assemble(recipe), chosen.steps))[3:]
            with tempfile.TemporaryDirectory() as folder:
                ours += through_tl(assemble(recipe), chosen.steps, Path(folder))[3:]
        a, b = statistics.median(ours), statistics.median(limit)
        print(f"{name}: tl {a * 1e3:.2f} ms, flat {b * 1e3:.2f} ms a step, ratio {a / b:.3f}")


if __name__ == "__main__":
    main()
