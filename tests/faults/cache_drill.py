"""Two runs that need one cache at once, of which one may be killed: python -m tests.faults.cache_drill.

Both must end as a run that was alone, and leave its entries and nothing else.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.kill_drill import STORIES, ended, finetune, forked, prepare, run_in, same, undisturbed


def entries(cache: Path) -> set[str]:
    """What is in a cache, without its locks."""
    return {place.name for place in cache.iterdir() if place.name != "locks"}


def kill_while_it_writes(child: int, cache: Path, pause: float) -> bool:
    """Kill a run so long after it, or another, began an entry; false where it had ended before."""
    while not any(cache.glob("*.part")):
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    time.sleep(pause)
    os.killpg(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def together(root: Path, story: str, kill: float | None) -> tuple[Path, Path, bool]:
    """Two runs at once; the first may be killed, and is resumed then. Their folders, and whether it was."""
    cache = root / "cache"
    one, other = (forked(finetune(root / name, story, None, cache)) for name in ("one", "other"))
    killed = kill is not None and kill_while_it_writes(one, cache, kill)
    if kill is None:
        ended(one)
    ended(other)
    if killed:
        ended(forked(finetune(root / "one", story, run_in(root / "one"), cache)))
    runs = [run_in(root / name) for name in ("one", "other")]
    assert runs[0] is not None
    assert runs[1] is not None
    return runs[0], runs[1], killed


def drill(story: str, rounds: int, seed: int) -> Counter[str]:
    """So many rounds, with a kill in every second one. SystemExit where a run ends otherwise."""
    draw, met = random.Random(seed), Counter[str]()
    whole, _, _ = undisturbed(story)
    known = entries(whole.parents[1] / "cache")
    for number in range(rounds):
        with TemporaryDirectory() as folder:
            *runs, killed = together(Path(folder), story, draw.uniform(0, 0.1) if number % 2 else None)
            met["one killed" if killed else "both to the end"] += 1
            if not all(same(whole, run) for run in runs) or entries(Path(folder, "cache")) != known:
                raise SystemExit(f"{story}: in round {number} (seed {seed}) a run or the cache ended otherwise.")
    return met


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--story", choices=STORIES, nargs="+", default=list(STORIES))
    chosen = parser.parse_args()
    prepare()
    for story in chosen.story:
        met = drill(story, chosen.rounds, chosen.seed)
        print(f"{story}: {chosen.rounds} of {chosen.rounds} rounds ended bit-equal: {dict(met)}", flush=True)


if __name__ == "__main__":
    main()
