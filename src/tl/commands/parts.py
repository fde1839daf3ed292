"""Which parts a recipe's model will have, read from sources and JSON files without importing torch."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from tl.components.preprocess import Preprocess
from tl.components.preprocess_file import from_json
from tl.recipe.recipe import Node, Recipe
from tl.recipe.registry import options
from tl.recipe.shape import Scalar
from tl.recipe.signature import literal
from tl.recipe.weights import RUN_ASSETS, RUN_PREPROCESS, Weights
from tl.run.schema import damaged_error, read_facts

_LAYER_KEYS, _MOST_LAYERS = ("num_hidden_layers", "n_layers"), 1000


def parts(recipe: Recipe) -> tuple[str, ...] | None:
    """The names of the parts, shallow to deep; None where a hub model that decides them is not on this machine."""
    return part_names(recipe.backbone, recipe.adapter)


def part_names(backbone: Node, adapter: Node) -> tuple[str, ...] | None:
    """The names of the parts of a model with this backbone and adapter; None as for `parts`."""
    count = _stages(backbone)
    if count is None:
        return None
    own = () if adapter.option == "none" else ("adapter",)
    return (*(f"backbone.{stage}" for stage in range(count)), *own, "head")


def modality(backbone: Node) -> str | None:
    """What the backbone takes, image or text; None where its source has no literal MODALITY."""
    return cast("str | None", class_literal(backbone, "MODALITY"))


def stored_preprocess(backbone: Node) -> Preprocess | None:
    """The preprocessing that belongs to weights from a run; None where the weights come from elsewhere."""
    weights = Weights.parse(backbone.values["weights"]) if "weights" in backbone.values else Weights("none")
    if weights.kind != "run" or weights.path is None or not (weights.path / RUN_PREPROCESS).is_file():
        return None
    return from_json(weights.path / RUN_PREPROCESS)


def _stages(node: Node) -> int | None:
    """The number of stages, or None where it depends on weights that are not on this machine.

    STAGES maps the option's `name` (or "") to the number. CHAINS lists model types with a stage for each layer.
    """
    stages = cast("dict[str, int] | None", class_literal(node, "STAGES"))
    if stages is not None:
        return stages[node.values.get("name", "")]
    chains = cast("tuple[str, ...] | None", class_literal(node, "CHAINS"))
    return None if chains is None else _layers(node, chains)


def _layers(node: Node, chains: tuple[str, ...]) -> int | None:
    path = config_file(node)
    if path is None:
        return None
    found = read_facts(path, {"model_type": Scalar("str"), **dict.fromkeys(_LAYER_KEYS, Scalar("int"))}, of="folder")
    if found["model_type"] not in chains:
        return 1
    depth = next((found[key] for key in _LAYER_KEYS if key in found), None)
    if depth is not None and not 1 <= depth <= _MOST_LAYERS:
        raise damaged_error(path, f"it tells of {depth} layers", of="folder")
    return None if depth is None else 1 + int(depth)


def config_file(node: Node) -> Path | None:
    """The config.json of a Transformers model, by its folder, run or hub; None where it is not on this machine."""
    chosen = Weights.parse(node.values["config"] if node.values["weights"] == "none" else node.values["weights"])
    match chosen.kind, chosen.path:
        case "folder", Path() as folder:
            path: Path | None = folder / "config.json"
        case "run", Path() as run:
            path = run / RUN_ASSETS / "config.json"
        case "hub", _:
            path = chosen.cached("config.json")
        case _:
            path = None
    return path if path is not None and path.is_file() else None


def class_literal(node: Node, name: str) -> object:
    """The value of a class attribute that an option's source gives as a literal; None where there is no literal."""
    try:
        return literal(options(node.group)[node.option].source, name)
    except LookupError:
        return None
