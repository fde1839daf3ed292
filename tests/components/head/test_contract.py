"""What every head keeps, in every output space that it answers in."""

from __future__ import annotations

import pytest
import torch
from sklearn.preprocessing import StandardScaler

from tests.built import mistakes
from tl.errors import TLError
from tl.family import LossOptions
from tl.recipe.registry import options
from tl.space import Space

from .samples import DIM, SPACES, declared, head_of, problem, reads_vectors

EVERY = list(options("head"))
CASES = [
    (name, kind) for name in EVERY if reads_vectors(name) for kind in declared(name, "kinds") if kind != "embedding"
]
STARTS = [
    (name, kind, init)
    for name, kind in CASES
    for init in declared(name, "starts")
    if init != "random"
    and not (init == "class_means" and kind != "single")
    and not (init == "logistic" and kind == "number")
]
in_every_space = pytest.mark.parametrize("name, kind", CASES)


@pytest.mark.parametrize("name", EVERY)
def test_its_yaml_binds(name: str) -> None:
    assert mistakes("head", name) == []


@in_every_space
def test_it_answers_in_its_space(name: str, kind: str) -> None:
    head = head_of(name, kind)
    output = head(torch.randn(5, DIM))
    assert output.shape == (5, SPACES[kind].dim)
    assert head.scores(output).shape == output.shape


@in_every_space
def test_scores(name: str, kind: str) -> None:
    head = head_of(name, kind).eval()
    scores, cool = (head.scores(head(problem(kind)[0]), temperature) for temperature in (1.0, 0.5))
    if kind == "single":
        torch.testing.assert_close(scores.sum(-1), torch.ones(90))
    if kind == "number":
        answers = head(problem(kind)[0]).detach()
        wanted = answers.double() * torch.tensor([20.0, 0.5]) + torch.tensor([100.0, -3.0])
        torch.testing.assert_close(scores.detach(), wanted)
    else:
        assert 0 <= scores.min() <= scores.max() <= 1
        assert torch.equal(scores > 0.5, cool > 0.5) or kind == "single"
        # Higher at one temperature is not lower at another; large outputs may round to equal scores.
        assert cool.gather(-1, scores.argsort(-1)).diff(dim=-1).min() >= 0


@in_every_space
def test_the_loss_falls(name: str, kind: str) -> None:
    head = head_of(name, kind).train()
    features, target = problem(kind)
    before = head.loss(head(features), target)
    if head.needs_training_features:
        head.fit(features, target)
    if parameters := list(head.parameters()):
        before = head.loss(head(features), target)
        optimizer = torch.optim.SGD(parameters, lr=0.3, momentum=0.9)
        for _ in range(50):
            optimizer.zero_grad()
            head.loss(head(features), target).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)  # as loop.clip does
            optimizer.step()
    after = head.eval().loss(head(features), target)
    assert after < 0.5 * before, "50 steps of SGD (lr 0.3, momentum 0.9) must halve the loss on an easy problem"


@in_every_space
@pytest.mark.parametrize("smoothing, gamma", [(0.0, 0.0), (0.1, 2.0)])
def test_the_loss_is_the_weighted_mean_of_its_pieces(name: str, kind: str, smoothing: float, gamma: float) -> None:
    head = head_of(name, kind).eval()
    head.options = LossOptions(smoothing, gamma)
    features, target = problem(kind, n=8)
    output = head(features)
    first, second = head.loss(output[:3], target[:3]), head.loss(output[3:], target[3:])
    torch.testing.assert_close(head.loss(output, target), (3 * first + 5 * second) / 8)


@pytest.mark.parametrize("name", [name for name, kind in CASES if kind == "single"])
def test_blended_targets_blend_the_losses(name: str) -> None:
    head = head_of(name).eval()
    features, target = problem("single", n=6)
    one, other = (torch.nn.functional.one_hot(t, 3).float() for t in (target, target.flip(0)))
    output = head(features)
    blended = 0.3 * head.loss(output, target) + 0.7 * head.loss(output, target.flip(0))
    torch.testing.assert_close(head.loss(output, 0.3 * one + 0.7 * other), blended)


@pytest.mark.parametrize("name, kind, init", STARTS)
def test_a_closed_form_start_is_better_than_none(name: str, kind: str, init: str) -> None:
    head = head_of(name, kind, init=init)
    features, target = problem(kind)
    before = head.loss(head(features), target).item()
    assert head.needs_training_features
    head.fit(features, target)
    output = head(features)
    assert head.loss(output, target).item() < before
    if kind == "single":
        assert (output.argmax(-1) == target).all()
    if kind == "multi":
        assert ((output > 0) == target).float().mean() > 0.85


@in_every_space
def test_what_fit_found_is_in_the_state(name: str, kind: str) -> None:
    fitted = head_of(name, kind).eval()
    features, target = problem(kind)
    fitted.fit(features, target)
    fresh = head_of(name, kind).eval()
    fresh.load_state_dict(fitted.state_dict())
    assert torch.equal(fresh(features), fitted(features))


@in_every_space
def test_standardised_features_are_scikit_learns(name: str, kind: str) -> None:
    head = head_of(name, kind, standardize=True).eval()
    features, target = problem(kind)
    assert head.needs_training_features
    assert torch.equal(head(features), head.answer(features))
    head.fit(features, target)
    scaled = torch.from_numpy(StandardScaler().fit_transform(features.double().numpy())).float()
    torch.testing.assert_close(head(features), head.answer(scaled), rtol=1e-3, atol=1e-3)


@in_every_space
def test_without_standardising_features_pass_as_they_are(name: str, kind: str) -> None:
    head = head_of(name, kind, standardize=False).eval()
    features, target = problem(kind)
    head.fit(features, target)
    assert torch.equal(head(features), head.answer(features))
    assert head.needs_training_features == (head.common["init"] != "random")


@in_every_space
def test_learning_leaves_the_standardisation_as_it_is(name: str, kind: str) -> None:
    names = dict(head_of(name, kind).named_parameters())
    assert not {"feature_mean", "feature_std", "mean", "std", "class_weights"} & set(names)


@pytest.mark.parametrize("name", EVERY)
def test_it_refuses_what_it_has_not(name: str) -> None:
    for kind in SPACES.keys() - set(declared(name, "kinds")):
        with pytest.raises(
            TLError, match=f"head '{name}' cannot answer in the space of this data, '{kind}': take head="
        ):
            head_of(name, kind)
    for init in {"random", "class_means", "logistic", "ridge"} - set(declared(name, "starts")):
        with pytest.raises(TLError, match=rf"head.init: '{init}' is no start of head '{name}': set .* or take head="):
            head_of(name, declared(name, "kinds")[0], init=init)


def test_logistic_regression_needs_labels_and_a_convex_loss() -> None:
    with pytest.raises(TLError, match=r"head\.init: logistic regression does not go with numbers"):
        head_of("linear", "number", init="logistic")


def test_class_means_need_one_label() -> None:
    with pytest.raises(TLError, match=r"head\.init: class_means needs one label per sample, not 'multi'"):
        head_of("linear", "multi", init="class_means")


def test_unweighted_spaces_weigh_all_classes_alike() -> None:
    from tests.built import option

    head = option("head", "linear", {"dim_in": 2, "space": Space("single", ("a", "b"))})
    assert head.class_weights.tolist() == [1.0, 1.0]


@in_every_space
def test_beside_a_backbone_from_scratch_nothing_is_fitted_unless_it_is_asked_for(name: str, kind: str) -> None:
    head = head_of(name, kind, standardize="auto")
    assert head.standardize
    head.from_scratch()
    assert not head.standardize
    assert head.needs_training_features == (head.common["init"] not in ("auto", "random"))
    asked = head_of(name, kind, standardize=True)
    asked.from_scratch()
    assert asked.standardize
