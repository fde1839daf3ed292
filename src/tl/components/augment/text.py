"""Drop and swap words."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, final

import torch

from tl.components.augment.base import Augment
from tl.components.preprocess import Modality, Preprocess
from tl.space import Form


@final
class TextAugment(Augment):
    """Word dropout (Iyyer et al. 2015) and swaps of neighbouring words (after Wei & Zou 2019), before tokenisation.

    A text keeps at least one word. White space between the kept words is kept; white space around the text is not.
    """

    modality: ClassVar[Modality | None] = "text"
    forms: ClassVar[tuple[Form, ...]] = ("pooled", "pair")

    def __init__(self, *, word_dropout: Annotated[float, "0 to 1"], swap: Annotated[float, "0 to 1"]) -> None:
        self.word_dropout, self.swap = word_dropout, swap

    @property
    def deterministic(self) -> bool:
        return not (self.word_dropout or self.swap)

    def sample(self, value: Any, preprocess: Preprocess) -> Any:
        """A text, or each text of a pair, with words dropped and then neighbours swapped."""
        if self.deterministic:
            return value
        return self._change(value) if isinstance(value, str) else tuple(self._change(text) for text in value)

    def _change(self, text: str) -> str:
        pieces = re.split(r"(\s+)", text.strip())
        words, gaps = pieces[::2], [*pieces[1::2], ""]
        kept = _kept(len(words), self.word_dropout)
        words, gaps = [words[i] for i in kept], [gaps[i] for i in kept]
        _swap(words, self.swap)
        return "".join(word + gap for word, gap in zip(words, gaps, strict=True)).rstrip()


def _kept(n: int, dropout: float) -> list[int]:
    kept = torch.nonzero(torch.rand(n) >= dropout).flatten().tolist()
    return kept or [int(torch.randint(n, ()))]


def _swap(words: list[str], chance: float) -> None:
    wanted = (torch.rand(len(words)) < chance).tolist()
    i = 0
    while i < len(words) - 1:
        if wanted[i]:
            words[i], words[i + 1] = words[i + 1], words[i]
            i += 1
        i += 1
