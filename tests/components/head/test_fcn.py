"""The convolutional head against its own layers applied place by place, and its gradient."""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from .samples import DIM, SPACES, head_of


def test_it_answers_at_every_place_from_the_places_around() -> None:
    head = head_of("fcn", width=5, standardize=False).eval()
    first, _, middle, _, _, last = head.layers
    maps = torch.randn(2, 4, 3, DIM)
    output = head(maps)
    assert output.shape == (2, 4, 3, SPACES["single"].dim)
    hidden = torch.einsum("bhwd,kd->bhwk", maps, first.weight[:, :, 0, 0]) + first.bias
    around = pad(hidden.clamp(min=0), (0, 0, 1, 1, 1, 1))
    for row in range(4):
        for column in range(3):
            seen = around[:, row : row + 3, column : column + 3]
            inner = (torch.einsum("bijk,okij->bo", seen, middle.weight) + middle.bias).clamp(min=0)
            wanted = inner @ last.weight[:, :, 0, 0].T + last.bias
            torch.testing.assert_close(output[:, row, column], wanted)


def test_features_are_standardised_along_the_channels() -> None:
    head = head_of("fcn", standardize=True)
    features = 3 + 2 * torch.randn(50, DIM)
    head.fit(features, torch.zeros(50, dtype=torch.long))
    maps = features.reshape(2, 5, 5, DIM)
    torch.testing.assert_close(
        head.eval()(maps), head.answer((maps - features.mean(0)) / features.std(0, correction=0))
    )


def test_dropout_drops_whole_maps_in_training_only() -> None:
    head, maps = head_of("fcn", dropout=0.5), torch.randn(1, 2, 2, DIM)
    assert not torch.equal(head.train()(maps), head(maps))
    assert torch.equal(head.eval()(maps), head(maps))
