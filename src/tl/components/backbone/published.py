"""The files of torchvision's published weights, read from its source: `tl check` imports neither it nor torch."""

from __future__ import annotations

import ast
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def published_file(name: str, wanted: str) -> str | None:
    """The file of an architecture's weights, such as hub:default; None where the source does not tell."""
    entries = _entries(name)
    key = wanted.upper()
    return entries.get(entries.get(key, key), entries.get(key))


def checkpoints() -> Path:
    """The folder where torch.hub keeps weights."""
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache_home, "torch"))
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"


@cache
def _entries(name: str) -> dict[str, str]:
    """Entry -> file name of the weights of an architecture, and DEFAULT -> entry."""
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return {}
    for file in sorted((Path(spec.origin).parent / "models").glob("*.py")):
        text = file.read_text(encoding="utf-8")
        if f"def {name}(" in text:
            return _read(ast.parse(text), name)
    return {}


def _read(tree: ast.Module, name: str) -> dict[str, str]:
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    named = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and node.id.endswith("_Weights")}
    found: dict[str, str] = {}
    for cls in tree.body:
        if isinstance(cls, ast.ClassDef) and cls.name in named:
            for node in cls.body:
                match node:
                    case ast.Assign(targets=[ast.Name(entry)], value=ast.Name(other)):
                        found[entry] = other
                    case ast.Assign(targets=[ast.Name(entry)], value=ast.Call(keywords=words)):
                        found.update((entry, _file(word.value)) for word in words if word.arg == "url")
    return found


def _file(url: ast.expr) -> str:
    return str(ast.literal_eval(url)).rpartition("/")[2]
