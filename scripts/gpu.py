"""Everything that needs a CUDA GPU, in one command: `make gpu`, or python scripts/gpu.py (under eight minutes).

First the tests marked `gpu`, then full fine-tuning in bf16 through tl beside timm (pictures) and the Transformers
Trainer (texts): samples a second, model FLOPs utilisation, and the share of time in which reading was waited for.
Weights are random and the data is made here, so nothing is downloaded. `--device cpu --tiny` rehearses all of it
without a GPU.
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

ROOT = Path(__file__).parents[1]
CASES = {"resnet50": ("tl", "timm"), "vit_b_16": ("tl", "timm"), "bert": ("tl", "trainer")}
NEEDS = {"tl": "hydra", "timm": "timm", "trainer": "accelerate"}
TESTS_S, PEER_S, ALL_S, REHEARSAL_S = 200.0, 75.0, 470.0, 600.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small pictures, short texts, few steps: a rehearsal")
    parser.add_argument("--case", choices=tuple(CASES), help="only this network, and no tests")
    parser.add_argument("--no-tests", action="store_true", help="only the measurements")
    chosen = parser.parse_args()
    import torch

    if chosen.device == "cuda" and not torch.cuda.is_available():
        print("make gpu: torch sees no CUDA GPU here, so there is nothing to run (--device cpu --tiny rehearses it).")
        return 0
    began = time.monotonic()
    print(f"torch {torch.__version__}, {_card(chosen.device)}", flush=True)
    code = 0 if chosen.no_tests or chosen.case else _tests(chosen.device)
    with tempfile.TemporaryDirectory(prefix="tl_gpu_") as name:
        for case in [chosen.case] if chosen.case else CASES:
            for peer in CASES[case]:
                left = ALL_S - (time.monotonic() - began)
                seconds = min(PEER_S, left) if chosen.device == "cuda" else REHEARSAL_S
                code = max(code, _measured(case, peer, chosen.device, chosen.tiny, Path(name), seconds))
    print(f"{time.monotonic() - began:.0f} s in all", flush=True)
    return code


def _card(device: str) -> str:
    import torch

    if device == "cpu":
        return f"a rehearsal on {torch.get_num_threads()} threads of a CPU: its figures say nothing"
    facts = torch.cuda.get_device_properties(0)
    return f"{facts.name}, {facts.total_memory / 1024**3:.0f} GB, CUDA {torch.version.cuda}"


def _tests(device: str) -> int:
    """The tests marked gpu; a line where pytest is not installed."""
    if find_spec("pytest") is None:
        print("tests: pytest is not installed: skipped.", flush=True)
        return 0
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu",
        "tests/test_gpu.py",
        "-W",
        "default",
        "-p",
        "no:xdist",
    ]
    seconds = TESTS_S if device == "cuda" else REHEARSAL_S
    try:
        done = subprocess.run(command, cwd=ROOT, env=_environment(TL_GPU_TESTS_ON=device), timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        print(f"tests: not done after {seconds:.0f} s: stopped.", flush=True)
        return 1
    return done.returncode


def _measured(case: str, peer: str, device: str, tiny: bool, folder: Path, seconds: float) -> int:
    """Print one line on a peer; 1 where it failed. A peer that is not installed is left out."""
    what = f"{case:9} {peer:8}"
    if find_spec(NEEDS[peer]) is None:
        print(f"{what} {NEEDS[peer]} is not installed: skipped.", flush=True)
        return 0
    if seconds < 5:
        print(f"{what} no time is left: skipped.", flush=True)
        return 0
    command = [sys.executable, str(ROOT / "scripts" / "bench" / "gpu_peer.py"), case, peer, str(folder)]
    command += ["--device", device, *(["--tiny"] if tiny else [])]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=_environment(), capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"{what} not done after {seconds:.0f} s: stopped.", flush=True)
        return 1
    if done.returncode:
        print(f"{what} failed:\n{done.stderr.strip()[-1500:]}", flush=True)
        return 1
    found = json.loads(done.stdout.strip().splitlines()[-1])
    share = "" if found["mfu"] is None else f", {found['mfu']:.0%} of the card's dense peak"
    print(
        f"{what} {found['per_second']:9,.1f} {found['unit']}s/s{share}, {found['waiting']:.0%} of the time reading, "
        f"{found['gb']:.1f} GB at most ({found['precision']}, batch {found['batch']}, {found['steps']} steps)",
        flush=True,
    )
    return 0


def _environment(**more: str) -> dict[str, str]:
    paths = [str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **offline, "PYTHONPATH": os.pathsep.join(paths), **more}


if __name__ == "__main__":
    sys.exit(main())
