"""What every head does: turn features into outputs, outputs into a loss, and outputs into scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar, Literal, TypedDict

import torch
from torch import Tensor, nn

from tl import functional
from tl.batch import Features
from tl.errors import TLError
from tl.family import Figures, LossOptions, family_of
from tl.recipe.registry import options
from tl.recipe.signature import literal
from tl.space import Form, Space


class Common(TypedDict):
    """The keys that all heads share."""

    init: Literal["auto", "random", "class_means", "logistic", "ridge"]
    ridge_strength: Annotated[float, "above 0"] | None
    standardize: Literal["auto", True, False]


class Head(nn.Module, ABC):
    """Features (B, dim_in) to outputs (B, space.dim): logits, or numbers in training standard deviations.

    With `standardize`, each feature is centred and scaled by its mean and deviation over the training set. `fit` sets
    both once; before that, and without `standardize`, features pass unchanged. `kinds` are the output spaces that a
    head can answer in, `forms` the forms of features that it reads: all of them where it acts on the last axis. `taps`
    are the positions in the model (components/model.py) at which it reads maps; () stands for the last one alone.
    `starts` are the values of head.init that a head offers, the best last; each is a rule that sets the parameters
    before training. `auto` is the best start, but random after `from_scratch`.
    """

    kinds: ClassVar[tuple[str, ...]]
    forms: ClassVar[tuple[Form, ...]] = ("pooled",)
    taps: tuple[int, ...] = ()
    starts: ClassVar[tuple[str, ...]]
    mean: Tensor
    std: Tensor
    class_weights: Tensor
    label_weights: Tensor
    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, dim_in: int, space: Space, common: Common) -> None:
        super().__init__()
        self.dim_in, self.space, self.common = dim_in, space, common
        self.family = family_of(space.kind)
        self.options = LossOptions()
        self._resolve_auto(standardize=True, init=self.starts[-1])
        self._check_options()
        # In float64, as the targets are: dates and money have more digits than float32.
        self.register_buffer("mean", torch.tensor(space.mean or [0.0] * space.dim, dtype=torch.float64))
        self.register_buffer("std", torch.tensor(space.std or [1.0] * space.dim, dtype=torch.float64))
        self.register_buffer("class_weights", torch.tensor(space.class_weights or [1.0] * space.dim))
        # Not part of the state, so that weights from before there were any can be read.
        weights = torch.tensor(space.label_weights or [(1.0, 1.0)] * space.dim)
        self.register_buffer("label_weights", weights, persistent=False)
        self.register_buffer("feature_mean", torch.zeros(dim_in))
        self.register_buffer("feature_std", torch.ones(dim_in))

    @abstractmethod
    def answer(self, features: Any) -> Tensor:
        """Standardised features (B, dim_in) to outputs (B, space.dim); `features` are what `standardised` gives."""

    def start(self, features: Tensor, target: Tensor) -> None:
        """Set the parameters by the start that `init` names, from all standardised training features (N, dim_in)."""

    def forward(self, features: Features) -> Tensor:
        """Features (B, dim_in) to outputs (B, space.dim)."""
        return self.answer(self.standardised(features))

    def standardised(self, features: Features) -> Any:
        """The features, centred and scaled; of several maps by default the last, which is the deepest."""
        one = features[-1] if isinstance(features, tuple) else features
        return (one - self.feature_mean) / self.feature_std

    def from_scratch(self) -> None:
        """Set `auto` for a backbone with random weights: a random start, and features that are not standardised.

        Such a backbone's features hardly differ between samples. Scaled to unit variance, they would change too much at
        every step of the backbone, which costs most of the accuracy.
        """
        self._resolve_auto(standardize=False, init="random")

    def _resolve_auto(self, *, standardize: bool, init: str) -> None:
        wanted = self.common["standardize"]
        self.standardize = standardize if wanted == "auto" else wanted
        self.init = init if self.common["init"] == "auto" else self.common["init"]

    @property
    def needs_training_features(self) -> bool:
        """True where `fit` must be called with the training features before the first step."""
        return self.standardize or self.init != "random"

    @torch.no_grad()
    def fit(self, features: Tensor, target: Tensor) -> None:
        """Set the standardisation and the start from all training features (N, dim_in) and their targets."""
        features = features.float()
        if self.standardize:
            self.feature_mean.copy_(features.mean(0))
            self.feature_std.copy_(functional.safe_std(features))
        if self.init != "random":
            self.start((features - self.feature_mean).div_(self.feature_std), target)  # one copy, which may be large

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean over the batch by the task's `options`, weighted by class or by label.

        The sum is divided by the number of samples, not of weights, so that the losses of a batch's pieces add up.
        """
        return self.family.loss(output, target, self.figures, self.options)

    def scores(self, output: Tensor, temperature: float = 1.0) -> Tensor:
        """Probabilities (B, C) from logits divided by the temperature, or numbers (B, K) in raw units, in float64."""
        return self.family.scores(output, temperature, self.figures)

    @property
    def figures(self) -> Figures:
        """The figures of the space, where the head is."""
        return Figures(self.mean, self.std, self.class_weights, self.label_weights)

    def _check_options(self) -> None:
        name, kind, init = type(self).__module__.rpartition(".")[2], self.space.kind, self.init
        if kind not in self.kinds:
            raise TLError(
                f"head '{name}' cannot answer in the space of this data, '{kind}': take {_heads_with('kinds', kind)}."
            )
        if init not in self.starts:
            raise TLError(
                f"head.init: '{init}' is no start of head '{name}': set head.init to "
                f"{' or '.join(self.starts)}, or take {_heads_with('starts', init)}."
            )
        if mistake := self.family.start_mistake(init):
            raise TLError(mistake, code="E054")


def _heads_with(attribute: str, value: str) -> str:
    """The heads whose class attribute (`kinds` or `starts`) holds a value, read from their sources."""
    found = ((name, literal(head.source, attribute)) for name, head in options("head").items())
    return " or ".join(f"head={name}" for name, values in found if isinstance(values, tuple) and value in values)
