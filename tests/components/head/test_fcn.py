"""The convolutional head against its own layers applied place by place, and on maps of two grids."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from tl.components.head.pyramid import last_of_each

from .samples import DIM, SPACES, STAGES, head_of


def at_each_place(hidden: Tensor, layers: nn.Sequential) -> Tensor:
    """The layers behind the sum, place by place."""
    _, middle, _, _, last = layers
    around, places = pad(hidden.clamp(min=0), (0, 0, 1, 1, 1, 1)), []
    for row in range(hidden.shape[1]):
        for column in range(hidden.shape[2]):
            seen = around[:, row : row + 3, column : column + 3]
            inner = (torch.einsum("bijk,okij->bo", seen, middle.weight) + middle.bias).clamp(min=0)
            places.append(inner @ last.weight[:, :, 0, 0].T + last.bias)
    return torch.stack(places, 1).unflatten(1, hidden.shape[1:3])


def narrowed(maps: Tensor, lateral: nn.Conv2d) -> Tensor:
    return torch.einsum("bhwd,kd->bhwk", maps, lateral.weight[:, :, 0, 0]) + lateral.bias


def test_it_answers_at_every_place_from_the_places_around() -> None:
    head = head_of("fcn", width=5, maps=1, standardize=False).eval()
    maps = torch.randn(2, 4, 3, DIM)
    output = head((maps,))
    assert output.shape == (2, 4, 3, SPACES["single"].dim)
    torch.testing.assert_close(output, at_each_place(narrowed(maps, head.lateral[0]), head.layers))


def test_coarser_maps_are_interpolated_to_the_finest_and_added() -> None:
    """Along one axis: places between two coarse ones are their weighted means, those at the rims their own."""
    head = head_of("fcn", width=5, standardize=False).eval()
    assert (head.taps, head.dims, head.strides) == ((1, 3), (2, DIM), (4, 8))
    fine, coarse = torch.randn(2, 1, 4, 2), torch.randn(2, 1, 2, DIM)
    left, right = narrowed(coarse, head.lateral[1]).unbind(2)
    wide = torch.stack([left, 0.75 * left + 0.25 * right, 0.25 * left + 0.75 * right, right], 2)
    wanted = at_each_place(narrowed(fine, head.lateral[0]) + wide, head.layers)
    torch.testing.assert_close(head((fine, coarse)), wanted)


def test_features_are_standardised_along_the_channels_of_each_map() -> None:
    head = head_of("fcn", standardize=True)
    features = 3 + 2 * torch.randn(50, 2 + DIM)
    head.fit(features, torch.zeros(50, dtype=torch.long))
    scaled = (features - features.mean(0)) / features.std(0, correction=0)
    raw, standard = ((one[:, :2].reshape(2, 5, 5, 2), one[:, 2:].reshape(2, 5, 5, DIM)) for one in (features, scaled))
    torch.testing.assert_close(head.eval()(raw), head.answer(standard))


def test_dropout_drops_whole_maps_in_training_only() -> None:
    head, maps = head_of("fcn", maps=1, dropout=0.5), (torch.randn(1, 2, 2, DIM),)
    assert not torch.equal(head.train()(maps), head(maps))
    assert torch.equal(head.eval()(maps), head(maps))


@pytest.mark.parametrize(
    "strides, count, taps",
    [
        ((2, 2, 4, 8, 16, 16, 32, 32, 32), 4, (3, 4, 6, 9)),
        ((2, 2, 4, 8, 16, 16, 32, 32, 32), 3, (4, 6, 9)),
        ((4, 4, 8, 16, 32), 9, (2, 3, 4, 5)),
        ((16,) * 13, 4, (13,)),
    ],
)
def test_the_last_map_of_each_stride_is_read(strides: tuple[int, ...], count: int, taps: tuple[int, ...]) -> None:
    assert last_of_each(strides, count) == taps


def test_a_head_says_which_of_the_backbones_maps_it_reads() -> None:
    assert len(STAGES["strides"]) == 3
    assert head_of("fcn", maps=1).taps == (3,)
    assert head_of("linear").taps == ()
