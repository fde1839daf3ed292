from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.components.backbone.samples import IMAGE_KINDS, TEXT_KINDS, folder, option
from tl.commands.parts import parts
from tl.recipe.recipe import Node, Recipe, load
from tl.recipe.registry import options
from tl.recipe.shape import Choice
from tl.recipe.signature import literal, signature
from tl.recipe.weights import RUN_ASSETS, RUN_MODEL, Weights

NAMED = ["resnet", "mobilenet", "efficientnet", "convnext", "vit"]
KINDS = {**dict.fromkeys(TEXT_KINDS, "text_encoder"), **dict.fromkeys(IMAGE_KINDS, "image_encoder")}


def parts_of(backbone: str, adapter: str = "none", **values: Any) -> tuple[str, ...] | None:
    recipe: Recipe = load("base", ["data=tiny_shapes"])
    return parts(replace(recipe, backbone=Node("backbone", backbone, values), adapter=Node("adapter", adapter, {})))


def stages(count: int) -> tuple[str, ...]:
    return tuple(f"backbone.{i}" for i in range(count))


@pytest.mark.parametrize("name", NAMED)
def test_every_named_architecture_has_the_stages_it_says(name: str) -> None:
    found = options("backbone")[name]
    spec = signature(found.source, found.module)
    choice = spec.record.fields["name"]
    counts = literal(found.source, "STAGES")
    assert isinstance(choice, Choice)
    assert isinstance(counts, dict)
    assert choice.values == tuple(counts)
    built = getattr(import_module(found.module), spec.class_name)
    for architecture, count in counts.items():
        with torch.device("meta"):
            backbone = built(name=architecture, weights=Weights("none"), download=False, size=None)
        assert len(backbone.stages()) == count, architecture
        held = [id(t) for stage in backbone.stages() for t in (*stage.parameters(), *stage.buffers())]
        assert sorted(held) == sorted(id(t) for t in (*backbone.parameters(), *backbone.buffers())), architecture
        assert parts_of(name, name=architecture) == (*stages(count), "head")


@pytest.mark.parametrize("name", ["efficientnet_lite0", "tiny_image", "tiny_text"])
def test_options_of_one_architecture_too(name: str) -> None:
    assert parts_of(name) == (*stages(len(option(name, weights="none").stages())), "head")


@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_counted_in_a_folder_and_in_a_run(kind: str, tmp_path: Path) -> None:
    source = folder(kind, tmp_path / "folder")
    backbone = option(KINDS[kind], weights=str(source))
    expected = (*stages(len(backbone.stages())), "head")
    assert len(expected) == (2 if kind == "deberta-v2" else 5)
    assert parts_of(KINDS[kind], weights=str(source), config="none") == expected
    assert parts_of(KINDS[kind], weights="none", config=str(source)) == expected
    run = tmp_path / "run"
    (run / RUN_ASSETS).mkdir(parents=True)
    for name, content in backbone.assets().items():
        (run / RUN_ASSETS / name).write_bytes(content)
    for name in (RUN_MODEL, "recipe.yaml"):
        (run / name).touch()
    assert parts_of(KINDS[kind], weights=str(run), config="none") == expected


def test_a_hub_model_is_known_once_it_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert parts_of("text_encoder", weights="hub:someone/bert", config="none") is None
    cached = tmp_path / "models--someone--bert"
    folder("bert", cached / "snapshots" / ("a" * 40))
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("a" * 40)
    assert parts_of("text_encoder", weights="hub:someone/bert", config="none") == (*stages(4), "head")
    shutil.rmtree(cached)


def test_an_adapter_is_a_part_where_there_is_one() -> None:
    assert parts_of("tiny_image", adapter="bottleneck") == (*stages(4), "adapter", "head")


def test_torch_is_not_needed() -> None:
    code = "import sys; from tl.commands.parts import parts; from tl.recipe.recipe import load; "
    code += "print(parts(load('base', ['data=tiny_shapes']))); "
    code += "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'torchvision')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.startswith("('backbone.0', ")
