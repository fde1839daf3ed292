"""From a recipe to objects: the one module that knows every group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tl.components.adapter.base import Adapter
from tl.components.augment.base import Augment
from tl.components.backbone.base import Backbone
from tl.components.backbone.loading import read as read_weights
from tl.components.data.base import Data
from tl.components.data.splits import load as load_data
from tl.components.freeze.base import FreezeSchedule, Phase
from tl.components.head.base import Head
from tl.components.method.base import Method
from tl.components.model import Model
from tl.components.optimizer.base import Optimizer
from tl.components.preprocess import fingerprint
from tl.errors import TLError
from tl.inputs.activations import Provenance
from tl.inputs.cache import key as hexdigest
from tl.inputs.items import Items
from tl.inputs.streams import Order, Stream
from tl.inputs.workers import processes
from tl.place import Place, Share
from tl.recipe.build import build
from tl.recipe.recipe import Recipe
from tl.recipe.recipe import load as load_recipe
from tl.recipe.registry import options
from tl.recipe.weights import RUN_MODEL, RUN_PREPROCESS, RUN_SPACE, Weights
from tl.rng import derive, seeded
from tl.run.run import RECIPE, Run
from tl.run.schema import SPACE, answer_files, damaged, demand, demand_whole
from tl.space import Space
from tl.training.capacity import Capacity, Trial, capacity
from tl.training.step import Step


@dataclass(frozen=True)
class Assembly:
    """Everything a recipe describes, built."""

    recipe: Recipe
    data: Data
    model: Model
    method: Method
    optimizer: Optimizer
    augment: Augment
    phases: tuple[Phase, ...]

    def items(self, split: str, augmented: bool = False) -> Items:
        """A split's samples as tensors, seen as in evaluation unless `augmented`."""
        samples = self.data.splits.get(split, ())
        preprocess = self.model.backbone.preprocess
        augment = self.augment if augmented else None
        return Items(samples, self.data.space, preprocess, augment, processes(self.recipe.loop))

    def streams(self, share: Share) -> dict[str, Stream]:
        """What the method draws its batches from; TLError where the data lacks a split that it needs."""
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

    def capacity(self, streams: Mapping[str, Stream], place: Place) -> Capacity:
        """How many samples of these streams a device can take at once."""
        loop = self.recipe.loop
        copies = (loop.ema is not None) + (place.share.world > 1)
        step = Step(self.model, self.method)
        return capacity(Trial(step, streams, self.phases, place, copies, loop.gradient_checkpointing))

    def taking(self, samples: int) -> Assembly:
        """The same with that many samples on a device at once."""
        return replace(self, recipe=_taking(self.recipe, samples))

    def _balance(self) -> torch.Tensor:
        targets = [sample.target for sample in self.data.splits["train"]]
        counts = Counter(targets)
        return torch.tensor([1.0 / counts[target] for target in targets])


def _taking(recipe: Recipe, samples: int) -> Recipe:
    return replace(recipe, loop=replace(recipe.loop, device_batch=samples))


def precise(recipe: Recipe) -> Recipe:
    """The recipe with its precision decided: auto is bf16 on a GPU that computes in it, and none elsewhere."""
    loop = recipe.loop
    if loop.precision != "auto":
        return recipe
    able = (
        loop.device != "cpu" and torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return replace(recipe, loop=replace(loop, precision="bf16" if able else "no"))


def as_run(recipe: Recipe, run: Run) -> Recipe:
    """A run's recipe, with what the run found out."""
    if recipe.loop.precision == "auto":
        recipe = replace(recipe, loop=replace(recipe.loop, precision=run.meta["precision"]))
    return _taking(recipe, run.meta["device_batch"]) if recipe.loop.device_batch == "auto" else recipe


def own_cache(recipe: Recipe) -> Recipe:
    """The recipe without the folder that it names for the cache: a stranger's run could name any."""
    return replace(recipe, cache=replace(recipe.cache, folder=None))


def provenance(recipe: Recipe, backbone: Backbone) -> Provenance:
    """What tells a recipe's backbone and augmentation apart, beside weights and seeds: values, files and code."""
    node, augment = recipe.backbone, recipe.augment
    made = {key: value for key, value in node.values.items() if key not in ("weights", "download")}
    base = sorted(Path(__file__).parents[1].glob("components/backbone/*.py"))
    code = [file.read_bytes() for file in (options("backbone")[node.option].source, *base)]
    seen = options("augment")[augment.option].source.read_bytes()
    return Provenance(
        hexdigest((node.option, made, sorted(backbone.assets().items()), code)),
        hexdigest((augment.option, augment.values, seen)),
    )


def assemble(recipe: Recipe) -> Assembly:
    """Build everything; the data is read first, and what does not fit is refused before training."""
    data = load_data(build(recipe.data))
    model = build_model(recipe, data.space)
    optimizer: Optimizer = build(recipe.optimizer)
    augment: Augment = build(recipe.augment)
    modality = model.backbone.preprocess.modality
    if data.modality != modality:
        raise TLError(f"backbone '{recipe.backbone.option}' takes {modality}s, but the data holds {data.modality}s.")
    if augment.modality not in (None, modality):
        raise TLError(f"augment '{recipe.augment.option}' is for {augment.modality}s, but the data holds {modality}s.")
    if objection := augment.objection(data.space):
        raise TLError(objection)
    with seeded(derive(recipe.seed, "method")):
        method: Method = build(recipe.method, open_model=lambda path: open_run(path).model)
        method.attach(model)
    schedule: FreezeSchedule = build(recipe.freeze)
    phases = schedule.phases(list(model.parts()))
    return Assembly(recipe, data, model, method, optimizer, augment, phases)


def build_model(recipe: Recipe, space: Space) -> Model:
    """The recipe's model for an output space; what is not pretrained starts from the recipe's seed."""
    with seeded(derive(recipe.seed, "model")):
        backbone: Backbone = build(recipe.backbone)
    # Seeds of their own: where they start must not hang on how many random numbers the backbone drew.
    with seeded(derive(recipe.seed, "adapter")):
        adapter: Adapter = build(recipe.adapter, dim=backbone.dim)
    with seeded(derive(recipe.seed, "head")):
        head: Head = build(recipe.head, dim_in=backbone.dim, space=space)
    if _from_scratch(recipe):
        head.from_scratch()
    if recipe.loop.gradient_checkpointing and not backbone.checkpointing():
        raise TLError(f"loop.gradient_checkpointing: backbone '{recipe.backbone.option}' has none; set it to false.")
    return Model(backbone, adapter, head, keep_statistics=_keeps_statistics(recipe))


def _keeps_statistics(recipe: Recipe) -> bool:
    return recipe.loop.batch_norm == "keep" or (recipe.loop.batch_norm == "auto" and not _from_scratch(recipe))


def _from_scratch(recipe: Recipe) -> bool:
    return str(recipe.backbone.values["weights"]) == "none"


@dataclass(frozen=True)
class Trained:
    """A finished run, opened to answer."""

    run: Run
    recipe: Recipe
    model: Model
    temperature: float


def open_run(path: Path) -> Trained:
    """Open a run's model with its own preprocessing and label map, executing nothing from the folder.

    It may be a stranger's: the folder for a cache that its recipe names is left alone.
    """
    run = Run.open(path)
    if not (path / RUN_MODEL).is_file():
        status = run.meta["status"]
        raise TLError(f"'{path}' has no model yet (it is {status}). Go on with: tl finetune --resume {path}")
    recipe = as_run(load_recipe(str(path / RECIPE)), run)
    backbone = replace(recipe.backbone, values={**recipe.backbone.values, "weights": str(path)})
    recipe = own_cache(replace(recipe, backbone=backbone))
    demand_whole(path, answer_files(path))
    facts = run.read_json(RUN_SPACE)
    demand(path / RUN_SPACE, SPACE, facts)
    if facts["temperature"] <= 0:
        raise damaged(path / RUN_SPACE, f"its temperature is {facts['temperature']:g}")
    space = Space(facts["kind"], *(tuple(facts[key]) for key in ("names", "mean", "std", "class_weights")))
    model = build_model(recipe, space)
    try:
        model.load_state_dict(read_weights(Weights("file", path / RUN_MODEL)))
    except RuntimeError as error:  # the names or shapes are others
        raise damaged(path / RUN_MODEL, "it does not hold the model of its recipe") from error
    now, then = fingerprint(model.backbone.preprocess), run.meta["preprocess"]["fingerprint"]
    if now != then:
        raise TLError(f"'{path / RUN_PREPROCESS}' is not the preprocessing it was trained with ({now}, not {then}).")
    return Trained(run, recipe, model.eval(), facts["temperature"])
