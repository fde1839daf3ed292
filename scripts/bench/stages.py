"""What LP-FT and gradual unfreezing cost through tl, against what their learning stages cost in flat PyTorch.

The limit is a sum of measured times: for each phase, its steps (from given activations on: forward, backward and AdamW
of what learns) and its evaluations; and the frozen stages once for each sample. Both from one process, in turn.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from tl.batch import Batch, Inputs
from tl.cli.printing.progress import Quiet
from tl.commands.assemble import Assembly, assemble
from tl.commands.finetune import Request, finetune
from tl.components.freeze.layout import lay_out
from tl.inputs.streams import in_order
from tl.place import Share
from tl.recipe.recipe import load
from tl.run.run import Run

STORIES = {"images": "quickstart_images", "texts": "quickstart_texts"}
SCHEDULES = {
    "LP-FT": ["freeze=linear_then_all", "freeze.probe=5ep", "loop.length=10ep"],
    "gradual": ["freeze=gradual", "freeze.every=1ep", "loop.length=10ep"],
}
COMMON = ["augment=none", "loop.batch=32", "data.per_class=60", "loop.eval_every=1ep", "loop.bootstrap=10"]


def seconds(work: Callable[[Batch], object], batches: list[Batch]) -> float:
    """Mean seconds of the work on a batch, after one to warm up."""
    work(batches[0])
    began = time.perf_counter()
    for batch in batches:
        work(batch)
    return (time.perf_counter() - began) / len(batches)


def step(assembly: Assembly, cut: int) -> Callable[[Batch], object]:
    """A flat step of the parts from a cut on, from given activations."""
    model = assembly.model
    model.learn([name for name, stage in stage_of(assembly).items() if stage >= cut])
    model.train()
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=1e-6, fused=True)

    def work(batch: Batch) -> None:
        cross_entropy(model(batch.x, batch.start), batch.y).backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return work


def stage_of(assembly: Assembly) -> dict[str, int]:
    """Each part's number; what follows the backbone comes after its pooling."""
    after = assembly.model.backbone.depth
    names = assembly.model.parts()
    return {name: int(name.split(".")[1]) if name.startswith("backbone.") else after for name in names}


def limit(assembly: Assembly) -> float:
    """The sum of what has to be done, each part of it measured."""
    recipe, model, stream = assembly.recipe, assembly.model, assembly.streams(Share())["train"]
    total = recipe.loop.length.steps(total=0, epoch=stream.epoch)
    batches = [pieces[0].batch for pieces in stream.steps(0, round(stream.epoch))]
    held = list(in_order(assembly.items("val"), 64))
    cuts = [model.cut(phase.train) for phase in assembly.phases]
    samples = len(assembly.data.splits["train"]) + len(assembly.data.splits["val"])
    with torch.no_grad():
        least = seconds(lambda batch: model.eval().backbone(batch.x), batches) * samples / stream.batch
    for span, cut in zip(lay_out(assembly.phases, total, stream.epoch), cuts, strict=True):
        with torch.no_grad():
            ready, ahead = ([started(assembly, batch, cut) for batch in some] for some in (batches, held))
            evaluation = seconds(lambda batch: model.eval()(batch.x, batch.start), ahead) * len(held)
        steps = span.stop - span.start
        least += steps * seconds(step(assembly, cut), ready) + round(steps / stream.epoch) * evaluation
    return least


def started(assembly: Assembly, batch: Batch, cut: int) -> Batch:
    """The batch as activations at a cut."""
    x = assembly.model.eval().backbone.between(batch.x, 0, cut) if cut else batch.x
    return Batch(Inputs(*(None if t is None else t.clone() for t in x)), batch.y, cut)  # type: ignore[arg-type]


class Clock(Quiet):
    """When the run began to compute, and when its last step was over."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0

    def begins(self, metric: str, unit: str) -> None:
        self.began = time.perf_counter()

    def values(self, step: int, split: str, values: object) -> None:
        self.ended = time.perf_counter()


def through_tl(overrides: list[str], story: str) -> tuple[float, float]:
    """Seconds from the assembled model to the last evaluation of training, and the test accuracy; nothing cached."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        cold = [*overrides, f"cache.folder={folder}/cache"]
        path = finetune(Request(load(story, cold), Path(folder), None, "bench"), clock)
        accuracy = Run.open(path).read_json("evaluation/test.json")["metrics"]["accuracy"]["value"]
    return clock.ended - clock.began, accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {chosen.rounds} rounds")
    for modality, story in STORIES.items():
        for name, schedule in SCHEDULES.items():
            overrides = [*COMMON, *schedule]
            pairs = []
            for _ in range(chosen.rounds):
                least = limit(assemble(load(story, overrides)))
                pairs.append((through_tl(overrides, story)[0], least))
            ours, least = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            print(f"{modality}, {name}: tl {ours:.1f} s, limit {least:.1f} s, ratio {ratio:.3f}", flush=True)


if __name__ == "__main__":
    main()
