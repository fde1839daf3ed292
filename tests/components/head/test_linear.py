"""The linear head against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from tests.built import option
from tl.components.head.base import Head
from tl.space import Space

from .samples import head_of, problem


def digits(n: int = 600) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Digits whose features are as small and uneven as a raw backbone's."""
    data, target = load_digits(return_X_y=True)
    scale = np.geomspace(1e-3, 1e-1, data.shape[1])
    x, x_test, y, y_test = train_test_split(data * scale, target, train_size=n, random_state=0, stratify=target)
    return torch.tensor(x).float(), torch.tensor(y), torch.tensor(x_test).float(), torch.tensor(y_test)


def ten_classes(**changes: object) -> Head:
    torch.manual_seed(0)
    space = Space("single", tuple("0123456789"))
    made: Head = option("head", "linear", {"dim_in": 64, "space": space}, **changes)
    return made


def accuracy(head: Head, x: Tensor, y: Tensor) -> float:
    return float((head(x).argmax(-1) == y).float().mean())


@pytest.mark.parametrize("init, rule, lr", [("random", "sgd", 0.1), ("ridge", "sgd", 0.1), ("ridge", "adamw", 3e-3)])
def test_a_probe_is_as_good_as_scikit_learns(init: str, rule: str, lr: float) -> None:
    x, y, x_test, y_test = digits()
    head = ten_classes(init=init)
    head.fit(x, y)
    group = {"params": list(head.parameters()), "lr": lr, "decays": True}
    optimizer = option("optimizer", rule).build([group])
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(head(x), y).backward()
        optimizer.step()
    scaler = StandardScaler().fit(x.numpy())
    expected = LogisticRegression(max_iter=1000).fit(scaler.transform(x.numpy()), y.numpy())
    theirs = expected.score(scaler.transform(x_test.numpy()), y_test.numpy())
    assert accuracy(head, x_test, y_test) > theirs - 0.01


@pytest.mark.parametrize("strength", [None, 10.0])
def test_the_logistic_start_is_scikit_learns_optimum(strength: float | None) -> None:
    x, y, x_test, _ = digits()
    head = ten_classes(init="logistic", ridge_strength=strength)
    head.fit(x, y)
    scaler = StandardScaler().fit(x.double().numpy())  # in float32 the oracle itself is 4e-4 off its optimum
    known, unknown = (scaler.transform(some.double().numpy()) for some in (x, x_test))
    expected = LogisticRegression(C=1 / (strength or 1.0), max_iter=5000, tol=1e-10).fit(known, y)
    theirs = expected.predict_proba(unknown)
    assert head.scores(head(x_test)).detach().numpy() == pytest.approx(theirs, abs=5e-4)
    assert all(parameter.requires_grad for parameter in head.parameters())


def test_the_logistic_start_of_many_labels_is_scikit_learns() -> None:
    x, y, _, _ = digits()
    target = torch.stack([y % 2, y > 4], dim=1).float()
    space = Space("multi", ("odd", "high"))
    head = option("head", "linear", {"dim_in": 64, "space": space}, init="logistic")
    head.fit(x, target)
    scaled = StandardScaler().fit_transform(x.numpy())
    for column in range(2):
        expected = LogisticRegression(max_iter=5000, tol=1e-8).fit(scaled, target[:, column])
        theirs = expected.predict_proba(scaled)[:, 1]
        assert head.scores(head(x)).detach().numpy()[:, column] == pytest.approx(theirs, abs=5e-3)


def test_the_logistic_start_of_weighted_labels_is_scikit_learns_balanced_one() -> None:
    x, y, _, _ = digits()
    target = torch.stack([y == 8, y > 0], dim=1).float()
    balance = tuple((len(y) / (2 * float(n)), len(y) / (2 * (len(y) - float(n)))) for n in target.sum(0))
    space = Space("multi", ("eight", "not zero"), label_weights=balance)
    head = option("head", "linear", {"dim_in": 64, "space": space}, init="logistic", ridge_strength=3.0)
    head.fit(x, target)
    scaled = StandardScaler().fit_transform(x.double().numpy())
    for column in range(2):
        model = LogisticRegression(C=1 / 3, class_weight="balanced", max_iter=5000, tol=1e-10)
        theirs = model.fit(scaled, target[:, column]).predict_proba(scaled)[:, 1]
        assert head.scores(head(x)).detach().numpy()[:, column] == pytest.approx(theirs, abs=1e-3)


def test_class_means_answer_as_the_nearest_centroid() -> None:
    x, y, x_test, _ = digits()
    head = ten_classes(init="class_means", standardize=False)
    head.fit(x, y)
    means = [x[y == digit].mean(0).numpy() for digit in range(10)]
    expected = KNeighborsClassifier(1).fit(means, range(10)).predict(x_test.numpy())
    np.testing.assert_array_equal(head(x_test).argmax(-1).numpy(), expected)


def test_class_means_are_the_discriminant_of_equal_spheres() -> None:
    features, target = problem("single")
    head = head_of("linear", init="class_means", standardize=False)
    head.fit(features, target)
    means = torch.stack([features[target == c].mean(0) for c in range(3)])
    exact = -0.5 * (features.unsqueeze(1) - means).square().sum(-1)
    ours, theirs = (z[:, 1:] - z[:, :1] for z in (head(features).detach(), exact))
    scale = (ours / theirs).mean()
    torch.testing.assert_close(ours, scale * theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("init", ["class_means", "ridge"])
def test_a_start_is_as_sure_as_it_is_right_and_never_saturated(init: str) -> None:
    x, y, x_test, y_test = digits()
    head = ten_classes(init=init)
    head.fit(x, y)
    judged, target, off = (x_test, y_test, 0.02) if init == "ridge" else (x, y, 1e-3)
    sure = head(judged).softmax(-1).amax(-1).mean().item()
    assert sure == pytest.approx(min(0.9, accuracy(head, judged, target)), abs=off)


def test_ridge_answers_as_scikit_learns() -> None:
    x, y, x_test, _ = digits()
    head = ten_classes(init="ridge", ridge_strength=0.1)
    head.fit(x, y)
    scaler = StandardScaler(with_std=False).fit(x.numpy())
    scaler.scale_ = head.feature_std.numpy()
    scaled, scaled_test = ((part.numpy() - scaler.mean_) / scaler.scale_ for part in (x, x_test))
    expected = Ridge(alpha=0.1 * scaled.var(0).mean() * len(x)).fit(scaled, 2 * np.eye(10)[y.numpy()] - 1)
    theirs = expected.predict(scaled_test)
    np.testing.assert_array_equal(head(x_test).argmax(-1).numpy(), theirs.argmax(-1))


def test_ridge_on_numbers_is_scikit_learns() -> None:
    features, target = problem("number")
    head = head_of("linear", "number", init="ridge", ridge_strength=0.2)
    head.fit(features, target)
    scaled = StandardScaler().fit_transform(features.numpy())
    expected = Ridge(alpha=0.2 * len(features)).fit(scaled, target.numpy())
    np.testing.assert_allclose(head.scores(head(features)).detach().numpy(), expected.predict(scaled), rtol=1e-3)


def test_ridge_treats_every_label_on_its_own() -> None:
    features, target = problem("multi")
    head = head_of("linear", "multi", init="ridge", ridge_strength=0.2)
    head.fit(features, target)
    scaled = StandardScaler().fit_transform(features.numpy())
    for label in range(3):
        wanted = 2 * target[:, label].numpy() - 1
        expected = Ridge(alpha=0.2 * len(features)).fit(scaled, wanted).predict(scaled)
        mean, step = wanted.mean(), 1e-4
        exact = [np.log((1 + f) / (1 - f)) for f in (mean - step, mean, mean + step)]
        tangent = exact[1] + (exact[2] - exact[0]) / (2 * step) * (expected - mean)
        np.testing.assert_allclose(head(features)[:, label].detach().numpy(), tangent, rtol=1e-3, atol=1e-4)


def test_a_rare_label_starts_as_rare_as_it_is() -> None:
    """Where the features say nothing, the start says how often the label is on, be that always or never."""
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 6, generator=noise)
    target = (torch.arange(2000).unsqueeze(1) % torch.tensor([100, 2, 1]) == 0).float()
    target = torch.cat([target, torch.zeros(2000, 1)], 1)
    space = Space("multi", ("rare", "even", "always", "never"))
    head = option("head", "linear", {"dim_in": 6, "space": space}, init="ridge")
    head.fit(x, target)
    odds = head.scores(head(x)).mean(0).tolist()
    assert odds == pytest.approx([0.01, 0.5, 1, 0], rel=0.05, abs=1e-3)


@pytest.mark.parametrize("init", ["class_means", "ridge"])
def test_a_class_without_samples_is_not_answered(init: str) -> None:
    features, target = problem("single")
    seen = target != 1
    head = head_of("linear", init=init)
    head.fit(features[seen], target[seen])
    assert set(head(features[seen]).argmax(-1).tolist()) == {0, 2}


@pytest.mark.parametrize("init", ["class_means", "ridge"])
def test_one_sample_per_class_is_enough(init: str) -> None:
    features, target = problem("single", n=3)
    head = head_of("linear", init=init, standardize=False)
    head.fit(features, target)
    assert head(features).isfinite().all()
    later, answers = problem("single", seed=1)
    assert (head(later).argmax(-1) == answers).float().mean() > 0.9
    assert head(features).softmax(-1).amax(-1).mean().item() == pytest.approx(0.9, abs=1e-3)


def test_a_sample_that_is_alone_in_its_class_says_nothing_of_how_sure_the_others_are() -> None:
    features, target = problem("single", n=4)
    assert target.tolist() == [0, 1, 2, 0]
    head = head_of("linear", init="ridge", standardize=False)
    head.fit(features, target)
    assert head(features).softmax(-1).amax(-1).mean().item() > 0.8


def test_features_that_are_all_alike_give_the_class_shares() -> None:
    head = head_of("linear", init="ridge", standardize=False)
    target = torch.tensor([0] * 60 + [1] * 30)
    head.fit(torch.ones(90, head.dim_in), target)
    output = head(torch.ones(1, head.dim_in))
    assert torch.isfinite(output).all()
    assert int(output.argmax()) == 0


def test_the_strength_and_the_confidence_are_those_of_samples_left_out() -> None:
    noise = torch.Generator().manual_seed(0)
    x, y = torch.randn(400, 150, generator=noise), torch.arange(400) % 3
    x[:, :3] += 4 * torch.nn.functional.one_hot(y, 3)
    space = Space("single", ("a", "b", "c"))
    seen, unseen = slice(0, 90), slice(90, None)
    losses = {}
    for strength in (None, 0.01, 0.1, 1.0, 10.0, 100.0):
        head = option("head", "linear", {"dim_in": 150, "space": space}, init="ridge", ridge_strength=strength)
        head.fit(x[seen], y[seen])
        probabilities = head.scores(head(x[unseen])).detach()
        right = (probabilities.argmax(-1) == y[unseen]).float().mean()
        surer = float(probabilities.amax(-1).mean() - right)
        assert abs(surer) < 0.07 or strength is not None
        losses[strength] = torch.nn.functional.cross_entropy(head(x[unseen]), y[unseen]).item()
    assert losses[None] < min(losses.values()) + 0.02
