"""The comparison with torchvision's own forward pass, for its families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision.models import get_model

from tl.batch import Inputs
from tl.components.backbone.base import Backbone

from .samples import option


def twin(option_name: str, name: str, at: Path, size: int | None, **native: Any) -> tuple[Backbone, nn.Module]:
    """torchvision's model with random weights and statistics, and our backbone with the same from a file."""
    torch.manual_seed(0)
    model = get_model(name, weights=None, **native).eval()
    for buffer_name, buffer in model.named_buffers():
        if "running_mean" in buffer_name:
            buffer.normal_(0, 0.1)
    torch.save(model.state_dict(), at / "weights.pth")
    return option(option_name, name=name, weights=str(at / "weights.pth"), size=size).eval(), model


def assert_agree(backbone: Backbone, model: nn.Module, classifier: nn.Module, left_out: set[str]) -> None:
    """Our features through the model's classifier are the model's logits, and only the classifier was left out."""
    size = backbone.preprocess.size
    pixels = torch.randn(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(classifier(backbone(Inputs(pixels))), model(pixels), rtol=1e-4, atol=1e-4)
    report = backbone.report
    assert report is not None
    assert (report.missing, report.unexpected, report.misshaped, report.prefix) == ((), (), (), "")
    assert set(report.dropped) == left_out
    assert {*report.loaded, *report.dropped} == set(model.state_dict())
