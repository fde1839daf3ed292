"""The families of distributions whose parameters a head gives: the one file that asks what kind of answer a space has.

A family knows the loss of its parameters, the scores that they become, and what a closed-form start, a teacher and
mixed samples make of its targets. Shapes: B samples of a batch, N samples, C classes or labels, K numbers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from tl.errors import TLError
from tl.space import IGNORED, Kind

if TYPE_CHECKING:
    from torch import Tensor


class Figures(NamedTuple):
    """The figures of a space as tensors on the head's device: `mean` and `std` (K,), `class_weights` (C,) and
    `label_weights` (C, 2)."""

    mean: Tensor
    std: Tensor
    class_weights: Tensor
    label_weights: Tensor

    def standardised(self, target: Tensor) -> Tensor:
        """Numbers (B, K) in raw units as training standard deviations from the training mean."""
        return ((target - self.mean) / self.std).float()


class LossOptions(NamedTuple):
    """Label smoothing (Szegedy et al. 2016) and the exponent of the focal loss (Lin et al. 2017)."""

    smoothing: float = 0.0
    gamma: float = 0.0


class Family(ABC):
    """What follows from the distribution whose parameters a head's outputs are."""

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor, figures: Figures, options: LossOptions) -> Tensor:
        """The mean over the batch; the weighted sum is divided by the number of samples, so that pieces add up."""

    @abstractmethod
    def scores(self, output: Tensor, temperature: float, figures: Figures) -> Tensor:
        """Probabilities (B, C) from logits divided by the temperature, or numbers (B, K) in raw units, in float64."""

    @abstractmethod
    def divergence(
        self, output: Tensor, answer: Tensor, temperature: float, figures: Figures, teacher: Figures
    ) -> Tensor:
        """How far the outputs are from a teacher's outputs `answer` (Hinton et al. 2015); `teacher` has its figures."""

    @abstractmethod
    def regression_target(self, target: Tensor, dim: int, figures: Figures) -> Tensor:
        """The targets (N, dim) of a ridge regression: -1 and 1, or standardised numbers."""

    @abstractmethod
    def mixable(self, target: Tensor, dim: int) -> Tensor | None:
        """Targets that may be blended; None where a target is unknown."""

    def no_target(self, dim: int) -> Tensor:
        """Targets of no sample, in the form and the type that a loss takes; by default (0, dim), float."""
        import torch

        return torch.empty(0, dim)

    def scales(self, dim: int) -> tuple[int, ...]:
        """How many means and deviations of targets a space with `dim` outputs may have; the default is none."""
        return (0,)

    def separate_problems(self, dim: int) -> int:
        """The number of outputs whose losses a convex fit sums, as each is a problem of its own; the default is 1."""
        return 1

    def repeated(self, rows: Tensor, target: Tensor) -> Tensor:
        """The rows that a fit may leave out, of which others like them are left; by default all."""
        return rows

    def rate_left_out(self, answer: Tensor, wanted: Tensor, target: Tensor) -> tuple[Tensor, float]:
        """The losses (N,) of a ridge regression's answers to samples left out, and the scale that makes them logits."""
        return (answer - wanted).square().mean(1), 1.0

    def as_logits(self, weight: Tensor, bias: Tensor, scale: float, mean: Tensor) -> tuple[Tensor, Tensor]:
        """The weight and bias of a ridge regression as those of outputs; `mean` (C,) are the means of its targets."""
        return weight * scale, bias * scale

    def start_mistake(self, init: str, focal_gamma: float = 0) -> str:
        """Why a head cannot start by `init` (head.init) on such targets; '' where it can."""
        if init == "logistic" and focal_gamma:
            return _no_logistic("the focal loss, which is not convex")
        return ""

    def mixing_mistake(self, cutmix: float | None, mixup: float | None) -> str:
        """Why pictures with such targets cannot be mixed (augment.cutmix, augment.mixup); '' where they can."""
        return ""


class Categorical(Family):
    """One of C classes: logits, whose softmax is a probability for each class. Targets are int64 (B,), -1 unknown, or
    soft (B, C).

    The loss takes logits (B, C, H, W) and targets (B, H, W), too, of which IGNORED ones do not count.
    """

    def loss(self, output: Tensor, target: Tensor, figures: Figures, options: LossOptions) -> Tensor:
        from tl import functional

        if target.ndim > 1 and not target.is_floating_point():
            return functional.dense_cross_entropy(output, target, figures.class_weights, IGNORED, **options._asdict())
        return functional.cross_entropy(output, target, figures.class_weights, **options._asdict())

    def scores(self, output: Tensor, temperature: float, figures: Figures) -> Tensor:
        return (output.float() / temperature).softmax(-1)

    def divergence(
        self, output: Tensor, answer: Tensor, temperature: float, figures: Figures, teacher: Figures
    ) -> Tensor:
        from tl import functional

        return functional.distillation(output, answer, temperature)

    def regression_target(self, target: Tensor, dim: int, figures: Figures) -> Tensor:
        import torch

        ones = torch.full((len(target), dim), -1, dtype=torch.int8, device=target.device)
        return ones.scatter_(1, target.unsqueeze(1), 1)

    def mixable(self, target: Tensor, dim: int) -> Tensor | None:
        from torch.nn.functional import one_hot

        return None if bool((target < 0).any()) else one_hot(target, dim).float()

    def no_target(self, dim: int) -> Tensor:
        import torch

        return torch.empty(0, dtype=torch.long)

    def repeated(self, rows: Tensor, target: Tensor) -> Tensor:
        return rows[target.bincount()[target[rows]] > 1]

    def rate_left_out(self, answer: Tensor, wanted: Tensor, target: Tensor) -> tuple[Tensor, float]:
        from torch.nn.functional import cross_entropy

        from tl import functional

        scale = functional.calibrated_scale(answer, target)
        return cross_entropy(answer * scale, target, reduction="none"), scale


class Bernoulli(Family):
    """C labels, each on or off by itself: logits, whose sigmoids are probabilities. Targets are float 0 or 1 (B, C)."""

    def loss(self, output: Tensor, target: Tensor, figures: Figures, options: LossOptions) -> Tensor:
        from tl import functional

        weights = figures.class_weights.unsqueeze(1) * figures.label_weights
        return functional.binary_cross_entropy(output, target, weights, **options._asdict())

    def scores(self, output: Tensor, temperature: float, figures: Figures) -> Tensor:
        return (output.float() / temperature).sigmoid()

    def divergence(
        self, output: Tensor, answer: Tensor, temperature: float, figures: Figures, teacher: Figures
    ) -> Tensor:
        from tl import functional

        return functional.binary_distillation(output, answer, temperature)

    def regression_target(self, target: Tensor, dim: int, figures: Figures) -> Tensor:
        return 2 * target - 1

    def mixable(self, target: Tensor, dim: int) -> Tensor | None:
        return target

    def scales(self, dim: int) -> tuple[int, ...]:
        """How many means and deviations of targets a space with `dim` outputs may have; the default is none."""
        return (0,)

    def separate_problems(self, dim: int) -> int:
        return dim

    def as_logits(self, weight: Tensor, bias: Tensor, scale: float, mean: Tensor) -> tuple[Tensor, Tensor]:
        from tl import functional

        slope, logit = functional.logit_at(mean)
        return weight * slope.unsqueeze(1), (bias - mean) * slope + logit

    def start_mistake(self, init: str, focal_gamma: float = 0) -> str:
        return _no_class_means(init, "multi") or super().start_mistake(init, focal_gamma)


class Normal(Family):
    """K numbers: the means of normal distributions with one deviation, in training standard deviations. Targets are
    float64 (B, K) in raw units."""

    def scales(self, dim: int) -> tuple[int, ...]:
        return (dim,)

    def loss(self, output: Tensor, target: Tensor, figures: Figures, options: LossOptions) -> Tensor:
        from tl import functional

        return functional.squared_error(output, figures.standardised(target))

    def scores(self, output: Tensor, temperature: float, figures: Figures) -> Tensor:
        return output.double() * figures.std + figures.mean

    def divergence(
        self, output: Tensor, answer: Tensor, temperature: float, figures: Figures, teacher: Figures
    ) -> Tensor:
        return self.loss(output, self.scores(answer, temperature, teacher), figures, LossOptions())

    def regression_target(self, target: Tensor, dim: int, figures: Figures) -> Tensor:
        return figures.standardised(target)

    def mixable(self, target: Tensor, dim: int) -> Tensor | None:
        return target

    def start_mistake(self, init: str, focal_gamma: float = 0) -> str:
        return _no_class_means(init, "number") or (_no_logistic("numbers") if init == "logistic" else "")

    def mixing_mistake(self, cutmix: float | None, mixup: float | None) -> str:
        if cutmix is None:
            return ""
        return (
            f"augment.cutmix is {cutmix}, but the data has numbers to predict, which do not mix by area: "
            "set augment.cutmix=null or use augment.mixup."
        )


class Embedded(Family):
    """Embeddings (..., D), of which the directions count. Targets are what their task makes of them: its loss is its
    own."""

    def loss(self, output: Tensor, target: Tensor, figures: Figures, options: LossOptions) -> Tensor:
        raise TypeError("Embeddings have no loss of their own: a task compares them.")

    def scores(self, output: Tensor, temperature: float, figures: Figures) -> Tensor:
        """Embeddings of length 1, in float64."""
        from torch.nn.functional import normalize

        return normalize(output.double(), dim=-1)

    def divergence(
        self, output: Tensor, answer: Tensor, temperature: float, figures: Figures, teacher: Figures
    ) -> Tensor:
        """1 less the mean cosine of both; TLError where they have not the same number of features."""
        from torch.nn.functional import cosine_similarity

        if output.shape[-1] != answer.shape[-1]:
            widths = f"{answer.shape[-1]} numbers, those here {output.shape[-1]}"
            raise TLError(f"method.teacher: its embeddings have {widths}: take a backbone of the same width.")

        return 1 - cosine_similarity(output.float(), answer.float(), dim=-1).mean()

    def regression_target(self, target: Tensor, dim: int, figures: Figures) -> Tensor:
        raise TypeError("No embedding is the right one, so that none can be fitted.")

    def mixable(self, target: Tensor, dim: int) -> Tensor | None:
        return None

    def scales(self, dim: int) -> tuple[int, ...]:
        return (0, dim)

    def start_mistake(self, init: str, focal_gamma: float = 0) -> str:
        return "" if init in ("random", "auto") else f"head.init: {init} does not go with embeddings: use random."

    def mixing_mistake(self, cutmix: float | None, mixup: float | None) -> str:
        given = {"cutmix": cutmix, "mixup": mixup}
        key = next((name for name, value in given.items() if value is not None), "")
        return key and f"augment.{key} mixes pictures, which then belong to none alone: set augment.{key}=null."


_FAMILIES: Mapping[Kind, Family] = {
    "single": Categorical(),
    "multi": Bernoulli(),
    "number": Normal(),
    "embedding": Embedded(),
}


def family_of(kind: Kind) -> Family:
    """The family whose parameters answer a space of this kind."""
    return _FAMILIES[kind]


def _no_class_means(init: str, kind: Kind) -> str:
    if init != "class_means":
        return ""
    return f"head.init: class_means needs one label per sample, not '{kind}': use ridge or random."


def _no_logistic(what: str) -> str:
    return f"head.init: logistic regression does not go with {what}: use ridge or random."
