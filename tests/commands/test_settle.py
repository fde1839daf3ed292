from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import TEXT
from tl.commands.settle import settle
from tl.recipe.recipe import load
from tl.run.run import Run


@pytest.mark.parametrize(
    "gpu, able, overrides, chosen",
    [
        (True, True, [], "bf16"),
        (True, False, [], "no"),
        (False, True, [], "no"),
        (True, True, ["loop.device=cpu"], "no"),
        (True, True, ["loop.precision=fp16"], "fp16"),
        (True, True, ["loop.precision=no"], "no"),
    ],
)
def test_auto_is_bf16_where_a_gpu_computes_in_it(
    gpu: bool, able: bool, overrides: list[str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: able and not including_emulation)
    assert settle(load("base", [*TEXT, "loop.device=auto", *overrides])).loop.precision == chosen


def test_a_resumed_run_keeps_the_precision_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "meta", {"precision": "bf16"})
    recipe = load("base", [*TEXT])
    assert settle(recipe, Run(Path("elsewhere"))).loop.precision == "bf16"
