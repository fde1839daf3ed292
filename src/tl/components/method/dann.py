"""Domain-adversarial training against an unlabelled target domain."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import torch
from torch import Tensor, nn

from tl import functional
from tl.batch import Features, Streams
from tl.components.method.base import Method
from tl.components.model import Model


@final
class Dann(Method):
    """Features that a discriminator cannot tell apart by domain (Ganin et al. 2016).

    The reversed gradient that flows into the features is scaled by `strength` (2 / (1 + exp(-10 p)) - 1), where p is
    the share of the run done; the discriminator learns at its full rate. The data needs a split named `target`.
    """

    streams: ClassVar[tuple[str, ...]] = ("train", "target")

    def __init__(self, *, hidden: Annotated[int, "at least 1"], strength: Annotated[float, "at least 0"]) -> None:
        super().__init__()
        self.hidden, self.strength = hidden, strength
        self.discriminator: nn.Module = nn.Identity()

    def attach(self, model: Model) -> None:
        """Build the discriminator: features (B, dim) to the logit of coming from the target domain."""
        self.discriminator = nn.Sequential(
            nn.Linear(model.backbone.dim, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, self.hidden),
            nn.ReLU(),
            nn.Linear(self.hidden, 1),
        )

    def scale(self) -> Tensor:
        """The factor of the reversed gradient at this step."""
        return self.strength * (2 / (1 + torch.exp(-10 * self.progress)) - 1)

    def loss(self, model: Model, batch: Streams) -> dict[str, Tensor]:
        source, target = batch["train"], batch["target"]
        features = model.features(source.x, source.start)
        target_features = model.features(target.x, target.start)
        own = model.loss(model.head(features), source.y)
        halves = [self._domain_loss(features, 0.0), self._domain_loss(target_features, 1.0)]
        return {**own, "domain": torch.stack(halves).mean()}

    def _domain_loss(self, features: Features, domain: float) -> Tensor:
        assert isinstance(features, Tensor)  # `forms` holds pooled features alone
        logits = self.discriminator(functional.reverse_gradient(features, self.scale()))
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits.float(), domain))
