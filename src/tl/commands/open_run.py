"""A finished run, opened to answer: its model, its own data, and an evaluator on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tl.commands.build_model import build_model
from tl.commands.chosen_task import build_task, target_word
from tl.commands.same_data import change_of_data
from tl.commands.settle import device_of, settle, without_cache_folder
from tl.components.backbone.loading import read_weights
from tl.components.data.base import DataSource
from tl.components.data.splits import load_data
from tl.components.model import Model
from tl.components.preprocess_file import fingerprint
from tl.components.sample import Samples
from tl.errors import TLError
from tl.evaluation.evaluator import Evaluator
from tl.family import family_of
from tl.inputs.streams import forward_batch
from tl.place import Share
from tl.recipe.build import build
from tl.recipe.recipe import Node, Recipe
from tl.recipe.recipe import load as load_recipe
from tl.recipe.weights import RUN_MODEL, RUN_PREPROCESS, RUN_SPACE, Weights
from tl.run.run import RECIPE, Run
from tl.run.schema import SPACE, check_hashes, check_shape, damaged_error, model_files, read_json
from tl.space import Space


@dataclass(frozen=True)
class Trained:
    """A finished run with its model in eval mode, and the temperature by which logits are divided."""

    run: Run
    recipe: Recipe
    model: Model
    temperature: float


def open_run(path: Path) -> Trained:
    """Open a run's model with its own preprocessing and label map; no code from the folder is executed.

    The run may be a stranger's, so the cache folder that its recipe names is not used.
    """
    run = Run.open(path)
    if not (path / RUN_MODEL).is_file():
        status = run.meta["status"]
        raise TLError(f"'{path}' has no model yet (it is {status}). Go on with: tl finetune --resume {path}")
    recipe = settle(load_recipe(str(path / RECIPE)), run)
    backbone = replace(recipe.backbone, values={**recipe.backbone.values, "weights": str(path)})
    recipe = without_cache_folder(replace(recipe, backbone=backbone))
    check_hashes(path, model_files(path))
    space, target, temperature = _space(path / RUN_SPACE)
    task = build_task(recipe.task, target)
    task.restore(space)
    model = build_model(recipe, task)
    try:
        model.load_state_dict(read_weights(Weights("file", path / RUN_MODEL)))
    except RuntimeError as error:  # the names or shapes are others
        raise damaged_error(path / RUN_MODEL, "it does not hold the model of its recipe") from error
    now, then = fingerprint(model.backbone.preprocess), run.meta["preprocess"]["fingerprint"]
    if now != then:
        raise TLError(f"'{path / RUN_PREPROCESS}' is not the preprocessing it was trained with ({now}, not {then}).")
    return Trained(run, recipe, model.eval(), temperature)


def _space(file: Path) -> tuple[Space, str, float]:
    """The output space of a run, its kind of target and its temperature; TLError where they contradict themselves."""
    facts = read_json(file)
    check_shape(file, SPACE, facts)
    space = Space(facts["kind"], *(tuple(facts[key]) for key in ("names", "mean", "std", "class_weights")))
    scales = family_of(space.kind).scales(space.dim)
    wrong = [
        (facts["temperature"] <= 0, f"its temperature is {facts['temperature']:g}"),
        (not space.names, "it names nothing to predict"),
        (len({*space.names}) < space.dim, "it names something twice"),
        (
            len(space.mean) not in scales or len(space.mean) != len(space.std),
            "mean and std do not belong to its kind and names",
        ),
        (any(std <= 0 for std in space.std), "a std is not above 0"),
        (len(space.class_weights) not in (0, space.dim), "it has not one class weight for each class"),
        (any(weight < 0 for weight in space.class_weights), "a class weight is below 0"),
    ]
    for is_so, what in wrong:
        if is_so:
            raise damaged_error(file, what)
    return space, str(facts.get("target", space.kind)), facts["temperature"]


def check_target(trained: Trained, target: str, data: str) -> None:
    """TLError where `data` gives another kind of target than the run's model predicts."""
    predicted = trained.model.task.takes
    if target != predicted:
        raise TLError(
            f"{data} gives {target_word(target)} for each sample, but the model of '{trained.run.path}' predicts "
            f"{trained.model.task.word}: name the right data or run."
        )


def own_splits(trained: Trained, node: Node) -> Mapping[str, Samples]:
    """The splits of the run's own data, as `node` reads it; TLError where it is not what the run was trained on."""
    source: DataSource = build(node)
    check_target(trained, source.kind, "Its data")
    data = load_data(source, build_task(trained.recipe.task, source.kind))
    change = change_of_data(trained.run, data)
    if change is not None:
        raise TLError(
            f"The data of '{trained.run.path}' changed since it was trained ({change}), so "
            "its splits are no longer the same: bring it back, or evaluate on separate data with --data PATH."
        )
    return data.splits


def evaluator(recipe: Recipe) -> Evaluator:
    """An evaluator on the recipe's device, in this process alone."""
    device = device_of(recipe)
    return Evaluator(max(forward_batch(device), recipe.loop.known_device_batch), Share(), device)
