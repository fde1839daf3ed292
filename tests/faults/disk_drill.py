"""A disk that is full at random moments: python -m tests.faults.disk_drill.

Each run is left with random room at a random moment: by a file that fills a small file system (tmpfs, where this user
may mount one), or by a limit on the size of files (RLIMIT_FSIZE, set from outside). It must end with exit code 1 and
one sentence, or come to its end; with room again it must end as the run that never lacked any.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.kill_drill import STORIES, ended, finetune, forked, prepare, run_in, same, undisturbed

SIZE = 96 * 2**20
# A limit on files also takes the memory that processes share which read pictures.
HERE = ["loop.workers=0"]


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """The folder of a file system of its own; None where this user may not mount one."""
    with TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", name]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


def told(root: Path, story: str) -> tuple[int, int]:
    """The process of a run, and a pipe into which it writes its refusal."""
    out, into = os.pipe()

    def work() -> None:
        from tl.errors import TLError

        try:
            finetune(root, story, run_in(root), more=HERE)()
        except TLError as error:
            os.write(into, str(error).encode())
            os._exit(error.exit_code)

    child = forked(work)
    os.close(into)
    return child, out


def starve(root: Path, child: int, draw: random.Random, *, limit: bool) -> None:
    """Leave a run little room from now on, or none."""
    room = draw.choice((0, draw.randrange(2**10), draw.randrange(2**20)))
    if limit:
        resource.prlimit(child, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        return
    free = shutil.disk_usage(root).free
    with suppress(OSError), (root / "ballast").open("wb") as file:  # the run may take the room meanwhile
        file.write(bytes(max(0, free - room)))


def point(root: Path, story: str, wait: float, draw: random.Random, *, limit: bool) -> str | None:
    """One run that lacks room after `wait` seconds, then with room again; what could not be written, if anything."""
    child, words = told(root, story)
    time.sleep(wait)
    starve(root, child, draw, limit=limit)
    _, status = os.waitpid(child, 0)
    with os.fdopen(words) as pipe:
        code, said = os.waitstatus_to_exitcode(status), pipe.read()
    (root / "ballast").unlink(missing_ok=True)
    if code not in (0, 1, 2) or (code and (not said or "\n" in said)):
        raise SystemExit(f"{story}: ended with {code}: {said}")
    run = run_in(root)
    if run is None or json.loads((run / "meta.json").read_text())["status"] != "done":
        ended(forked(finetune(root, story, run)))
    what = "before training" if "but the disk has" in said else said.partition(" cannot")[0].rpartition("/")[2]
    return what if code else None


def drill(story: str, points: int, seed: int, disk: Path | None) -> Counter[str]:
    """Runs until so many met a refusal, and what could not be written. SystemExit where one does not end the same."""
    draw, hit, number = random.Random(seed), Counter[str](), 0
    whole, begins, lasts = undisturbed(story)
    while hit.total() < points:
        with TemporaryDirectory(dir=disk) as folder:
            root, number = Path(folder), number + 1
            met = point(root, story, draw.uniform(0, begins + lasts), draw, limit=disk is None or number % 2 == 0)
            hit.update([met] if met else [])
            found = run_in(root)
            if found is None or not same(whole, found):
                raise SystemExit(f"{story}: after point {number} (seed {seed}) the resumed run ended otherwise.")
    return hit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    prepare()
    with small_disk() as disk:
        for number, story in enumerate(STORIES):
            points = chosen.points // len(STORIES) + (number < chosen.points % len(STORIES))
            hit = drill(story, points, chosen.seed + number, disk)
            how = "by file size" if disk is None else "by file size and by a full disk"
            print(f"{story}: {points} of {points} ended bit-equal, limited {how}; refused {dict(hit)}", flush=True)


if __name__ == "__main__":
    main()
