"""SIGSTOP and SIGCONT, SIGHUP, pipes whose reader goes, at random moments: python -m tests.faults.pause_drill.

What was stopped goes on, what heard SIGHUP is resumed, and what nobody reads any more runs on; each must end as the
undisturbed run, bit for bit. As in the kill drill, runs are forked from a process that has imported everything.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.faults.kill_drill import STORIES, begun, ended, finetune, forked, of, prepare, same, undisturbed


def command(root: Path, story: str, near: int, far: int) -> Callable[[], object]:
    """The same run from the command line, printing into a pipe that only another process reads."""

    def work() -> None:
        from tl.cli.main import main

        os.close(near)
        os.dup2(far, 1)
        recipe = [*of(story), f"cache.folder={root / 'cache'}", "--runs", str(root)]
        sys.argv = ["tl", "finetune", "base", *recipe]
        try:
            main()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(int(end.code or 0))

    return work


def pause(child: int, draw: random.Random) -> str:
    """Stop the run with its readers, or one process of them, and let it go on."""
    process = psutil.Process(child)
    whole = draw.random() < 0.5
    some = [process, *process.children()]
    for one in some if whole else [draw.choice(some)]:
        one.send_signal(signal.SIGSTOP)
    time.sleep(draw.uniform(0, 0.5))
    os.killpg(child, signal.SIGCONT)
    return "stopped as a whole" if whole else "one process stopped"


def disturb(child: int, near: int, draw: random.Random, kind: int) -> str:
    """Do one of three things to a run."""
    if kind == 0:
        return pause(child, draw)
    if kind == 1:
        os.kill(child, signal.SIGHUP)
        return "SIGHUP"
    os.close(near)
    return "pipe closed"


def one_round(root: Path, story: str, lasts: float, draw: random.Random, kind: int) -> tuple[str, Path]:
    """What was done to a run, and the run, which has come to its end."""
    near, far = os.pipe()
    child = forked(command(root, story, near, far))
    os.close(far)
    _, run = begun(root)
    time.sleep(draw.uniform(0, lasts))
    try:
        what = disturb(child, near, draw, kind)
    except (ProcessLookupError, psutil.NoSuchProcess):
        what = "after the run"
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if kind != 2:
        os.close(near)
    if code not in ((0, 128 + signal.SIGHUP, -signal.SIGHUP) if kind == 1 else (0,)):
        raise SystemExit(f"{story}: {what}: the run ended with {code}.")
    if json.loads((run / "meta.json").read_text())["status"] != "done":
        ended(forked(finetune(root, story, run)))
        what += ", resumed"
    return what, run


def drill(story: str, rounds: int, seed: int) -> Counter[str]:
    """So many rounds; how often each thing was done. SystemExit at the first run that does not end the same."""
    draw, done = random.Random(seed), Counter[str]()
    whole, _, lasts = undisturbed(story)
    for number in range(rounds):
        with TemporaryDirectory() as folder:
            what, run = one_round(Path(folder), story, lasts, draw, number % 3)
            done[what] += 1
            if not same(whole, run):
                raise SystemExit(f"{story}: after round {number} (seed {seed}, {what}) the run ended otherwise.")
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--story", choices=STORIES, nargs="+", default=list(STORIES))
    chosen = parser.parse_args()
    prepare()
    for number, story in enumerate(chosen.story):
        rounds = chosen.rounds // len(chosen.story) + (number < chosen.rounds % len(chosen.story))
        done = drill(story, rounds, chosen.seed)
        print(f"{story}: {rounds} of {rounds} runs ended bit-equal; {dict(done.most_common())}", flush=True)


if __name__ == "__main__":
    main()
