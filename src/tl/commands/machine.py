"""What a recipe asks for and this machine lacks: devices, weights, trackers, a compiler. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from tl.commands.parts import class_literal, config_file
from tl.components.backbone.published import checkpoints, published_file
from tl.errors import Mistake
from tl.recipe.recipe import Loop, Node
from tl.recipe.weights import RUN_MODEL, Weights
from tl.run.environment import lacks_to_compile

_PICKLED = "pytorch_model.bin"


def missing_hardware(loop: Loop, gpus: int) -> Iterator[Mistake]:
    """Mistakes where a recipe needs a GPU and none of the machine's `gpus` may be used."""
    if loop.device == "cuda" and gpus == 0:
        text = "loop.device is cuda, but this machine shows no CUDA device: use auto or cpu."
        yield Mistake(text, code="E062", key="loop.device")
    if loop.precision == "fp16" and (gpus == 0 or loop.device == "cpu"):
        yield Mistake("loop.precision is fp16, which needs a GPU: use bf16 or no.", code="E062", key="loop.precision")


def missing_software(loop: Loop) -> Iterator[Mistake]:
    """Mistakes where a tracker's package or a compiler is not there."""
    for name in loop.trackers:
        if find_spec(name) is None:
            text = f"loop.trackers: '{name}' is missing: pip install 'tl-toolkit[{name}]'."
            yield Mistake(text, code="E058", key="loop.trackers")
    if loop.compile and (lacks := lacks_to_compile()):
        yield Mistake(f"loop.compile: {lacks}, or set it to false.", code="E059", key="loop.compile")


def missing_weights(backbone: Node) -> Iterator[Mistake]:
    """A mistake where a hub's weights, or the config that gives their shape, are not here and may not be fetched."""
    values = backbone.values
    if "download" not in values and Weights.parse(values["weights"]).kind == "hub":
        none = f"'{backbone.option}' takes no weights of a hub: write none or a path."
        yield Mistake(f"backbone.weights '{values['weights']}': {none}", code="E036", key="backbone.weights")
    if values.get("download") is not False:
        return
    for key in ("weights", *(("config",) if values["weights"] == "none" and "config" in values else ())):
        source = Weights.parse(values[key])
        if source.kind == "hub" and (lacks := _lacks(backbone, key, source)):
            text = f"backbone.{key}: {lacks}set backbone.download=true."
            yield Mistake(text, code="E057", key=f"backbone.{key}")


def _lacks(backbone: Node, key: str, source: Weights) -> str:
    """What of a hub's weights is not on this machine, with a remedy; '' where nothing is missing or it is not known."""
    if class_literal(backbone, "CHAINS") is None:
        file = published_file(backbone.values["name"], source.hub)
        there = file is None or (checkpoints() / file).is_file()
        return "" if there else f"{file} is not in {checkpoints()}: put it there, or "
    wanted = (RUN_MODEL, _PICKLED) if key == "weights" else ("config.json",)
    if config_file(backbone) is not None and any(source.cached(name) is not None for name in wanted):
        return ""
    shards = key == "weights" and source.cached(f"{RUN_MODEL}.index.json") is not None
    return "" if shards else f"'{backbone.values[key]}' is not on this machine: "
