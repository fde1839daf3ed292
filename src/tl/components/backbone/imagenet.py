"""torchvision's ImageNet weights: their file, where it lies, and the preprocessing that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import get_model, get_model_weights

from tl.components.backbone.loading import LoadReport, State, loaded, read, run_preprocess
from tl.components.preprocess import ImagePreprocess
from tl.errors import TLError, did_you_mean
from tl.recipe.weights import Weights


@dataclass(frozen=True)
class Pretrained:
    """What `weights:` stands for in a torchvision family; `state` is None from scratch."""

    state: State | None
    preprocess: ImagePreprocess
    source: str = ""

    @classmethod
    def find(cls, name: str, weights: Weights, download: bool) -> Pretrained:
        """The weights of the architecture `name`; TLError where they are not on this machine."""
        match weights.kind, weights.path:
            case "hub", _:
                member = _member(name, weights.hub)
                return cls(_state(member, download), _preprocess(member), f"torchvision's {member}")
            case "run", Path() as run:
                return cls(read(weights), run_preprocess(run, ImagePreprocess), str(run))
            case _, Path() as path:
                return cls(read(weights), _preprocess(_published(name, path.name)), str(path))
        return cls(None, _preprocess(_published(name)))

    def into(self, make: Callable[[], nn.Module], dropped: Sequence[str]) -> tuple[Any, LoadReport | None]:
        """The net that `make` makes, with the state in it but for its classifier."""
        return loaded(make, self.state, self.source, dropped)

    def with_state(self, state: State | None) -> Pretrained:
        """The same with other tensors."""
        return replace(self, state=state)


def headless(name: str, classifier: str) -> Any:
    """torchvision's network of that name, from scratch, whose child `classifier` does nothing."""
    net = get_model(name, weights=None)
    setattr(net, classifier, nn.Identity())
    return net


def _member(name: str, wanted: str) -> Any:
    members = get_model_weights(name).__members__
    key = wanted.upper()
    if key not in members:
        known = ["default" if key == "DEFAULT" else key for key in members]
        raise TLError(f"backbone.weights=hub:{wanted}: torchvision has no such weights of {name}.{_near(key, known)}")
    return members[key]


def _near(wanted: str, known: Sequence[str]) -> str:
    return did_you_mean(wanted, known) or f" There is: {', '.join(known)}."


def _published(name: str, file: str = "") -> Any:
    """The weights published in that file, else the first ones that were."""
    members = get_model_weights(name).__members__
    first = next(iter(members.values()))
    return next((member for member in members.values() if member.url.endswith(f"/{file}")), first)


def _state(member: Any, download: bool) -> State:
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file: str = member.url.rpartition("/")[2]
    if (folder / file).is_file():
        return read(Weights("file", folder / file))
    if not download:
        raise TLError(f"{file} is not in {folder}: put it there, or set backbone.download=true to fetch it.")
    try:
        fetched: State = member.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError) as error:
        raise TLError(f"{member.url} cannot be fetched ({error}): put {file} into {folder} by hand.") from error
    return fetched


def _preprocess(member: Any) -> ImagePreprocess:
    preset = member.transforms()
    (size,), (resize,) = preset.crop_size, preset.resize_size
    return ImagePreprocess(size, resize, preset.interpolation.value, tuple(preset.mean), tuple(preset.std))
