"""The cosine head against computations by hand."""

from __future__ import annotations

import torch

from .samples import DIM, head_of, problem


def test_outputs_are_scaled_cosines() -> None:
    head, x = head_of("cosine", scale=10.0), torch.randn(4, DIM)
    weight = next(parameter for name, parameter in head.named_parameters() if name == "weight")
    by_hand = 10 * torch.cosine_similarity(x.unsqueeze(1), weight.unsqueeze(0), dim=-1)
    torch.testing.assert_close(head(x), by_hand)


def test_lengths_do_not_matter() -> None:
    head, x = head_of("cosine"), torch.randn(4, DIM)
    before = head(x)
    with torch.no_grad():
        head.get_parameter("weight").mul_(torch.tensor([[3.0], [0.1], [50.0]]))
    torch.testing.assert_close(head(1000 * x), before)


def test_the_scale_is_learned() -> None:
    head = head_of("cosine")
    features, target = problem("single")
    head.loss(head(features), target).backward()
    assert head.get_parameter("scale").grad is not None
    assert float(head.get_parameter("scale").grad.abs()) > 0


def test_class_means_are_means_of_directions() -> None:
    head = head_of("cosine", init="class_means")
    features, target = problem("single")
    head.fit(features, target)
    for c in range(3):
        directions = features[target == c] / features[target == c].norm(dim=-1, keepdim=True)
        mean = directions.mean(0)
        torch.testing.assert_close(head.get_parameter("weight")[c].detach(), mean / mean.norm())


def test_a_class_without_samples_keeps_its_random_vector() -> None:
    head = head_of("cosine", init="class_means")
    before = head.get_parameter("weight").detach().clone()
    features, target = problem("single")
    head.fit(features[target != 1], target[target != 1])
    after = head.get_parameter("weight").detach()
    assert torch.equal(after[1], before[1])
    assert not torch.equal(after[0], before[0])
