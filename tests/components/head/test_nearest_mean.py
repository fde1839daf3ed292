"""The nearest class mean against scikit-learn and computations by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestCentroid

from .samples import head_of, problem


def test_it_has_nothing_to_learn() -> None:
    assert list(head_of("nearest_mean").parameters()) == []


def test_outputs_are_squared_distances_by_hand() -> None:
    head = head_of("nearest_mean", scale=2.0)
    features, target = problem("single")
    head.fit(features, target)
    means = torch.stack([features[target == c].mean(0) for c in range(3)])
    torch.testing.assert_close(head(features), -2 * (features.unsqueeze(1) - means).square().sum(-1))


def test_far_from_the_origin_distances_stay_exact() -> None:
    head = head_of("nearest_mean")
    features, target = problem("single")
    head.fit(features + 4096, target)
    means = torch.stack([(features + 4096)[target == c].double().mean(0) for c in range(3)])
    by_hand = -((features + 4096).double().unsqueeze(1) - means).square().sum(-1)
    torch.testing.assert_close(head(features + 4096).double(), by_hand, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_it_answers_as_scikit_learns_nearest_centroid(distance: str) -> None:
    head = head_of("nearest_mean", distance=distance)
    features, target = problem("single")
    later, _ = problem("single", seed=1)
    noisy = later + 3 * torch.randn(later.shape, generator=torch.Generator().manual_seed(5))
    head.fit(features, target)
    if distance == "cosine":
        features, noisy_there = (x / x.norm(dim=-1, keepdim=True) for x in (features, noisy))
        means = torch.stack([features[target == c].mean(0) for c in range(3)])
        expected = (noisy_there @ (means / means.norm(dim=-1, keepdim=True)).T).argmax(-1).numpy()
    else:
        expected = NearestCentroid().fit(features.numpy(), target.numpy()).predict(noisy.numpy())
    np.testing.assert_array_equal(head(noisy).argmax(-1).numpy(), expected)


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_a_class_without_samples_is_not_answered(distance: str) -> None:
    head = head_of("nearest_mean", distance=distance, standardize=True)
    features, target = problem("single")
    head.fit(features[target != 1], target[target != 1])
    assert set(head(features).argmax(-1).tolist()) == {0, 2}
    assert head.loss(head(features), target).isfinite()


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_not_even_far_from_all_means_is_a_class_without_samples_answered(distance: str, scale: float) -> None:
    head = head_of("nearest_mean", distance=distance, scale=scale, standardize=False)
    features, target = problem("single")
    head.fit(features[target != 1], target[target != 1])
    for far in (1.0, 1e3, 1e6, 1e9):
        assert 1 not in head(-far * features).argmax(-1).tolist()


def test_features_get_a_gradient_even_on_a_mean() -> None:
    head = head_of("nearest_mean")
    features, target = problem("single", n=3)
    head.fit(features, target)
    features.requires_grad_()
    head.loss(head(features), target).backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()
