"""torchvision's ImageNet weights: where their file lies, and the preprocessing that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import get_model, get_model_weights

from tl.components.backbone.loading import LoadReport, State, build_with_state, read_weights, run_preprocess
from tl.components.preprocess import ImagePreprocess
from tl.errors import TLError, did_you_mean
from tl.recipe.weights import Weights


@dataclass(frozen=True)
class Pretrained:
    """What the key `backbone.weights` names in a torchvision family; `state` is None where it names no weights."""

    state: State | None
    preprocess: ImagePreprocess
    source: str = ""

    @classmethod
    def find(cls, name: str, weights: Weights, download: bool) -> Pretrained:
        """The weights of the architecture `name`; TLError where they are not on this machine."""
        match weights.kind, weights.path:
            case "hub", _:
                entry = _weights_entry(name, weights.hub)
                return cls(_state(entry, download), _preprocess(entry), f"torchvision's {entry}")
            case "run", Path() as run:
                return cls(read_weights(weights), run_preprocess(run, ImagePreprocess), str(run))
            case _, Path() as path:
                return cls(read_weights(weights), _preprocess(_published(name, path.name)), str(path))
        return cls(None, _preprocess(_published(name)))

    def build_net(self, make: Callable[[], nn.Module], dropped: Sequence[str]) -> tuple[Any, LoadReport | None]:
        """The network that `make` makes, with these weights; those whose names start like `dropped` are left out."""
        return build_with_state(make, self.state, self.source, dropped)

    def with_state(self, state: State | None) -> Pretrained:
        """The same preprocessing and source with other tensors."""
        return replace(self, state=state)


def headless(name: str, classifier: str) -> Any:
    """torchvision's network of that name with random weights, whose child `classifier` is the identity."""
    net = get_model(name, weights=None)
    setattr(net, classifier, nn.Identity())
    return net


def _weights_entry(name: str, wanted: str) -> Any:
    members = get_model_weights(name).__members__
    key = wanted.upper()
    if key not in members:
        known = ["default" if key == "DEFAULT" else key for key in members]
        near = _suggestion(key, known)
        raise TLError(f"backbone.weights=hub:{wanted}: torchvision has no such weights of {name}.{near}")
    return members[key]


def _suggestion(wanted: str, known: Sequence[str]) -> str:
    return did_you_mean(wanted, known) or f" There is: {', '.join(known)}."


def _published(name: str, file: str = "") -> Any:
    """The entry of the weights published in that file; the first published ones where no entry has that file."""
    members = get_model_weights(name).__members__
    first = next(iter(members.values()))
    return next((entry for entry in members.values() if entry.url.endswith(f"/{file}")), first)


def _state(entry: Any, download: bool) -> State:
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file: str = entry.url.rpartition("/")[2]
    if (folder / file).is_file():
        return read_weights(Weights("file", folder / file))
    if not download:
        raise TLError(f"{file} is not in {folder}: put it there, or set backbone.download=true to fetch it.")
    try:
        fetched: State = entry.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError) as error:
        raise TLError(f"{entry.url} cannot be fetched ({error}): put {file} into {folder} by hand.") from error
    return fetched


def _preprocess(entry: Any) -> ImagePreprocess:
    preset = entry.transforms()
    (size,), (resize,) = preset.crop_size, preset.resize_size
    return ImagePreprocess(size, resize, preset.interpolation.value, tuple(preset.mean), tuple(preset.std))
