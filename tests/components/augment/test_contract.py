"""What holds for every augmentation: the size of its images, equal results for equal seeds, unchanged inputs."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np
import pytest
import torch

from tl.batch import Batch, Inputs
from tl.components.augment.base import Augment
from tl.components.preprocess import Modality
from tl.recipe.registry import options
from tl.recipe.signature import literal
from tl.rng import seeded
from tl.space import Space

from .samples import PICTURES, TEXT, TEXTS, noise, option

STRONG: dict[str, list[dict[str, Any]]] = {
    "image": [
        {"policy": "randaugment", "color": 0.4, "rotate": 30.0, "vertical_flip": 0.5, "grayscale": 0.2, "erase": 0.5},
        {"policy": "trivialaugment", "crop": None, "mixup": 0.8, "cutmix": 1.0},
    ],
    "text": [{"word_dropout": 0.4, "swap": 0.5}],
}
"""Values other than the defaults, by option: with them the option changes nearly every sample."""


CASES = [(name, changes) for name in options("augment") for changes in [{}, *STRONG.get(name, [])]]
every = pytest.mark.parametrize("name,changes", CASES)


def takes(augment: Augment, modality: Modality) -> bool:
    return augment.modality in (None, modality)


@every
@pytest.mark.parametrize("width,height", [(1, 300), (500, 20), (1, 1), (3, 2), (24, 24), (28, 28), (61, 47)])
def test_pictures_get_the_size_that_the_weights_expect(
    name: str, changes: dict[str, Any], width: int, height: int
) -> None:
    augment = option(name, **changes)
    if not takes(augment, "image"):
        return
    for seed in range(8):
        with seeded(seed):
            view = augment.sample(noise(width, height), PICTURES)
            assert view.size == (24, 24)
            assert view.mode == "RGB"
            pixels = augment.random_erase(PICTURES.tensor(view))
        assert pixels.shape == (3, 24, 24)
        assert bool(torch.isfinite(pixels).all())


def _drawn(augment: Augment, seed: int) -> list[Any]:
    found: list[Any] = []
    with seeded(seed):
        if takes(augment, "image"):
            view = augment.sample(noise(40, 30), PICTURES)
            found += [view.tobytes(), augment.random_erase(PICTURES.tensor(view)).numpy().tobytes()]
        if takes(augment, "text"):
            found += [augment.sample(TEXT, TEXTS), augment.sample((TEXT, "a b c d"), TEXTS)]
    return found


@every
def test_a_seed_fixes_the_sample(name: str, changes: dict[str, Any]) -> None:
    augment = option(name, **changes)
    for seed in range(6):
        assert _drawn(augment, seed) == _drawn(augment, seed)
        assert _drawn(augment, seed) == _drawn(option(name, **changes), seed)


@every
def test_only_a_deterministic_option_ignores_the_seed(name: str, changes: dict[str, Any]) -> None:
    augment = option(name, **changes)
    assert (len({repr(_drawn(augment, seed)) for seed in range(6)}) == 1) == augment.deterministic


@every
def test_random_numbers_come_from_torchs_generator_only(name: str, changes: dict[str, Any]) -> None:
    augment = option(name, **changes)
    python, numpy = random.getstate(), np.random.get_state(legacy=False)["state"]
    for seed in range(6):
        _drawn(augment, seed)
    after = np.random.get_state(legacy=False)["state"]
    assert random.getstate() == python
    assert after["pos"] == numpy["pos"]
    assert (after["key"] == numpy["key"]).all()


@every
def test_inputs_are_left_as_they_were(name: str, changes: dict[str, Any]) -> None:
    augment = option(name, **changes)
    if not takes(augment, "image"):
        return
    image, values, y = noise(24, 24), torch.rand(4, 3, 24, 24), torch.tensor([0, 1, 2, 2])
    before, values_before, y_before = image.tobytes(), values.clone(), y.clone()
    pixels = PICTURES.tensor(image)
    pixels_before = pixels.clone()
    for seed in range(6):
        with seeded(seed):
            augment.sample(image, PICTURES)
            augment.random_erase(pixels)
            augment.batch(Batch(Inputs(values), y), Space("single", ("a", "b", "c")))
    assert image.tobytes() == before
    assert torch.equal(pixels, pixels_before)
    assert torch.equal(values, values_before)
    assert torch.equal(y, y_before)


@every
@pytest.mark.parametrize("size", [1, 2, 7])
def test_mixing_keeps_the_sum_of_each_label_over_the_batch(name: str, changes: dict[str, Any], size: int) -> None:
    augment = option(name, **changes)
    space = Space("single", ("a", "b", "c", "d"))
    y = torch.arange(size) % 4
    counts = torch.bincount(y, minlength=4).float()
    for seed in range(6):
        with seeded(seed):
            mixed = augment.batch(Batch(Inputs(torch.rand(size, 3, 24, 24)), y), space)
        assert mixed.x.values.shape == (size, 3, 24, 24)
        assert mixed.start == 0
        if mixed.y.is_floating_point():
            assert mixed.y.shape == (size, 4)
            assert bool((mixed.y >= 0).all())
            torch.testing.assert_close(mixed.y.sum(1), torch.ones(size))
            torch.testing.assert_close(mixed.y.sum(0), counts)
        else:
            assert torch.equal(mixed.y, y)


@every
def test_it_can_be_pickled_for_worker_processes(name: str, changes: dict[str, Any]) -> None:
    augment = option(name, **changes)
    drawn = _drawn(augment, 3)
    assert _drawn(pickle.loads(pickle.dumps(augment)), 3) == drawn


@pytest.mark.parametrize("name", list(options("augment")))
def test_modality_can_be_read_without_importing_the_option(name: str) -> None:
    assert literal(options("augment")[name].source, "modality") == option(name).modality
