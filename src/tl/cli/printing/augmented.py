"""What augmentation makes of samples, for `tl show --augment`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from tl.cli.printing.json_output import print_json
from tl.cli.printing.terminal import say
from tl.commands.chosen_task import build_task, read_data
from tl.commands.contact_sheet import augmented_images, augmented_texts, contact_sheet
from tl.commands.published import Shown
from tl.commands.settle import without_download
from tl.components.augment.base import Augment
from tl.components.backbone.base import Backbone
from tl.components.data.base import Data
from tl.components.data.labels import names_of
from tl.components.picture import open_image
from tl.components.preprocess import ImagePreprocess, TextPreprocess
from tl.components.sample import Sample, halves_of, plain_target
from tl.errors import TLError
from tl.recipe.build import build
from tl.recipe.recipe import load
from tl.rng import derive

_SAMPLES, _VIEWS = 6, 6


def print_augmented(reference: str, overrides: list[str], to: Path, as_json: bool) -> None:
    """Write pictures of the training split, and what augmentation makes of them, as a contact sheet; print texts."""
    recipe = without_download(load(reference, overrides))
    data: Data = read_data(recipe.data, recipe.task)
    backbone: Backbone = build(recipe.backbone)
    augment: Augment = build(recipe.augment)
    if data.modality != backbone.preprocess.modality or augment.modality not in (None, data.modality):
        raise TLError(f"The data holds {data.modality}s, but backbone or augment do not take them: see tl check.")
    samples = _evenly_spaced(data.splits["train"])
    match build_task(recipe.task, data.target).prepared(backbone.preprocess):
        case ImagePreprocess() as preprocess:
            shown = Shown(recipe)
            samples = [sample for sample in samples if shown(sample)]
            if not samples:
                raise TLError("All pictures lie outside the data's folder: report.elsewhere=true shows them.")
            images = [open_image(halves_of(sample.input)[0], preprocess.min_side) for sample in samples]
            if not to.parent.is_dir():
                raise TLError(f"--to {to}: there is no folder '{to.parent}'.")
            captions = [f"{_said(sample)}: {sample.id}" for sample in samples]
            contact_sheet(augmented_images(images, augment, preprocess, recipe.seed, _VIEWS), captions, to)
            print_json({"to": str(to)}) if as_json else say(f"{to}: as evaluated, then {_VIEWS} views each")
        case TextPreprocess() as preprocess:
            texts = [cast("str | tuple[str, str]", sample.input) for sample in samples]
            found = [
                augmented_texts(t, augment, preprocess, derive(recipe.seed, "text", i), _VIEWS)
                for i, t in enumerate(texts)
            ]
            print_json(found) if as_json else _print_texts(found)


def _said(sample: Sample) -> object:
    """The classes in a sample's target, or its numbers."""
    return ", ".join(names_of(sample.target)) or plain_target(sample.target) or "nothing"


def _evenly_spaced(samples: Sequence[Sample]) -> list[Sample]:
    """At most six samples, from the whole length of the sequence."""
    count = min(_SAMPLES, len(samples))
    return [samples[i * len(samples) // count] for i in range(count)]


def _print_texts(found: Sequence[Sequence[str | tuple[str, str]]]) -> None:
    for text, *changed in found:
        say(_as_line(text))
        for view in changed:
            say(f"  {_as_line(view)}")


def _as_line(text: str | tuple[str, str]) -> str:
    return text if isinstance(text, str) else " | ".join(text)
