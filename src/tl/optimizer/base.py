"""What an optimizer option says: the update rule, each part's learning rate and the schedule over the run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from tl import schedule
from tl.duration import Duration

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer


class Common(TypedDict):
    """The keys that all optimizers share."""

    lr: float
    weight_decay: float
    stage_factor: float
    head_factor: float
    schedule: Literal["constant", "linear", "cosine", "one_cycle", "slanted_triangular"]
    schedule_span: Literal["run", "phase"]
    warmup: Duration


class Optimizer(ABC):
    """`lr` is the deepest backbone stage's rate; each stage below it learns `stage_factor` times slower (2.6: ULMFiT).

    The head and adapter learn `head_factor` times faster than `lr`.
    """

    def __init__(self, common: Common) -> None:
        self.common = common

    @abstractmethod
    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """The torch optimizer over groups that carry lr and weight_decay (0 for norms and biases)."""

    def rates(self, parts: Sequence[str]) -> dict[str, float]:
        """The peak learning rate of every part (Howard and Ruder 2018, discriminative fine-tuning)."""
        stages = [part for part in parts if part.startswith("backbone.")]
        lr = self.common["lr"]
        below = {part: len(stages) - 1 - i for i, part in enumerate(stages)}
        return {
            part: lr / self.common["stage_factor"] ** below[part] if part in below else lr * self.common["head_factor"]
            for part in parts
        }

    def shape(self, step: int, total: int, warmup: int) -> float:
        """The schedule's multiple of the peak rate at a step of `total`."""
        return schedule.shape(self.common["schedule"], step, total, warmup)
