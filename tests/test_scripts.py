"""What scripts/ import from tl, also in code that they hand to another process as a string, is there."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPTS = Path(__file__).parents[1] / "scripts"
IMPORT = re.compile(r"\bfrom (tl(?:\.\w+)*) import ([\w ,]+)")


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.py")), ids=lambda path: str(path.relative_to(SCRIPTS)))
def test_names_that_a_script_imports_from_tl_exist(path: Path) -> None:
    for module, names in IMPORT.findall(path.read_text(encoding="utf-8")):
        found = importlib.import_module(module)
        for name in (part.split()[0] for part in names.split(",") if part.strip()):
            known = hasattr(found, name) or (hasattr(found, "__path__") and find_spec(f"{module}.{name}"))
            assert known, f"{path.name} imports {name} from {module}, which has no such name: was it renamed?"


@pytest.fixture(scope="module")
def peer() -> ModuleType:
    """scripts/bench/gpu_peer.py as a module."""
    spec = spec_from_file_location("gpu_peer", SCRIPTS / "bench" / "gpu_peer.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["gpu_peer"] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case, weights", [("resnet50", "ResNet50_Weights"), ("vit_b_16", "ViT_B_16_Weights")])
def test_operations_are_those_that_torchvision_publishes(case: str, weights: str, peer: ModuleType) -> None:
    from torchvision import models

    forward = 2e9 * getattr(models, weights).IMAGENET1K_V1.meta["_ops"]  # it counts multiply-adds
    assert peer.flops_of_sample(case, False, peer.FULL[case]) == pytest.approx(3 * forward, rel=1e-3)


def test_operations_of_bert_are_those_of_its_layers(peer: ModuleType) -> None:
    """For each token and layer: four projections, two layers of four times the width, and attention over the text."""
    tokens, width, layers = peer.FULL["bert"].tokens, 768, 12
    forward = 2 * tokens * layers * (4 * width**2 + 8 * width**2 + 2 * tokens * width)
    assert peer.flops_of_sample("bert", False, peer.FULL["bert"]) == pytest.approx(3 * forward, rel=1e-3)


@pytest.mark.parametrize(
    "name, tera",
    [
        *(("NVIDIA H100 80GB HBM3", 989.4), ("NVIDIA H100 PCIe", 756.0), ("NVIDIA H200", 989.4)),
        *(("NVIDIA A100-SXM4-80GB", 312.0), ("NVIDIA L40S", 362.0), ("NVIDIA L4", 121.0), ("Tesla T4", 65.0)),
        *(("NVIDIA GeForce RTX 4090", 165.2), ("NVIDIA A10", 125.0)),
    ],
)
def test_the_peak_of_a_card(name: str, tera: float, peer: ModuleType) -> None:
    assert peer.peak_flops(name) == pytest.approx(tera * 1e12)


def test_a_card_that_is_not_known_has_no_peak(peer: ModuleType) -> None:
    assert peer.peak_flops("NVIDIA GeForce GTX 1080") is None


def test_reading_is_timed_apart_from_the_steps(peer: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps of which the first warms up; reading takes one second a batch, a step two."""
    now = [0.0]
    monkeypatch.setattr(peer.time, "perf_counter", lambda: now[0])
    clock = peer.Clock(peer.Size(8, 3, 1, 4, 0, 0, 0), torch.device("cpu"))

    def batches() -> object:
        for number in range(3):
            now[0] += 1
            yield number

    for _ in clock.read(batches()):
        now[0] += 2
        clock.step()
    assert (clock.seconds, clock.reading) == (6.0, 2.0)


def gpu(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / "gpu.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_script_says_so() -> None:
    done = gpu()
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "torch sees no CUDA GPU here" in done.stdout


def test_what_runs_on_a_gpu_is_rehearsed() -> None:
    done = gpu("--device", "cpu", "--tiny", "--case", "bert")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^bert +tl +[\d.,]+ texts/s, \d+% of the time reading", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^bert +trainer +[\d.,]+ texts/s, \d+% of the time reading", done.stdout, re.MULTILINE), (
        done.stdout
    )
