"""Plug-ins that were written before the wings import modules of `tl` by former names, which are found here.

The finder is installed when an option of a plug-in is built; shipped code uses present names only. A former name gives
the very module of its present name, so that each class is the same object under both names and no module is loaded
twice. A function, class or method whose name changed is found under its former name too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_GROUPS = ("data", "backbone", "head", "adapter", "freeze", "augment", "optimizer", "method")
# Former module: present module. The modules below a former name (tl.head.base) are below its present name.
_MODULES = {
    **{f"tl.{group}": f"tl.components.{group}" for group in _GROUPS},
    "tl.data.faults": "tl.components.data.bad_samples",
    "tl.data.images": "tl.components.picture",
    "tl.model": "tl.components.model",
    "tl.preprocess": "tl.components.preprocess",
    "tl.schedule": "tl.components.optimizer.schedule",
    "tl.duration": "tl.recipe.duration",
    "tl.options": "tl.recipe.registry",
    "tl.signature": "tl.recipe.signature",
    "tl.weights": "tl.recipe.weights",
    "tl.yamlfile": "tl.recipe.yamlfile",
    "tl.calibration": "tl.metrics.calibration",
    "tl.classification": "tl.metrics.classification",
    "tl.regression": "tl.metrics.regression",
    "tl.weighted": "tl.metrics.weighted",
    "tl.items": "tl.inputs.items",
    "tl.streams": "tl.inputs.streams",
}
# Former module: what it held by a name, or in a module, that changed (`module`, or `module:name`).
_NAMES: Mapping[str, Mapping[str, str]] = {
    "tl.data.base": {
        **dict.fromkeys(("Picture", "Raw", "Sample", "Target", "texts_of"), "tl.components.sample"),
        "LABELLED": "tl.components.data.base:LABELLED_SPLITS",
        "Split": "tl.components.data.base:Division",
        "canonical": "tl.components.data.base:standard_split_name",
        "digest": "tl.components.data.base:data_fingerprint",
    },
    "tl.data.labels": {"Splits": "tl.components.data.labels:SplitLists"},
    "tl.data.tablefile": {"Row": "tl.components.data.tablefile:Row"},
    "tl.backbone.chain": {"scaled": "tl.components.backbone.chain:at_image_size"},
    "tl.backbone.loading": {
        "loaded": "tl.components.backbone.loading:build_with_state",
        "read": "tl.components.backbone.loading:read_weights",
    },
    "tl.backbone.pretrained": {"Source": "tl.components.backbone.pretrained:ModelFolder"},
    "tl.freeze.base": {
        "downwards": "tl.components.freeze.base:unfreezing_steps",
        "matching": "tl.components.freeze.base:matching_parts",
        "share": "tl.components.freeze.base:percent_of_run",
    },
    "tl.preprocess": dict.fromkeys(("fingerprint", "to_json", "from_json"), "tl.components.preprocess_file"),
    "tl.optimizer.base": {"pair": "tl.components.optimizer.base:beta_pair"},
    "tl.schedule": {"shape": "tl.components.optimizer.schedule:rate_multiple"},
    "tl.yamlfile": {"shown": "tl.recipe.yamlfile:short_path"},
    "tl.items": dict.fromkeys(("Draw", "Source"), "tl.inputs.streams"),
    "tl.streams": {"Share": "tl.place"},
    # Three files that are wings of the same name now.
    "tl.metrics": {
        **dict.fromkeys(("METRICS", "Metric"), "tl.metrics.catalogue"),
        **dict.fromkeys(("better", "default_metric", "metric_names", "per_class"), "tl.evaluation.former"),
        **dict.fromkeys(("evaluate", "statistics"), "tl.evaluation.former"),
        "confusion": "tl.metrics.tables",
    },
    "tl.recipe": dict.fromkeys(("CacheRules", "Loop", "Node", "Recipe", "load"), "tl.recipe.recipe"),
    "tl.run": dict.fromkeys(("Listener", "Run"), "tl.run.run"),
}
# Class, by its present name: its methods and properties by former name.
_MEMBERS: Mapping[str, Mapping[str, str]] = {
    "tl.components.data.base:DataSource": {"attempt": "sample_or_skip"},
    "tl.components.augment.base:Augment": {
        "erase": "random_erase",
        "mixes": "mixes_samples",
        "objection": "mistake_for",
    },
    "tl.components.backbone.base:Backbone": {"described": "description_lines"},
    "tl.components.backbone.imagenet:Pretrained": {"into": "build_net"},
    "tl.components.head.base:Head": {"needs_fit": "needs_training_features"},
    "tl.components.optimizer.base:Optimizer": {"shape": "rate_multiple"},
    "tl.components.preprocess:ImagePreprocess": {
        "least": "min_side",
        "mode": "interpolation_mode",
        "normal": "normalise",
    },
    "tl.components.preprocess:TextPreprocess": {"words": "vocab_size"},
    "tl.batch:Batch": {"answers": "teacher_outputs"},
}


def present_module(module: str) -> str:
    """The present name of a module of `tl`; any other name unchanged."""
    head = module
    while head and head not in _MODULES:
        head = head.rpartition(".")[0]
    return _MODULES[head] + module[len(head) :] if head else module


def present_name(module: str, name: str) -> tuple[str, str]:
    """The module that holds a class or function now, and its name there; the arguments may be former names."""
    moved, _, renamed = _NAMES.get(module, {}).get(name, "").partition(":")
    return moved or present_module(module), renamed or name


def find_former_names() -> None:
    """From now on, imports by former names work in this process."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder())
    for wing in (name for name in _NAMES if present_module(name) == name):
        _add_former_names(import_module(wing), wing)


def find_former_members(option: type) -> None:
    """From now on, members in the table above may be used by former names, and the class of an option may define them.

    A member that the option's own class defines by a former name becomes its present member too.
    """
    for place, members in _MEMBERS.items():
        module, _, name = place.partition(":")
        if module not in sys.modules:  # then the option cannot have used it
            continue
        owner = getattr(sys.modules[module], name)
        for former, present in members.items():
            setattr(owner, former, vars(owner)[present])
            own = [vars(cls) for cls in option.__mro__ if not cls.__module__.startswith("tl.")]
            defined = [names[former] for names in own if former in names]
            if defined and issubclass(option, owner) and not any(present in names for names in own):
                setattr(option, present, defined[0])


def _add_former_names(module: ModuleType, former: str) -> None:
    """Let the former names that a module held be looked up in it; each is imported when a plug-in asks for it."""

    def look_up(name: str) -> Any:
        if name not in _NAMES[former]:
            raise AttributeError(f"module '{former}' has no attribute '{name}'")
        home, present = present_name(former, name)
        return getattr(import_module(home), present)

    if former in _NAMES:
        module.__dict__["__getattr__"] = look_up  # Python calls it for names that the module lacks (PEP 562)


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if present_module(fullname) != fullname else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(present_module(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module has been executed under its present name; importlib gave it another spec, which is put back."""
        former = module.__spec__
        assert former is not None
        module.__spec__ = former.loader_state
        _add_former_names(module, former.name)
