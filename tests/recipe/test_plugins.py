"""Options of installed packages, which entry points declare."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

Plugin = Callable[[str], "subprocess.CompletedProcess[str]"]

PLUGIN = {
    "theirs-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n",
    "theirs-1.0.dist-info/entry_points.txt": "[tl.head]\nmine = theirs.heads.mine\n",
    "theirs/__init__.py": "raise SystemExit('imported, though nothing was built')\n",
    "theirs/heads/__init__.py": "",
    "theirs/heads/mine.py": """\
        from typing import ClassVar, Unpack, final

        from torch import nn

        from tl.components.head.base import Common, Head
        from theirs.heads.width import Width


        @final
        class Mine(Head):
            kinds: ClassVar[tuple[str, ...]] = ("single",)
            starts: ClassVar[tuple[str, ...]] = ("random",)

            def __init__(self, dim_in, space, *, width: Width, **common: Unpack[Common]) -> None:
                super().__init__(dim_in, space, common)
                self.layer = nn.Linear(dim_in, space.dim)
                self.width = width

            def answer(self, features):
                return self.layer(features)
        """,
    "theirs/heads/width.py": """\
        from dataclasses import dataclass


        @dataclass(frozen=True)
        class Width:
            low: int
            high: int
        """,
    "theirs/heads/mine.yaml": "# A head of their own.\ndefaults: [_common, _self_]\nwidth: {low: 1, high: 2}\n",
}  # fmt: skip


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """Run Python code beside an installed plug-in package with a head named `mine`."""
    for name, text in PLUGIN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(dedent(text))

    def run(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_a_plugin_adds_an_option_that_is_listed_bound_and_only_imported_when_built(
    plugin: Plugin, tmp_path: Path
) -> None:
    listing = plugin("from tl.recipe.registry import options; print(options('head')['mine'].what())")
    assert listing.stdout == "A head of their own.\n", listing.stderr
    load_it = "from tl.recipe.recipe import load; r = load('base', ['data=tiny_shapes', 'head=mine', {!r}]);"
    bound = plugin(load_it.format("head.width.low=7") + "print(r.head.values)")
    assert bound.stdout.startswith("{'width': {'low': 7, 'high': 2}, 'init': 'random'"), bound.stderr
    wrong = plugin(load_it.format("head.width.lo=7"))
    assert "command line: head.width.lo is no key here. Did you mean 'low'?" in wrong.stderr
    (tmp_path / "theirs/__init__.py").write_text("")
    built = plugin(
        load_it.format("head.width.low=7")
        + "from tl.recipe.build import build; from tl.space import Space;"
        + "h = build(r.head, dim_in=4, space=Space('single', ('a', 'b'))); print(h.width, h.layer.weight.shape)"
    )
    assert built.stdout == "Width(low=7, high=2) torch.Size([2, 4])\n", built.stderr


def test_a_plugin_whose_files_are_missing_is_named(plugin: Plugin, tmp_path: Path) -> None:
    (tmp_path / "theirs/heads/mine.yaml").unlink()
    done = plugin("from tl.recipe.registry import options; options('head')")
    assert (
        f"The plug-in option 'mine' needs {tmp_path / 'theirs/heads/mine.py'} with mine.yaml beside it" in done.stderr
    )
