"""From a recipe to its model: backbone, adapter and head."""

from __future__ import annotations

from tl.components.adapter.base import Adapter
from tl.components.backbone.base import Backbone
from tl.components.head.base import Head
from tl.components.model import Model
from tl.components.task.base import Task
from tl.errors import TLError
from tl.recipe.build import build
from tl.recipe.recipe import Recipe
from tl.rng import derive, seeded


def build_model(recipe: Recipe, task: Task) -> Model:
    """The recipe's model for a task whose space is known; what is not pretrained starts from the recipe's seed."""
    with seeded(derive(recipe.seed, "model")):
        backbone: Backbone = build(recipe.backbone)
    backbone.preprocess = task.prepared(backbone.preprocess)
    # Adapter and head have seeds of their own: how they start must not depend on what the backbone drew at random.
    with seeded(derive(recipe.seed, "adapter")):
        adapter: Adapter = build(recipe.adapter, dim=backbone.dim)
    maps = {"dims": backbone.dims, "strides": backbone.strides} if task.reads == "maps" else {}
    with seeded(derive(recipe.seed, "head")):
        head: Head = build(recipe.head, dim_in=backbone.dim, space=task.space, **maps)
    head.options = task.options
    task.width = backbone.dim
    if mistake := head.family.start_mistake(head.init, task.options.gamma):
        raise TLError(mistake, code="E054")
    if _from_scratch(recipe):
        head.from_scratch()
    if recipe.loop.gradient_checkpointing and not backbone.checkpointing():
        raise TLError(f"loop.gradient_checkpointing: backbone '{recipe.backbone.option}' has none; set it to false.")
    return Model(backbone, adapter, head, task, keep_statistics=_keeps_statistics(recipe))


def _keeps_statistics(recipe: Recipe) -> bool:
    return recipe.loop.batch_norm == "keep" or (recipe.loop.batch_norm == "auto" and not _from_scratch(recipe))


def _from_scratch(recipe: Recipe) -> bool:
    return str(recipe.backbone.values["weights"]) == "none"
