"""Kill -9 at random moments; what is resumed must end as the uninterrupted run: python -m tests.faults.kill_drill.

Runs are forked from a process that has imported everything, so that the moments fall into the run and not into imports.
Each has an empty cache, so that its building is hit too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

STEPS = 60
STORIES = {
    "text": ["data=tiny_sentences", "data.n=120", "backbone=tiny_text", "freeze=gradual", "freeze.every=12step"],
    "image": ["data=tiny_shapes", "data.n=120", "backbone=tiny_image", "freeze=linear_then_all", "loop.workers=1"],
}
COMMON = [
    *("loop.batch=16", "loop.device_batch=8", "loop.eval_every=15step", "loop.log_every=1step"),
    *("loop.save_every=1step", "loop.ema=0.9", "loop.bootstrap=20", "loop.device=cpu", "cache.use=always"),
]

_KEPT: list[TemporaryDirectory[str]] = []


def of(story: str) -> list[str]:
    """The recipe of a story; bounded.py shortens it."""
    return [*STORIES[story], *COMMON, f"loop.length={STEPS}step"]


def prepare() -> None:
    """Import all that a run imports, so that none of its forks has to: torch._dynamo alone takes longer than a run."""
    for name in ("torch._dynamo", "tl.cli.main", "tl.commands.finetune"):
        import_module(name)
    import_module("torch").set_num_threads(1)
    import_module("tl.recipe.recipe").load("base", of("text"))


def forked(work: Callable[[], object]) -> int:
    """The process that does the work; it ends with 0 when it comes to an end."""
    gc.freeze()  # else each fork would copy what its collections look at
    child = os.fork()
    if child:
        gc.unfreeze()
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        work()
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


def finetune(
    root: Path, story: str, resume: Path | None, cache: Path | None = None, more: Sequence[str] = ()
) -> Callable[[], object]:
    """A run of the story below `root`, with its cache there too, or in a folder that is shared."""

    def work() -> None:
        from tl.cli.printing.progress import Quiet
        from tl.commands.finetune import Request, finetune
        from tl.recipe.recipe import load

        recipe = load("base", [*of(story), f"cache.folder={cache or root / 'cache'}", *more])
        finetune(Request(load(str(resume / "recipe.yaml")) if resume else recipe, root, resume, "drill"), Quiet())

    return work


def ended(child: int) -> None:
    """Wait for a run that must come to its end."""
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"A run that was not killed ended with {status}.")


def run_in(root: Path) -> Path | None:
    """The run below `root`, where one has begun."""
    found = [path.parent for path in (root / "base").glob("*/meta.json")]
    return found[0] if found else None


def begun(root: Path) -> tuple[float, Path]:
    """When a run is there, and its folder."""
    until = time.monotonic() + 120
    while (run := run_in(root)) is None:
        assert time.monotonic() < until
        time.sleep(0.002)
    return time.monotonic(), run


@cache
def undisturbed(story: str) -> tuple[Path, float, float]:
    """A run that nothing happens to, how long it took to begin, and how long it lasted from then on."""
    folder = TemporaryDirectory()
    _KEPT.append(folder)  # to the end of this process
    started, child = time.monotonic(), forked(finetune(Path(folder.name), story, None))
    began, whole = begun(Path(folder.name))
    ended(child)
    return whole, began - started, time.monotonic() - began


def left(root: Path) -> str:
    """What a kill hit, by what it left behind."""
    _, run = begun(root)
    if any((run / "checkpoints").glob(".*.part")):
        return "writing a checkpoint"
    if any((root / "cache").glob("*.part")):
        return "building the cache"
    if any(run.glob("**/.*.part")):
        return "writing another file"
    rows = (run / "metrics.jsonl").read_text().count('"train"') if (run / "metrics.jsonl").is_file() else 0
    if (run / "report.html").is_file() or json.loads((run / "meta.json").read_text())["status"] == "done":
        return "after the run"
    return "before the first step" if not rows else "at the end" if rows >= STEPS else "while training"


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended with the same weights, rows and predictions, bit for bit."""
    names = ["model.safetensors", "metrics.jsonl", "predictions/val.csv", "predictions/test.csv"]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names) and all(
        (run / "report.html").is_file() for run in (one, other)
    )


def drill(story: str, kills: int, seed: int) -> Counter[str]:
    """So many kills; how often each moment was hit. SystemExit at the first run that does not end the same."""
    draw, hit = random.Random(seed), Counter[str]()
    whole, _, lasts = undisturbed(story)
    for number in range(kills):
        with TemporaryDirectory() as folder:
            root = Path(folder)
            child = forked(finetune(root, story, None))
            begun(root)
            time.sleep(draw.uniform(0, lasts))
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            hit[left(root)] += 1
            _, run = begun(root)
            if json.loads((run / "meta.json").read_text())["status"] != "done":
                ended(forked(finetune(root, story, run)))
            if not same(whole, run):
                raise SystemExit(f"{story}: after kill {number} (seed {seed}) the resumed run ended otherwise.")
    return hit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--story", choices=STORIES, nargs="+", default=list(STORIES))
    chosen = parser.parse_args()
    prepare()
    for number, story in enumerate(chosen.story):
        kills = chosen.kills // len(chosen.story) + (number < chosen.kills % len(chosen.story))
        hit = drill(story, kills, chosen.seed)
        print(f"{story}: {kills} of {kills} resumed runs ended bit-equal; killed {dict(hit.most_common())}", flush=True)


if __name__ == "__main__":
    main()
