from __future__ import annotations

from pathlib import Path

import pytest

from tl.commands.machine import missing_hardware, missing_weights
from tl.commands.settle import start_accelerator
from tl.errors import TLError
from tl.recipe.recipe import load

SMALL = ["data=tiny_shapes"]


@pytest.mark.parametrize(
    "overrides, without, with_one",
    [
        (["loop.device=auto"], [], []),
        (["loop.device=cuda"], ["loop.device"], []),
        (["loop.precision=fp16"], ["loop.precision"], []),
        (["loop.precision=fp16", "loop.device=cpu"], ["loop.precision"], ["loop.precision"]),
        (["loop.precision=fp16", "loop.device=cuda"], ["loop.device", "loop.precision"], []),
        (["loop.precision=bf16"], [], []),
    ],
)
def test_what_needs_a_gpu_is_told(overrides: list[str], without: list[str], with_one: list[str]) -> None:
    loop = load("base", [*SMALL, *overrides]).loop
    assert [one.key for one in missing_hardware(loop, 0)] == without
    assert [one.key for one in missing_hardware(loop, 1)] == with_one


def test_a_run_refuses_it_in_the_words_of_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    recipe = load("base", [*SMALL, "loop.device=cuda", "loop.precision=fp16"])
    with pytest.raises(TLError) as error:
        start_accelerator(recipe)
    assert error.value.mistakes == tuple(missing_hardware(recipe.loop, 0))


def test_hub_weights_that_are_not_here_are_told_unless_they_may_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def lacking(*overrides: str) -> list[str]:
        return list(missing_weights(load("base", [*SMALL, *overrides]).backbone))

    (text,) = lacking("backbone=resnet", "backbone.name=resnet18")
    folder = tmp_path / "hub" / "checkpoints"
    assert text == (
        f"backbone.weights: resnet18-f37072fd.pth is not in {folder}: put it there, or set backbone.download=true."
    )
    assert lacking("backbone=resnet", "backbone.download=true") == []
    assert lacking("backbone=resnet", "backbone.weights=none") == []
    folder.mkdir(parents=True)
    (folder / "resnet18-f37072fd.pth").touch()
    assert lacking("backbone=resnet", "backbone.name=resnet18") == []
    assert lacking("backbone=tiny_image") == []


def test_a_transformers_model_that_is_not_here_is_told_by_its_key() -> None:
    recipe = load("base", [*SMALL, "backbone=image_encoder", "backbone.weights=hub:no-such/model"])
    assert [one.key for one in missing_weights(recipe.backbone)] == ["backbone.weights"]
    shape = ["backbone=image_encoder", "backbone.weights=none", "backbone.config=hub:no-such/model"]
    assert [one.key for one in missing_weights(load("base", [*SMALL, *shape]).backbone)] == ["backbone.config"]
