"""How a raw sample becomes what the weights were trained on: it comes with the weights and is fingerprinted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from tl.errors import TLError
from tl.recipe.shape import Choice, ListOf, Record, Scalar
from tl.run.schema import damaged, demand, read_json

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

Modality = Literal["image", "text"]


@dataclass(frozen=True)
class ImagePreprocess:
    """Resize the short side to `resize`, crop the centre `size` square, scale to 0..1, normalise by mean and std.

    All readers of pictures decode them with `least`: it is part of the preprocessing.
    """

    size: int
    resize: int
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    modality = "image"

    @property
    def least(self) -> int:
        """The short side that a JPEG keeps when it is decoded at a part of its size, which is several times faster."""
        return 2 * self.resize

    def crop(self, image: Image) -> Image:
        """The centre crop that evaluation sees."""
        from torchvision.transforms.v2 import functional as F

        resized = F.resize(image, [self.resize], interpolation=self.mode, antialias=True)
        cropped: Image = F.center_crop(resized, [self.size, self.size])
        return cropped

    def tensor(self, image: Image) -> Tensor:
        """An image of the right size as a normalised float tensor (3, size, size)."""
        from torchvision.transforms.v2 import functional as F

        return self.normal(F.pil_to_tensor(image))

    def normal(self, pixels: Tensor) -> Tensor:
        """Pixels 0..255 (..., 3, size, size) as floats, normalised."""
        import torch
        from torchvision.transforms.v2 import functional as F

        scaled = F.to_dtype(pixels, torch.float32, scale=True)
        normal: Tensor = F.normalize(scaled, list(self.mean), list(self.std))
        return normal

    @property
    def mode(self) -> Any:
        from torchvision.transforms import InterpolationMode

        return InterpolationMode(self.interpolation)

    def lines(self) -> list[str]:
        """What a person should see of it."""
        numbers = " ".join(f"{value:.4g}" for value in (*self.mean, "/", *self.std) if not isinstance(value, str))
        return [f"resize {self.resize} ({self.interpolation}), centre crop {self.size}", f"mean and std {numbers}"]


class _Understood:
    """TLError where the tokenizers library refuses: its own errors are of the class Exception itself, and no other."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is Exception or kind is OverflowError:
            raise TLError(f"The tokenizer of these weights cannot be read: {error}. Copy their files again.") from error


@dataclass(frozen=True)
class TextPreprocess:
    """Tokenise with the weights' own tokenizer (the text of its tokenizer.json), cut to `max_length` tokens."""

    tokenizer: str
    max_length: int
    pad_id: int

    modality = "text"

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        with _Understood():
            tokenizer = Tokenizer.from_str(self.tokenizer)
            tokenizer.no_padding()
            tokenizer.enable_truncation(self.max_length)
        return tokenizer

    def ids(self, text: str | tuple[str, str]) -> tuple[list[int], list[int]]:
        """Token ids and segment ids of a text or a pair of texts."""
        encoded = self._tokenizer.encode(*((text,) if isinstance(text, str) else text))
        return encoded.ids, encoded.type_ids

    def all_ids(self, texts: Sequence[str | tuple[str, str]]) -> tuple[list[tuple[list[int], list[int]]], int]:
        """What `ids` gives, for many at once, on all cores; and how many texts were cut."""
        found = self._tokenizer.encode_batch(list(texts))
        return [(encoded.ids, encoded.type_ids) for encoded in found], sum(bool(one.overflowing) for one in found)

    @property
    def words(self) -> int:
        """How many tokens the tokenizer knows."""
        return int(self._tokenizer.get_vocab_size())

    def lines(self) -> list[str]:
        """What a person should see of it."""
        return [f"tokenizer with {self.words} tokens, at most {self.max_length} a text"]


Preprocess = ImagePreprocess | TextPreprocess
_WIDEST = 1 << 14
_SHAPES = {
    "image": Record(
        {
            "size": Scalar("int"),
            "resize": Scalar("int"),
            "interpolation": Choice(("bilinear", "bicubic")),
            "mean": ListOf(Scalar("float")),
            "std": ListOf(Scalar("float")),
        },
        "",
    ),
    "text": Record({"tokenizer": Scalar("str"), "max_length": Scalar("int"), "pad_id": Scalar("int")}, ""),
}


def fingerprint(preprocess: Preprocess) -> str:
    """A short hash that is equal for equal preprocessing."""
    facts = {"modality": preprocess.modality, **asdict(preprocess)}
    match preprocess:
        case ImagePreprocess():
            facts["least"] = preprocess.least
        case TextPreprocess():
            pass
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def to_json(preprocess: Preprocess) -> str:
    """The preprocessing as text for the run folder; `from_json` reads it back."""
    return json.dumps({"modality": preprocess.modality, **asdict(preprocess)})


def from_json(file: Path) -> Preprocess:
    """What `to_json` wrote; TLError where the file is damaged."""
    facts = read_json(file)
    demand(file, Record({"modality": Choice(tuple(_SHAPES))}, ""), facts)
    shape = _SHAPES[facts["modality"]]
    demand(file, shape, facts)
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
    known: dict[str, Any] = {key: values[key] for key in shape.fields}
    if facts["modality"] == "text":
        return TextPreprocess(**known)
    if {len(known["mean"]), len(known["std"])} != {3} or not 1 <= known["size"] <= _WIDEST >= known["resize"] >= 1:
        raise damaged(file, "no picture can be prepared so")
    return ImagePreprocess(**known)
