"""Pure mathematics against torch, scikit-learn and computations by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from tl import functional

N, C = 12, 4


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def classes(n: int = N, c: int = C, seed: int = 1) -> Tensor:
    return torch.randint(c, (n,), generator=torch.Generator().manual_seed(seed))


def labels(n: int = N, c: int = C) -> Tensor:
    return (noise(n, c, seed=2) > 0).float()


ONES = torch.ones(C)
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 0.1])


def test_cross_entropy_is_torchs() -> None:
    got = functional.cross_entropy(noise(N, C), classes(), ONES)
    torch.testing.assert_close(got, F.cross_entropy(noise(N, C), classes()))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_weights_and_smoothing_are_torchs_sum_over_the_batch_size(smoothing: float) -> None:
    got = functional.cross_entropy(noise(N, C), classes(), WEIGHTS, smoothing=smoothing)
    summed = nn.CrossEntropyLoss(WEIGHTS, reduction="sum", label_smoothing=smoothing)
    torch.testing.assert_close(got, summed(noise(N, C), classes()) / N)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_soft_targets_are_torchs(smoothing: float) -> None:
    soft = noise(N, C, seed=3).softmax(-1)
    got = functional.cross_entropy(noise(N, C), soft, ONES, smoothing=smoothing)
    torch.testing.assert_close(got, F.cross_entropy(noise(N, C), soft, label_smoothing=smoothing))


def test_soft_targets_at_the_corners_are_hard_ones() -> None:
    soft = F.one_hot(classes(), C).float()
    kept = {"smoothing": 0.1, "gamma": 2.0}
    got = functional.cross_entropy(noise(N, C), soft, WEIGHTS, **kept)
    torch.testing.assert_close(got, functional.cross_entropy(noise(N, C), classes(), WEIGHTS, **kept))


def test_focal_loss_by_hand() -> None:
    p = torch.tensor([[0.9, 0.1], [0.3, 0.7]])
    got = functional.cross_entropy(p.log(), torch.tensor([0, 0]), torch.tensor([2.0, 5.0]), gamma=2.0)
    by_hand = 2 * (0.1**2 * -math.log(0.9) + 0.7**2 * -math.log(0.3)) / 2
    assert float(got) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_of_places_is_that_of_each_samples_judged_places(smoothing: float, gamma: float) -> None:
    """Against the loss of single samples, picked out place by place; the third picture is not judged at all."""
    logits, target = noise(3, C, 4, 5).requires_grad_(), classes(60).reshape(3, 4, 5)
    target[0, 1:], target[2] = -7, -7
    got = functional.dense_cross_entropy(logits, target, WEIGHTS, -7, smoothing=smoothing, gamma=gamma)
    of_places = logits.permute(0, 2, 3, 1)
    judged = [functional.cross_entropy(of_places[i][target[i] != -7], target[i][target[i] != -7], WEIGHTS,
                                       smoothing=smoothing, gamma=gamma) for i in (0, 1)]  # fmt: skip
    wanted = (judged[0] + judged[1]) / 3
    torch.testing.assert_close(got, wanted)
    mine, theirs = (torch.autograd.grad(one, logits, retain_graph=True)[0] for one in (got, wanted))
    torch.testing.assert_close(mine, theirs)
    assert not mine[2].any()


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_focal_gradient_is_finite_where_nothing_is_missed(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    functional.cross_entropy(logits, torch.tensor([0]), torch.ones(3), gamma=gamma).backward()
    functional.binary_cross_entropy(logits, torch.tensor([[1.0, 0.0, 0.0]]), torch.ones(3, 2), gamma=gamma).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_the_focal_gradient_is_the_slope_of_the_loss() -> None:
    logits = noise(3, C).double().requires_grad_()
    kept = {"smoothing": 0.1, "gamma": 1.5}

    def single(x: Tensor) -> Tensor:
        return functional.cross_entropy(x, classes(3), WEIGHTS, **kept)

    step, direction = 1e-2, noise(3, C, seed=9).double()
    single(logits).backward()
    slope = (single(logits + step * direction) - single(logits - step * direction)) / (2 * step)
    assert logits.grad is not None
    assert float((logits.grad * direction).sum()) == pytest.approx(float(slope.detach()), rel=1e-3)


def test_binary_cross_entropy_is_torchs() -> None:
    on, off = WEIGHTS, WEIGHTS.flip(0)
    got = functional.binary_cross_entropy(noise(N, C), labels(), torch.stack([on, off], 1))
    expected = F.binary_cross_entropy_with_logits(noise(N, C), labels(), weight=off, pos_weight=on / off)
    torch.testing.assert_close(got, expected)


def test_binary_smoothing_moves_targets_towards_a_half() -> None:
    got = functional.binary_cross_entropy(noise(N, C), labels(), ONES.expand(2, C).T, smoothing=0.2)
    torch.testing.assert_close(got, F.binary_cross_entropy_with_logits(noise(N, C), 0.1 + 0.8 * labels()))


def test_binary_focal_loss_by_hand() -> None:
    logits = torch.tensor([[0.8, 0.3]]).logit()
    got = functional.binary_cross_entropy(logits, torch.tensor([[1.0, 0.0]]), torch.ones(2, 2), gamma=3.0)
    assert float(got) == pytest.approx((0.2**3 * -math.log(0.8) + 0.3**3 * -math.log(0.7)) / 2, rel=1e-5)


def test_squared_error_is_torchs() -> None:
    torch.testing.assert_close(
        functional.squared_error(noise(N, 2), noise(N, 2, seed=4)), F.mse_loss(noise(N, 2), noise(N, 2, seed=4))
    )


def test_distillation_from_itself_is_nothing() -> None:
    assert float(functional.distillation(noise(N, C), noise(N, C), 3.0)) == pytest.approx(0, abs=1e-6)


def test_distillation_by_hand() -> None:
    student, teacher, t = np.array([1.0, -1.0, 0.5]), np.array([0.2, 2.0, -0.3]), 2.5
    p, q = (np.exp(z / t) / np.exp(z / t).sum() for z in (teacher, student))
    got = functional.distillation(torch.tensor(student)[None], torch.tensor(teacher)[None], t)
    assert float(got) == pytest.approx(t**2 * (p * np.log(p / q)).sum(), rel=1e-5)


def test_binary_distillation_is_that_of_two_classes() -> None:
    student, teacher = noise(N, C), noise(N, C, seed=5)
    pairs = [torch.stack([z.flatten(), torch.zeros(N * C)], -1) for z in (student, teacher)]
    got = functional.binary_distillation(student, teacher, 3.0)
    torch.testing.assert_close(got, functional.distillation(*pairs, 3.0))


def test_hot_distillation_matches_centred_logits() -> None:
    student, teacher = noise(N, C).requires_grad_(), noise(N, C, seed=5)
    functional.distillation(student, teacher, 2000.0).backward()

    def centred(z: Tensor) -> Tensor:
        return z - z.mean(-1, keepdim=True)

    # Hinton et al. 2015, equation 4: (z - v) / (C T²) for each sample, times the T² of the loss, over the batch's mean
    expected = (centred(student.detach()) - centred(teacher)) / (C * N)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, expected, rtol=1e-2, atol=1e-4)


def test_the_gradient_is_reversed_and_scaled() -> None:
    x = noise(3, 2).requires_grad_()
    y = functional.reverse_gradient(x, torch.tensor(0.3))
    torch.testing.assert_close(y, x)
    (y * torch.arange(6.0).view(3, 2)).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, -0.3 * torch.arange(6.0).view(3, 2))


@pytest.mark.parametrize("n, d", [(50, 6), (6, 50), (20, 20)])
@pytest.mark.parametrize("strength", [0.01, 1.0, 30.0])
def test_ridge_is_scikit_learns_in_both_shapes(n: int, d: int, strength: float) -> None:
    x, y = noise(n, d) + 3, noise(n, 2, seed=6) - 5
    weight, bias = functional.ridge(x, y, strength)
    expected = Ridge(alpha=strength * n).fit(x.double().numpy(), y.double().numpy())
    np.testing.assert_allclose(weight.numpy(), expected.coef_, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bias.numpy(), expected.intercept_, rtol=1e-4)


@pytest.mark.parametrize("n, d", [(30, 6), (6, 30), (12, 12)])
def test_what_is_left_out_is_answered_as_by_fitting_again(n: int, d: int) -> None:
    x, y = noise(n, d) + 3, noise(n, 2, seed=6) - 5
    strengths, rows = (1e-4, 0.05, 2.0), torch.arange(0, n, 2)
    for strength, found in zip(strengths, functional.leave_one_out(x, y, strengths, rows), strict=True):
        for place, i in enumerate(rows.tolist()):
            others = torch.arange(n) != i
            model = Ridge(alpha=strength * n).fit(x[others].double().numpy(), y[others].double().numpy())
            np.testing.assert_allclose(found[place].numpy(), model.predict(x[i : i + 1].double().numpy())[0], rtol=1e-4)


@pytest.mark.parametrize("n, d", [(50, 6), (6, 50)])
def test_many_columns_are_taken_in_pieces_of_rows(n: int, d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = noise(n, d) + 3, noise(n, 2, seed=6).sign()
    classes = torch.arange(n) % 3
    whole = [*functional.ridge(x, y, 0.1), functional.class_means(x, classes, 3)]
    answers = list(functional.leave_one_out(x, y, (0.1, 1), torch.tensor([3, 1])))
    monkeypatch.setattr(functional, "_ENTRIES", 14)
    pieces = [*functional.ridge(x, y.to(torch.int8), 0.1), functional.class_means(x, classes, 3)]
    torch.testing.assert_close(pieces, whole)
    torch.testing.assert_close(list(functional.leave_one_out(x, y, (0.1, 1), torch.tensor([3, 1]))), answers)


def test_rows_are_spread_over_what_is_large() -> None:
    assert functional.spread_rows(300, 10).tolist() == list(range(300))
    few = functional.spread_rows(20000, 10000)
    assert (len(few), int(few[0]), int(few[-1])) == (419, 0, 19999)
    assert int(few.diff().max()) == 48
    assert len(functional.spread_rows(20000, 10**7)) == 256


def test_the_simplest_of_equals_is_taken_and_none_that_is_surely_worse() -> None:
    best, swings = noise(200), torch.tensor([1.0, -1.0]).repeat(100)
    unsure, surely = best + 0.05 + swings, best + 0.1 + swings
    assert functional.simplest([best + 1, best, unsure, surely]) == 2
    assert functional.simplest([best, best]) == 1
    assert functional.simplest([torch.zeros(1)]) == 0


def test_ridge_takes_more_features_than_samples_with_dead_ones() -> None:
    x = torch.cat([noise(5, 3), torch.zeros(5, 20)], 1)
    weight, _ = functional.ridge(x, noise(5, 1, seed=7), 0.1)
    assert weight[:, 3:].abs().max() == 0


def test_safe_std_leaves_dead_features_alone() -> None:
    x = torch.cat([noise(100, 3) * 2, 1e-5 * noise(100, 1, seed=8), torch.full((100, 1), 7.0)], 1)
    std = functional.safe_std(x)
    torch.testing.assert_close(std[:3], x[:, :3].std(0, correction=0))
    mean = x.std(0, correction=0).mean()
    torch.testing.assert_close(std[3:], mean.expand(2))
    assert torch.equal(functional.safe_std(torch.full((1, 4), 3.0)), torch.ones(4))


def test_calibrated_scale_makes_confidence_equal_accuracy() -> None:
    logits = 50 * noise(400, 3)
    target = torch.where(torch.arange(400) < 240, logits.argmax(-1), (logits.argmax(-1) + 1) % 3)
    scale = functional.calibrated_scale(logits, target)
    assert float((scale * logits).softmax(-1).amax(-1).mean()) == pytest.approx(0.6, abs=1e-4)


def test_calibrated_scale_is_never_quite_sure() -> None:
    logits = torch.tensor([[3.0, 0.0], [0.0, 3.0]])
    scale = functional.calibrated_scale(logits, torch.tensor([0, 1]))
    assert scale * 3 == pytest.approx(math.log(0.9 / 0.1), rel=1e-4)


def test_class_means_by_hand_with_an_empty_class() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]])
    means = functional.class_means(x, torch.tensor([2, 2, 0]), 3)
    torch.testing.assert_close(means, torch.tensor([[10.0, 20.0], [0.0, 0.0], [2.0, 3.0]]))


def test_mean_pool_takes_the_real_tokens_only() -> None:
    values = torch.tensor([[[1.0], [3.0], [100.0]], [[5.0], [100.0], [100.0]], [[9.0], [9.0], [9.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 0]])
    torch.testing.assert_close(functional.mean_pool(values, mask), torch.tensor([[2.0], [5.0], [0.0]]))
    torch.testing.assert_close(functional.mean_pool(values, mask.bool()), torch.tensor([[2.0], [5.0], [0.0]]))
    torch.testing.assert_close(functional.mean_pool(values, None), values.mean(1))
