"""What the command line imports: the fast commands do not import torch, and help does not import Hydra either."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TORCH = {"torch", "torchvision", "transformers", "accelerate"}
HYDRA = {"hydra", "omegaconf", "yaml", "numpy", "sklearn", "PIL", "rich"}
CODE = """
import contextlib, io, json, sys
sys.argv = ["tl", *{arguments!r}]
from tl.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(json.dumps(sorted(name for name in sys.modules if "." not in name)))
"""


def imported(folder: Path, *arguments: str) -> set[str]:
    """The top-level modules that a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(arguments=list(arguments))],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["finetune", "--help"], ["check", "--help"]])
def test_help_imports_no_torch_and_no_hydra(arguments: list[str], tmp_path: Path) -> None:
    assert not imported(tmp_path, *arguments) & (TORCH | HYDRA - {"rich"})


def test_the_command_files_import_nothing_heavy_at_the_top(tmp_path: Path) -> None:
    assert not imported(tmp_path, "cache", "--older-than", "3") & (TORCH | HYDRA)


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["list", "head"],
        ["explain", "optimizer.lr"],
        ["show", "base", "data=tiny_shapes"],
        ["check", "base", "data=tiny_shapes"],
        ["check", "base", "data=tiny_sentences", "backbone=tiny_text", "augment=text", "loop.best=macro_f1"],
        ["check", "base", "data=tiny_shapes", "head=lineer", "loop.length=10epochs", "optimizer.rl=1"],
        ["copy", "base", "mine.yaml"],
        ["runs", "."],
        ["cache", "."],
    ],
    ids=" ".join,
)
def test_the_fast_verbs_import_no_torch(arguments: list[str], tmp_path: Path) -> None:
    assert not imported(tmp_path, *arguments) & TORCH


SHORT = ["loop.length=1step", "loop.bootstrap=5", "data.n=60"]


@pytest.mark.parametrize(
    "recipe, spared",
    [("tiny_texts", {"torchvision", "transformers", "sklearn"}), ("tiny_images", {"transformers", "sklearn"})],
)
def test_a_run_imports_only_what_its_recipe_needs(recipe: str, spared: set[str], tmp_path: Path) -> None:
    found = imported(tmp_path, "finetune", recipe, *SHORT)
    assert "torch" in found
    assert not found & spared
