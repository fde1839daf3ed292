from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tl.batch import Inputs
from tl.components.backbone.image_encoder import preprocess
from tl.components.preprocess import ImagePreprocess
from tl.errors import TLError

from .samples import IMAGE_KINDS, PROCESSOR, folder, inputs_of, option

EXTRA_TOKENS = {"deit": 2, "dinov2": 1, "dinov2_with_registers": 5, "dinov3_vit": 1, "vit": 1}
"""Tokens before the patches: the class token, a distillation token, four registers."""


def at(source: Path | str, **changes: Any) -> Any:
    return option("image_encoder", weights=str(source), **{"config": "none", **changes}).eval()


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_agrees_with_transformers(kind: str, tmp_path: Path) -> None:
    from transformers import AutoModel

    source = folder(kind, tmp_path)
    model = AutoModel.from_pretrained(source).eval()
    first, mean = (at(source, pooling=pooling) for pooling in ("cls", "mean"))
    x = inputs_of(first)
    with torch.no_grad():
        hidden = model(pixel_values=x.values).last_hidden_state
        assert hidden.shape[1] == EXTRA_TOKENS[kind] + 16
        torch.testing.assert_close(first(x), hidden[:, 0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(mean(x), hidden[:, EXTRA_TOKENS[kind] :].mean(1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_another_size_can_be_cut_too(kind: str, tmp_path: Path) -> None:
    backbone = at(folder(kind, tmp_path), size=24)
    x = Inputs(torch.randn(2, 3, 24, 24))
    with torch.no_grad():
        whole = backbone(x)
        assert torch.equal(backbone(backbone.run(x, 0, 2), 2), whole)
    with pytest.raises(TLError, match=r"backbone\.size=30: this model takes multiples of 4\."):
        at(tmp_path, size=30)


def test_a_square_resize_becomes_a_crop() -> None:
    assert preprocess(PROCESSOR, "x") == ImagePreprocess(16, 16, "bicubic", (0.5,) * 3, (0.25,) * 3)


def test_a_crop_is_kept() -> None:
    facts = {
        "crop_size": {"height": 224, "width": 224},
        "do_center_crop": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"shortest_edge": 256},
    }
    found = preprocess(facts, "x")
    assert (found.size, found.resize, found.interpolation) == (224, 256, "bicubic")
    assert found.mean == pytest.approx((0.485, 0.456, 0.406))


def test_another_scale_is_folded_into_mean_and_deviation() -> None:
    facts = {"size": 8, "rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [1.0] * 3}
    found = preprocess(facts, "x")
    for pixel in (0, 100, 255):
        assert (pixel / 255 - found.mean[0]) / found.std[0] == pytest.approx(pixel / 127.5 - 1)
    plain = preprocess({"size": 8, "do_normalize": False}, "x")
    assert (plain.mean, plain.std) == ((0.0,) * 3, (1.0,) * 3)


def test_an_unknown_filter_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TLError, match="resizes with filter 1"):
        preprocess({**PROCESSOR, "resample": 1}, "x")
    (folder("vit", tmp_path) / "preprocessor_config.json").unlink()
    with pytest.raises(TLError, match=r"holds no preprocessor_config\.json: add it"):
        at(tmp_path)


def test_pictures_have_three_channels(tmp_path: Path) -> None:
    with pytest.raises(
        TLError, match=r"^x: its preprocessor_config\.json prepares no picture: mean and std have 1 and 1"
    ):
        preprocess({**PROCESSOR, "image_mean": [0.5], "image_std": [0.5]}, "x")
    source = folder("vit", tmp_path, num_channels=1)
    with pytest.raises(TLError, match=rf"^{source} takes pictures of 1 channels, but they are read in 3"):
        at(source)


def test_other_model_types_are_refused_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "swin"}))
    with pytest.raises(TLError, match="is of the type 'swin': image_encoder takes deit, dinov2"):
        at(tmp_path)


def test_from_scratch_takes_the_shape_of_config(tmp_path: Path) -> None:
    source = folder("dinov2", tmp_path)
    scratch = at("none", config=str(source))
    assert scratch.report is None
    assert scratch.preprocess == at(source).preprocess
