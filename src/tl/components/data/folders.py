"""The folder of a data set: there, or named in a sentence."""

from __future__ import annotations

from pathlib import Path

from tl.errors import TLError, did_you_mean
from tl.recipe.yamlfile import short_path


def check_root(root: Path) -> None:
    """TLError where data.root is no folder."""
    if not root.is_dir():
        near = [p.name for p in root.parent.iterdir() if p.is_dir()] if root.parent.is_dir() else []
        what = "is a file: unpack it and name the folder" if root.is_file() else "there is no such folder"
        raise TLError(f"data.root={short_path(root)}: {what}.{did_you_mean(root.name, near)}")
