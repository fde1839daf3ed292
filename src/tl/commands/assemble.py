"""From a recipe to objects: the one file that knows every group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tl.commands.build_model import build_model
from tl.commands.chosen_task import build_task, chosen_task
from tl.commands.forms import form_mistakes
from tl.commands.open_run import open_run
from tl.components.augment.base import Augment
from tl.components.backbone.base import Backbone
from tl.components.data.base import Data, DataSource
from tl.components.data.splits import load_data
from tl.components.freeze.base import FreezeSchedule, Phase
from tl.components.method.base import Method
from tl.components.model import Model
from tl.components.optimizer.base import Optimizer
from tl.components.sample import Samples
from tl.errors import Mistakes, TLError
from tl.inputs.activations import Provenance
from tl.inputs.cache import key
from tl.inputs.items import Items
from tl.inputs.pairs import items_of
from tl.inputs.streams import Order, Stream
from tl.inputs.workers import processes
from tl.place import Share
from tl.recipe.build import build
from tl.recipe.recipe import Recipe
from tl.recipe.registry import options
from tl.rng import derive, seeded

_BACKBONES = Path(__file__).parents[1] / "components" / "backbone"


@dataclass(frozen=True)
class Assembly:
    """Everything that a recipe describes, built."""

    recipe: Recipe
    data: Data
    model: Model
    method: Method
    optimizer: Optimizer
    augment: Augment
    phases: tuple[Phase, ...]

    def items(self, split: str, augmented: bool = False) -> Items:
        """A split's samples as tensors, as evaluation sees them unless `augmented`."""
        samples = self.data.splits.get(split) or Samples.of(())
        preprocess = self.model.backbone.preprocess
        augment = self.augment if augmented else None
        return items_of(samples, self.model.task, preprocess, augment, processes(self.recipe.loop))

    def streams(self, share: Share) -> dict[str, Stream]:
        """The streams from which the method draws its batches; TLError where the data lacks a split for one."""
        loop, seed = self.recipe.loop, self.recipe.seed
        found: dict[str, Stream] = {}
        for name in self.method.streams:
            items = self.items(name, augmented=True)
            if not len(items):
                raise TLError(
                    f"method '{self.recipe.method.option}' needs a split '{name}', which the data lacks: "
                    f"it has {', '.join(self.data.splits)}."
                )
            balance = self._balance() if name == "train" and self.data.balanced_sampling else None
            batch = min(loop.batch, len(self.data.splits["train"]))
            pieces = batch if loop.device_batch == "auto" else min(loop.device_batch, batch)
            order = Order(
                len(items), derive(seed, "order", name), batch, balance, items.lengths if loop.bucket else None
            )
            found[name] = Stream(items, order, batch, pieces, share, loop.views)
        return found

    def _balance(self) -> torch.Tensor:
        targets = self.data.task.targets(self.data.splits["train"])
        return torch.from_numpy(1.0 / np.bincount(targets)[targets]).float()


def assemble(recipe: Recipe) -> Assembly:
    """Build everything; the data is read first, and parts that do not fit together are refused before training."""
    source: DataSource = build(recipe.data)
    task = build_task(recipe.task, source.kind)
    option = chosen_task(recipe.task, source.kind).option
    if mistakes := [*form_mistakes(recipe.nodes(), option, task.reads)]:
        raise Mistakes(mistakes)
    data = load_data(source, task)
    model = build_model(recipe, task)
    optimizer: Optimizer = build(recipe.optimizer)
    augment: Augment = build(recipe.augment)
    modality = model.backbone.preprocess.modality
    if data.modality != modality:
        raise TLError(f"backbone '{recipe.backbone.option}' takes {modality}s, but the data holds {data.modality}s.")
    if augment.modality not in (None, modality):
        raise TLError(f"augment '{recipe.augment.option}' is for {augment.modality}s, but the data holds {modality}s.")
    if mistake := augment.mistake_for(data.space):
        raise TLError(mistake)
    with seeded(derive(recipe.seed, "method")):
        method: Method = build(recipe.method, open_model=lambda path: open_run(path).model)
        method.attach(model)
    schedule: FreezeSchedule = build(recipe.freeze)
    phases = schedule.phases(list(model.parts()))
    return Assembly(recipe, data, model, method, optimizer, augment, phases)


def provenance(recipe: Recipe, backbone: Backbone) -> Provenance:
    """Hashes of all that activations follow from beside weights and seeds: options, files and code."""
    node, augment = recipe.backbone, recipe.augment
    made = {key: value for key, value in node.values.items() if key not in ("weights", "download")}
    code = [file.read_bytes() for file in (options("backbone")[node.option].source, *sorted(_BACKBONES.glob("*.py")))]
    seen = options("augment")[augment.option].source.read_bytes()
    return Provenance(
        key((node.option, made, sorted(backbone.assets().items()), code)),
        key((augment.option, augment.values, seen)),
        (recipe.name, node.option),
    )
