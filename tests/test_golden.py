"""The first losses of small runs stay what they were; scripts/golden.py writes them anew."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "golden.py"


@pytest.mark.parametrize("file", sorted((ROOT / "tests" / "golden").glob("*.json")), ids=lambda p: p.stem)
def test_losses_are_golden(file: Path, tmp_path: Path, forget_accelerate: Callable[[], None]) -> None:
    spec = importlib.util.spec_from_file_location("golden_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.losses(file.stem, tmp_path) == pytest.approx(json.loads(file.read_text()), rel=1e-4)
