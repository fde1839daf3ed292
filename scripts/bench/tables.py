"""`tl check`, and `tl finetune` for a few steps of a probe, on a large table: seconds and peak resident memory."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS, LABELS = 20, ("order", "complaint", "praise", "question", "thanks")
RECIPE = ["base", "data=table", "data.text=text", "data.label=kind", "backbone=tiny_text", "freeze=linear_probe"]
RECIPE += ["head.init=random", "head.standardize=false", "cache.use=never", "loop.length=5step"]
RECIPE += ["loop.eval_every=5step", "loop.bootstrap=10", "data.split.val=0.01", "data.split.test=0.01"]


def write_table(file: Path, rows: int) -> None:
    """A CSV file of different texts of WORDS made-up words each, with a label."""
    chance = random.Random(0)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    known = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(30000)]
    with file.open("w", encoding="utf-8") as stream:
        stream.write("text,kind\n")
        for _ in range(rows):
            stream.write(f"{' '.join(chance.choices(known, k=WORDS))},{chance.choice(LABELS)}\n")


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float, float, int]:
    """The seconds, those of its processors, the peak of resident memory in MB, and the exit code of a process."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        took, code = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
        process.returncode = code
        said.seek(0)
        if code:
            print(said.read().decode(errors="replace")[-2000:])
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, code


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000, 1_000_000])
    parser.add_argument("--only", choices=("check", "finetune"))
    chosen = parser.parse_args()
    tl = str(Path(sys.executable).with_name("tl"))
    with tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, "TL_CACHE": f"{name}/cache"}
        for rows in chosen.rows:
            table = Path(name, f"{rows}.csv")
            write_table(table, rows)
            print(f"{rows:,} rows, {table.stat().st_size / 1024**2:.0f} MB", flush=True)
            for command, more in (("check", []), ("finetune", ["--runs", f"{name}/runs"])):
                if chosen.only not in (None, command):
                    continue
                words = [tl, command, *RECIPE, f"data.file={table}", *more]
                took, busy, peak, code = measure(words, environment)
                print(
                    f"  tl {command}: {took:.1f} s ({busy:.1f} s of processor), {peak:,.0f} MB, exit code {code}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
