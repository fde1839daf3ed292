"""What an optimizer option says: the update rule, each part's learning rate and the schedule over the run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypedDict

from tl.components.optimizer import schedule
from tl.errors import TLError
from tl.recipe.duration import Duration

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer


class Common(TypedDict):
    """The keys that all optimizers share."""

    lr: Annotated[float, "above 0"]
    weight_decay: Annotated[float, "at least 0"]
    stage_factor: Annotated[float, "above 0"]
    head_factor: Annotated[float, "at least 0"]
    schedule: Literal["constant", "linear", "cosine", "one_cycle", "slanted_triangular"]
    schedule_span: Literal["run", "phase"]
    warmup: Annotated[Duration, "any in step, ep, %"] | Literal["auto"]


class Optimizer(ABC):
    """The base class of optimizers: the update rule, and the peak learning rate of each part.

    `lr` is the rate of the deepest backbone stage; each stage's rate is that of the stage above it, divided by
    `stage_factor` (2.6 in ULMFiT). The head, the adapter and a method's own parameters have the rate lr * head_factor.
    """

    STATES: ClassVar[int]
    """How many numbers the optimizer keeps for each weight; the forecast of memory reads it."""
    MOST_RATE: ClassVar[float]
    """A learning rate above this hardly can be meant; `tl check` says so."""

    def __init__(self, common: Common) -> None:
        self.common = common

    @abstractmethod
    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """The torch optimizer over the parameter groups that `groups` in groups.py makes."""

    def rates(self, parts: Sequence[str]) -> dict[str, float]:
        """The peak learning rate of every part (Howard and Ruder 2018, discriminative fine-tuning)."""
        stages = [part for part in parts if part.startswith("backbone.")]
        lr = self.common["lr"]
        below = {part: len(stages) - 1 - i for i, part in enumerate(stages)}
        return {
            part: lr / self.common["stage_factor"] ** below[part] if part in below else lr * self.common["head_factor"]
            for part in parts
        }

    def rate_multiple(self, step: int, total: int, epoch: float) -> float:
        """The learning rate at `step` of a span of `total` steps, as a multiple of the peak rate."""
        return schedule.rate_multiple(self.common["schedule"], step, total, self.warmup_steps(total, epoch))

    def warmup_steps(self, total: int, epoch: float) -> int:
        """Over how many of a span's `total` steps the rate rises, with `epoch` steps an epoch."""
        warmup = self.common["warmup"]
        if warmup == "auto":
            return round(total * schedule.RISE[self.common["schedule"]])
        return warmup.steps(total=total, epoch=epoch)


def with_l1(optimizer: TorchOptimizer, strength: float) -> TorchOptimizer:
    """The optimizer with an L1 penalty: before each step it adds strength * sign(w) to the gradients.

    What has no weight decay has no penalty either. A gradient scaler leaves it to a fused optimizer to divide the
    gradients by the loss scale, as long as nothing else did: the penalty is multiplied by the scale then.
    """

    def add(of: TorchOptimizer, _args: Any, _kwargs: Any) -> None:
        scale = getattr(of, "grad_scale", None)  # there during a scaler's step only
        for group in of.param_groups:
            for parameter in group["params"] if group["decays"] else ():
                if parameter.grad is not None:
                    penalty = parameter.detach().sign() * strength
                    parameter.grad.add_(penalty if scale is None else penalty * scale)

    if strength > 0:
        optimizer.register_step_pre_hook(add)
    return optimizer


def not_negative(key: str, value: float) -> float:
    """The value; TLError where it is below 0 (for plug-ins whose annotations say no range)."""
    if value < 0:
        raise TLError(f"optimizer.{key}: {value:g} must be 0 or more.")
    return value


def beta_pair(key: str, values: tuple[float, ...]) -> tuple[float, float]:
    """Adam's two decay rates; TLError where there are not two, or one is below 0 or not below 1 (for plug-ins)."""
    if len(values) != 2 or not all(0 <= value < 1 for value in values):
        raise TLError(f"optimizer.{key}: {list(values)} must be two numbers from 0 to below 1; [0.9, 0.999] is usual.")
    return values[0], values[1]
