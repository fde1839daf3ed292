"""Plug-ins that were written before the wings: the modules that they import by former names are found where they are.

Shipped code never uses a former name. The finder is installed when a plug-in's option is built. It gives the very
module of the present name, so that classes are the same under both names.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_GROUPS = ("data", "backbone", "head", "adapter", "freeze", "augment", "optimizer", "method")
_MOVED = {
    **{f"tl.{group}": f"tl.components.{group}" for group in _GROUPS},
    "tl.data.images": "tl.components.picture",
    "tl.model": "tl.components.model",
    "tl.preprocess": "tl.components.preprocess",
    "tl.schedule": "tl.components.optimizer.schedule",
    "tl.duration": "tl.recipe.duration",
    "tl.options": "tl.recipe.registry",
    "tl.signature": "tl.recipe.signature",
    "tl.weights": "tl.recipe.weights",
    "tl.calibration": "tl.metrics.calibration",
    "tl.weighted": "tl.metrics.weighted",
    "tl.items": "tl.inputs.items",
    "tl.streams": "tl.inputs.streams",
}


def present_name(module: str) -> str:
    """The name that a module of tl has now; any other name unchanged."""
    head = module
    while head and head not in _MOVED:
        head = head.rpartition(".")[0]
    return _MOVED[head] + module[len(head) :] if head else module


def find_former_names() -> None:
    """From now on, imports by former names work in this process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if present_name(fullname) != fullname else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(present_name(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module has been executed under its present name; importlib gave it another spec, which is put back."""
        former = module.__spec__
        assert former is not None
        module.__spec__ = former.loader_state
