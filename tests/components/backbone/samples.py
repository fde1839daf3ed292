"""Every backbone that can be built without a network, small, with random weights, and inputs for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from tl.batch import Inputs
from tl.components.backbone.base import Backbone
from tl.recipe.build import build
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.recipe.yamlfile import read

TEXT: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 20,
    "pad_token_id": 1,
}
DISTILBERT = {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 24}
MODERNBERT = {"local_attention": 4, "global_attn_every_n_layers": 2, "bos_token_id": 2, "cls_token_id": 2}
MODERNBERT |= {"eos_token_id": 3, "sep_token_id": 3}
IMAGE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "mlp_ratio": 2,
    "image_size": 16,
    "patch_size": 4,
}
TEXT_KINDS: dict[str, dict[str, Any]] = {
    "bert": TEXT,
    "camembert": TEXT,
    "distilbert": {"vocab_size": 50, "max_position_embeddings": 20, "pad_token_id": 1, **DISTILBERT},
    "electra": {**TEXT, "embedding_size": 8},
    "modernbert": {**TEXT, **MODERNBERT},
    "mpnet": TEXT,
    "roberta": TEXT,
    "xlm-roberta": TEXT,
    "deberta-v2": TEXT,
}
IMAGE_KINDS = dict.fromkeys(["deit", "dinov2", "dinov2_with_registers", "dinov3_vit", "vit"], IMAGE)
PROCESSOR = {"size": {"height": 16, "width": 16}, "resample": 3, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}


def option(option_name: str, /, **changes: Any) -> Any:
    """A backbone with its YAML defaults, some of them changed."""
    return build(Node("backbone", option_name, {**read(options("backbone")[option_name].yaml).values, **changes}))


def folder(kind: str, at: Path, **own: Any) -> Path:
    """A Transformers folder with a random model of that type."""
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(0)
    usual = IMAGE_KINDS.get(kind, TEXT_KINDS.get(kind, TEXT))
    config = AutoConfig.for_model(kind, **{**usual, **own})
    AutoModel.from_config(config).save_pretrained(at)
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[PAD]": 1, "a": 2, "b": 3, "c": 4}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (at / "tokenizer.json").write_text(tokenizer.to_str())
    (at / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return at


def _encoder(name: str, kind: str) -> Backbone:
    source = str(folder(kind, Path(mkdtemp()) / kind))
    backbone: Backbone = option(name, weights=source, config="none")
    return backbone


def _vision(option_name: str, **changes: Any) -> Callable[[], Backbone]:
    return lambda: option(option_name, weights="none", **changes)


CASES: dict[str, Callable[[], Backbone]] = {
    "tiny_image": _vision("tiny_image"),
    "tiny_text": _vision("tiny_text"),
    "efficientnet_lite0": _vision("efficientnet_lite0", size=48),
    "resnet18": _vision("resnet", name="resnet18", size=48),
    "mobilenet_v2": _vision("mobilenet", name="mobilenet_v2", size=48),
    "mobilenet_v3_small": _vision("mobilenet", name="mobilenet_v3_small", size=48),
    "efficientnet_b0": _vision("efficientnet", name="efficientnet_b0", size=48),
    "convnext_tiny": _vision("convnext", name="convnext_tiny", size=32),
    "vit_b_32": _vision("vit", name="vit_b_32", size=32),
    **{kind: lambda kind=kind: _encoder("text_encoder", kind) for kind in TEXT_KINDS},  # type: ignore[misc]
    **{kind: lambda kind=kind: _encoder("image_encoder", kind) for kind in IMAGE_KINDS},  # type: ignore[misc]
}


@cache
def _built(case: str) -> Backbone:
    torch.manual_seed(0)
    backbone = CASES[case]()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, buffer in backbone.named_buffers():
            if "running_mean" in name:
                buffer.normal_(0, 0.1, generator=generator)
    return backbone


def backbone_of(case: str) -> Backbone:
    """A copy, so that a test may train it."""
    return deepcopy(_built(case)).eval()


def inputs_of(backbone: Backbone) -> Inputs:
    """Three samples; texts have three lengths, and two segments."""
    generator = torch.Generator().manual_seed(2)
    if backbone.preprocess.modality == "image":
        size = backbone.preprocess.size
        return Inputs(torch.randn(3, 3, size, size, generator=generator))
    mask = torch.tensor([[1] * 7, [1] * 5 + [0] * 2, [1] * 2 + [0] * 5])
    ids = torch.randint(4, 40, (3, 7), generator=generator)
    padded = torch.where(mask == 1, ids, backbone.preprocess.pad_id)
    return Inputs(padded, mask, torch.tensor([[0] * 2 + [1] * 5] * 3) * mask)
