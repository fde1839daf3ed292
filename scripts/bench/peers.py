"""tl against its peers: each does the same jobs on the same data as a process of its own, by turns; medians.

Every run is kept in results.jsonl beside the data, so that an interrupted comparison goes on where it stopped. The time
is that of the whole process, imports included; a peer that is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from peers.jobs import JOBS, STAGES, TL_CACHE
from peers.quiet import watched
from peers.table import PACKAGES, table, write_into
from peers.through_tl import run_tl

HERE = Path(__file__).parent
FIGURES = HERE.parents[1] / "recipes" / "howto" / "figures.md"


class Arm(NamedTuple):
    """One way to do the jobs: a module of peers/ (none: tl itself), and where it applies.

    `extra` are overrides for tl; a `warm` arm finds the cache of a run before it.
    """

    name: str
    module: str | None
    package: str
    modalities: tuple[str, ...] = tuple(STAGES)
    jobs: tuple[str, ...] = tuple(JOBS)
    variant: str | None = None
    extra: tuple[str, ...] = ()
    warm: bool = False


def ours() -> list[Arm]:
    """tl; where it keeps activations also with them kept from a run before, and without."""
    if not TL_CACHE:
        return [Arm("tl", None, "tl")]
    kept = ("cache.folder={cache}",)
    return [
        Arm("tl", None, "tl", extra=kept),
        Arm("tl, second run", None, "tl", jobs=("probe",), extra=kept, warm=True),
        Arm("tl, cache.use=never", None, "tl", extra=("cache.use=never",)),
    ]


ARMS = [
    *ours(),
    Arm("flat PyTorch", "flat", "torch"),
    Arm("flat PyTorch, by length", "flat", "torch", ("texts",), ("full",), "buckets"),
    Arm("transformers Trainer", "trainer", "transformers"),
    Arm("timm", "timm_loop", "timm", ("images",)),
    Arm("timm, channels_last", "timm_loop", "timm", ("images",), variant="channels_last"),
    Arm("fastai", "fastai_learner", "fastai"),
    Arm("fastai, channels_last", "fastai_learner", "fastai", ("images",), variant="channels_last"),
]


ASIDE = ("tl, cache.use=never", "timm, channels_last", "fastai, channels_last")
"""Arms that are measured only when they are named."""


def run_peer(arm: Arm, job: str, modality: str, folder: Path) -> dict[str, Any]:
    """The figures of one run of a peer's script."""
    words = [sys.executable, "-W", "ignore", "-m", f"peers.{arm.module}", job, modality, str(folder)]
    words += ["--variant", arm.variant] if arm.variant else []
    began = time.monotonic()
    done = subprocess.run(words, cwd=HERE, capture_output=True, text=True, check=False)
    total = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds_total": total}


def measure(arm: Arm, job: str, modality: str, folder: Path, cache: Path) -> dict[str, Any]:
    """One run, with what names it."""
    extra = [word.format(cache=cache) for word in arm.extra]
    if arm.warm and not any(cache.iterdir()):
        run_tl(job, modality, folder, extra)
    found = watched(
        lambda: run_peer(arm, job, modality, folder) if arm.module else run_tl(job, modality, folder, extra)
    )
    return {**found, "arm": arm.name, "job": job, "modality": modality}


def compare(arms: list[Arm], chosen: argparse.Namespace, results: Path) -> None:
    """Round by round, each job by every arm in turn; every other round backwards, but tl first for its cache's sake."""
    own, others = [a for a in arms if a.module is None], [a for a in arms if a.module is not None]
    for number in range(chosen.rounds):
        order = [*own, *others] if number % 2 == 0 else [*reversed(others), *own]
        for modality in chosen.modality:
            for job in chosen.job:
                able = [arm for arm in order if modality in arm.modalities and job in arm.jobs]
                missing = [arm for arm in able if not _there(results, arm, job, modality, number)]
                with tempfile.TemporaryDirectory() as cache:
                    for arm in missing:
                        _keep(results, {**measure(arm, job, modality, chosen.folder, Path(cache)), "round": number})


def read(results: Path) -> list[dict[str, Any]]:
    """The runs so far."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.is_file() else []
    return [json.loads(line) for line in lines]


def _there(results: Path, arm: Arm, job: str, modality: str, number: int) -> bool:
    wanted = {"arm": arm.name, "job": job, "modality": modality, "round": number}
    return any(all(run[key] == value for key, value in wanted.items()) for run in read(results))


def _keep(results: Path, run: dict[str, Any]) -> None:
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")
    print(f"{run['modality']} {run['job']} {run['arm']}: {run['seconds_total']:.1f} s", file=sys.stderr, flush=True)


def installed(arms: list[Arm]) -> list[Arm]:
    """The arms whose package is here; others are named."""
    absent = sorted({arm.package for arm in arms if find_spec(arm.package) is None})
    for package in absent:
        print(f"{package} is not installed, so it is left out: pip install 'tl-toolkit[bench]'.", file=sys.stderr)
    return [arm for arm in arms if arm.package not in absent]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the data are, or are written to")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--job", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--modality", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument(
        "--arm",
        nargs="+",
        choices=[arm.name for arm in ARMS],
        default=[arm.name for arm in ARMS if arm.name not in ASIDE],
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="forget the runs so far")
    parser.add_argument("--write", action="store_true", help="put the table into recipes/howto/figures.md")
    chosen = parser.parse_args()
    chosen.folder = chosen.folder.resolve()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    if not (chosen.folder / "about.json").is_file():
        subprocess.run([sys.executable, "-m", "peers.data", str(chosen.folder)], cwd=HERE, check=True)
    results = chosen.folder / "results.jsonl"
    if chosen.fresh:
        results.unlink(missing_ok=True)
    arms = installed(ARMS)
    compare([arm for arm in arms if arm.name in chosen.arm], chosen, results)
    facts = json.loads((chosen.folder / "about.json").read_text(encoding="utf-8"))
    here = [name for name in PACKAGES if find_spec(name) is not None]
    text = table(read(results), [arm.name for arm in arms], facts, here)
    print(text)
    if chosen.write:
        write_into(FIGURES, text)


if __name__ == "__main__":
    main()
