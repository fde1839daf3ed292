"""How many files of tl a batch passes: the way that src/tl/README.md describes, and no longer.

A file is passed where one of its functions is given, or returns, the samples of the batch as pictures or tensors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tl
from tests.conftest import IMAGE, SHORT, TEXT

PACKAGE = Path(tl.__file__).parent
CARRIED = (torch.Tensor, np.ndarray, Image.Image)
FROM_ROWS = {
    "inputs/rows.py",
    "inputs/streams.py",
    "training/step.py",
    "components/method/finetune.py",
    "components/model.py",
    "components/task/base.py",
    "components/head/base.py",
    "components/head/linear.py",
    "family.py",
    "functional.py",
}
INTO_ROWS = {
    "text": {
        "inputs/items.py",
        "inputs/tokens.py",
        "inputs/frozen.py",
        "inputs/filling.py",
        "components/backbone/base.py",
        "components/backbone/tiny_text.py",
    },
    "image": {
        "components/picture.py",
        "components/preprocess.py",
        "inputs/items.py",
        "inputs/frozen.py",
        "inputs/filling.py",
        "components/backbone/base.py",
        "components/backbone/chain.py",
    },
}
# The layers of the network itself, as torchvision would hold them; and what a batch is, whose methods move it.
NETWORK = {"components/backbone/tiny_image.py", "components/backbone/folding.py"}
ITSELF = {"batch.py"}


def carries(value: Any, depth: int = 0) -> bool:
    if isinstance(value, CARRIED):
        return True
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else []
    return depth < 3 and any(carries(one, depth + 1) for one in inner[:4])


class Trace:
    """Notes, between `begin` and `end`, the files whose functions are given or return samples."""

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self.within = 0

    def __call__(self, frame: FrameType, event: str, value: Any) -> None:
        file = frame.f_code.co_filename
        if not self.within or event not in ("call", "return") or not file.startswith(str(PACKAGE)):
            return
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
        values = [frame.f_locals.get(name) for name in names if name != "self"] if event == "call" else [value]
        if any(map(carries, values)):
            self.passed.add(Path(file).relative_to(PACKAGE).as_posix())

    def watch(self, patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        """Note what is passed while a function runs."""
        function = getattr(owner, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            self.within += 1
            try:
                return function(*arguments, **options)
            finally:
                self.within -= 1

        patch.setattr(owner, name, watched)


@pytest.mark.parametrize("kind", ["text", "image"])
def test_a_batch_passes_few_files(
    kind: str, train: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tl.inputs.filling import Filling
    from tl.inputs.rows import CachedActivations
    from tl.inputs.streams import Stream
    from tl.training.step import Step

    recipe = [*(TEXT if kind == "text" else IMAGE), *SHORT, "freeze=linear_probe", f"cache.folder={tmp_path / 'cache'}"]
    into, out = Trace(), Trace()
    into.watch(monkeypatch, Filling, "_write")
    for owner, name in ((CachedActivations, "_batch"), (Stream, "_piece"), (Step, "forward")):
        out.watch(monkeypatch, owner, name)
    both = lambda *event: (into(*event), out(*event))  # noqa: E731
    sys.setprofile(both)
    try:
        train(*recipe, "cache.use=always", "loop.length=2step")
    finally:
        sys.setprofile(None)
    assert out.passed - ITSELF == FROM_ROWS
    assert INTO_ROWS[kind] <= into.passed
    assert into.passed <= FROM_ROWS | INTO_ROWS[kind] | NETWORK | ITSELF
    assert len(FROM_ROWS) <= 10
    assert len(FROM_ROWS | INTO_ROWS[kind]) <= 17
