"""A text encoder of the Transformers library: BERT (Devlin et al. 2019) and its kin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, final

import torch
from torch import Tensor

from tl.batch import Inputs
from tl.boundary.foreign import reading
from tl.components.backbone.encoder import Encoder
from tl.components.backbone.loading import run_preprocess
from tl.components.backbone.pretrained import ModelFolder
from tl.components.preprocess import TextPreprocess
from tl.errors import TLError
from tl.functional import mean_pool
from tl.recipe.weights import Weights


@final
class TextEncoder(Encoder):
    """Token ids (B, T) to features (B, hidden size): the mean over real tokens, or the first token."""

    MODALITY: ClassVar[str] = "text"
    CHAINS: ClassVar[tuple[str, ...]] = (
        "bert",
        "camembert",
        "distilbert",
        "electra",
        "modernbert",
        "mpnet",
        "roberta",
        "xlm-roberta",
    )

    def __init__(
        self,
        *,
        weights: Weights,
        config: str,
        download: bool,
        max_length: Annotated[int, "at least 3"] | None,
        pooling: Literal["mean", "cls"],
    ) -> None:
        source = ModelFolder.find(weights, config, download)
        if source.facts("config.json").get("is_encoder_decoder"):
            raise TLError(f"{source.name} holds an encoder and a decoder: name a model that is an encoder alone.")
        with source.explaining_errors():
            super().__init__(source, weights, self.CHAINS)
            self._pooling = pooling
            if weights.kind == "run" and weights.path is not None:
                found = run_preprocess(weights.path, TextPreprocess)
                tokenizer, longest, pad = found.tokenizer, found.max_length, found.pad_id
            else:
                tokenizer, longest = _tokenizer(source), self._trained_length(source)
                pad = self._config.pad_token_id or 0
            length = self._max_length(max_length, longest)
            try:
                made = TextPreprocess(tokenizer, length, pad)
            except TLError as error:
                raise TLError(f"{source.name} prepares no text: {error}. Copy its files again.") from error
            made.check_embeddings(len(self.net.get_input_embeddings().weight))
            self.preprocess = made

    def pool(self, x: Inputs) -> Tensor:
        return mean_pool(x.values, x.mask) if self._pooling == "mean" else x.values[:, 0]

    def _arguments(self, x: Inputs, start: int) -> dict[str, Tensor | bool | None]:
        ids = x.values if start == 0 else x.values.new_zeros(x.values.shape[:2], dtype=torch.long)
        return {"input_ids": ids, "attention_mask": x.mask, **self._segments(x)}

    def _segments(self, x: Inputs) -> dict[str, Tensor | bool | None]:
        if "token_type_ids" not in self._accepts or self._config.type_vocab_size < 2:
            return {}
        return {"token_type_ids": x.segments}

    def _position_count(self) -> int:
        """How many tokens have a position of their own: a table that has one for padding begins behind it."""
        tables = [m for name, m in self.net.named_modules() if name.endswith("embeddings.position_embeddings")]
        paddings = [vars(table).get("padding_idx") for table in tables]
        skipped = max((padding + 1 for padding in paddings if padding is not None), default=0)
        return int(self._config.max_position_embeddings) - skipped

    def _trained_length(self, source: ModelFolder) -> int:
        """How many tokens the weights were made for: the smallest number in the folder's files."""
        numbers = [
            source.facts("sentence_bert_config.json").get("max_seq_length"),
            source.facts("tokenizer_config.json").get("model_max_length"),
            self._position_count(),
        ]
        return int(min(number for number in numbers if number))

    def _max_length(self, wanted: int | None, longest: int) -> int:
        if wanted is not None and not 3 <= wanted <= self._position_count():
            raise TLError(f"backbone.max_length={wanted}: this model reads 3 to {self._position_count()} tokens.")
        return wanted or longest


def _tokenizer(source: ModelFolder) -> str:
    path = source.folder / "tokenizer.json"
    if path.is_file():
        with reading(str(path), "cannot be read", "copy the folder again"):
            return path.read_text(encoding="utf-8")
    return _converted_tokenizer(source.folder, source.name)


def _converted_tokenizer(folder: Path, name: str) -> str:
    """The tokenizer that Transformers makes of an older folder, which holds a vocabulary only."""
    from transformers import AutoTokenizer

    with reading(name, "holds no tokenizer that can be read", "add its tokenizer.json to the folder"):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        text: str = tokenizer.backend_tokenizer.to_str()
    return text
