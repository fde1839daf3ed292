"""A run that was stopped and resumed, beside one that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tl.errors import Stopped


@pytest.fixture
def resumed(
    train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[Path, Path]]:
    """resumed(*overrides, at=5) gives a run that was never stopped, and one stopped after step `at` and resumed."""
    from tests.training.test_trainer import interrupt

    def run(*overrides: str, at: int = 5) -> tuple[Path, Path]:
        whole = train(*overrides)
        with monkeypatch.context() as patch:
            interrupt(at, patch)
            with pytest.raises(Stopped):
                train(*overrides)
        (halted,) = (path for path in (tmp_path / "runs" / "base").iterdir() if path != whole)
        return whole, train(resume=halted)

    return run
