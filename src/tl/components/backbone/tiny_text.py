"""A Transformer of two layers with a vocabulary of its own, small enough to be trained in a test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl.batch import Inputs
from tl.components.backbone.base import Backbone
from tl.components.backbone.loading import check_no_model_folder, load, read_weights, run_preprocess
from tl.components.preprocess import TextPreprocess
from tl.functional import mean_pool
from tl.recipe.weights import Weights

TOKENIZER = Path(__file__).parent / "shipped" / "tiny_text.tokenizer.json"
DIM, EMBEDDING, HEADS, DROPOUT = 128, 64, 4, 0.1


@final
class TinyText(Backbone):
    """Token ids (B, T) to the mean over real tokens (B, 128): one stage of embeddings and two of layers."""

    MODALITY: ClassVar[str] = "text"
    STAGES: ClassVar[dict[str, int]] = {"": 3}
    dim = DIM

    def __init__(self, *, weights: Weights, max_length: Annotated[int, "3 to 1048576"]) -> None:
        super().__init__()
        check_no_model_folder(weights, "tiny_text", "tl/components/backbone/shipped/tiny_text.safetensors")
        found = shipped()
        if weights.kind == "run" and weights.path is not None:
            found = run_preprocess(weights.path, TextPreprocess)
        self.preprocess = replace(found, max_length=max_length)
        self.preprocess.check_embeddings(found.vocab_size)
        self.net = TinyTextNet(found.vocab_size)
        if weights.kind != "none":
            self.report = load(self.net, read_weights(weights), str(weights.path))

    def stages(self) -> Sequence[nn.Module]:
        return [self.net.embedding, *self.net.layers]

    def run(self, x: Inputs, start: int, stop: int) -> Inputs:
        values = x.values
        for index in range(start, stop):
            values = self.net.layers[index - 1](values, x.mask) if index else self.net.embedding(values, x.segments)
        return x._replace(values=values)

    def pool(self, x: Inputs) -> Tensor:
        return mean_pool(x.values, x.mask)


class TinyTextNet(nn.Module):
    """Embeddings for a vocabulary of so many `tokens`, and two layers."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.embedding = Embedding(tokens)
        self.layers = nn.ModuleList([Layer(), Layer()])


class Embedding(nn.Module):
    """Token ids (B, T) to (B, T, 128) through a table of 64 columns (Lan et al. 2020), plus segment and position."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.token = nn.Embedding(tokens, EMBEDDING)
        self.project = nn.Linear(EMBEDDING, DIM)
        self.segment = nn.Embedding(2, DIM)
        self.norm = nn.LayerNorm(DIM)
        self.dropout = nn.Dropout(DROPOUT)
        nn.init.normal_(self.token.weight, std=0.5)
        nn.init.normal_(self.segment.weight, std=0.02)

    def forward(self, ids_bt: Tensor, segments_bt: Tensor | None) -> Tensor:
        values = self.project(self.token(ids_bt)) + 0.1 * sinusoids(ids_bt.shape[1], ids_bt.device)
        if segments_bt is not None:
            values = values + self.segment(segments_bt)
        embedded: Tensor = self.dropout(self.norm(values))
        return embedded


class Layer(nn.Module):
    """Self-attention and a feed-forward network, each after a layer norm (Xiong et al. 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm, self.norm = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.query_key_value, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.wide, self.narrow = nn.Linear(DIM, 4 * DIM), nn.Linear(4 * DIM, DIM)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x_btd: Tensor, mask_bt: Tensor | None) -> Tensor:
        x_btd = x_btd + self.dropout(self.out(self._attend(self.attention_norm(x_btd), mask_bt)))
        hidden = F.gelu(self.wide(self.norm(x_btd)))
        added: Tensor = x_btd + self.dropout(self.narrow(hidden))
        return added

    def _attend(self, x_btd: Tensor, mask_bt: Tensor | None) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (HEADS, DIM // HEADS)).transpose(1, 2)
            for part in self.query_key_value(x_btd).chunk(3, -1)
        )
        seen = None if mask_bt is None else mask_bt.bool()[:, None, None, :]
        return F.scaled_dot_product_attention(query, key, value, attn_mask=seen).transpose(1, 2).flatten(2)


def shipped() -> TextPreprocess:
    """Preprocessing with the vocabulary that comes with the package: 4 000 word pieces of lower-cased English."""
    text = TOKENIZER.read_text(encoding="utf-8")
    return TextPreprocess(text, max_length=64, pad_id=0)


def sinusoids(length: int, device: torch.device) -> Tensor:
    """Sine and cosine of each position at 64 wavelengths: (T, 128) (Vaswani et al. 2017)."""
    wavelengths = torch.exp(torch.arange(0, DIM, 2, device=device) * (-math.log(10000.0) / DIM))
    angles = torch.arange(length, device=device).unsqueeze(1) * wavelengths
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
