"""Preprocessing: how a sample becomes the tensor that a backbone was trained on. It is stored with the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from tl.boundary.foreign import reading
from tl.errors import TLError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

Modality = Literal["image", "text"]
Fit = Literal["crop", "whole", "letterbox"]
"""How a picture is fitted into a square: by a crop of its centre, by stretching it, or with bars beside it."""
Size = tuple[int, int]
"""Width and height in pixels."""
_CHANNELS = 3
_MAX_SIDE = 1 << 14
_MOST_TOKENS = 1 << 20
_AT_ONCE = 1 << 12
# An image whose long side is so many times the short one is cut to its middle before it is resized.
_THIN = 16


@dataclass(frozen=True)
class ImagePreprocess:
    """Resize the short side to `resize`, crop the centre square of `size`, scale to 0..1, normalise by mean and std.

    Where `fit` is whole, the picture is resized to the square instead, whatever its shape; with letterbox its long side
    is resized to `size`, and the rest of the square has the mean colour. So no part of the picture is left out.
    Every reader of pictures passes `min_side` to `open_image`, since the size of decoding changes the pixels.
    """

    size: int
    resize: int
    interpolation: Literal["bilinear", "bicubic", "nearest"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: Fit = "crop"

    modality = "image"

    def __post_init__(self) -> None:
        """TLError where no picture can be prepared so: what is written into a run is what is read from it."""
        values = (len(self.mean), len(self.std))
        if values != (_CHANNELS, _CHANNELS):
            raise TLError(
                f"mean and std have {values[0]} and {values[1]} values, but pictures have {_CHANNELS} channels"
            )
        if not all(math.isfinite(value) for value in (*self.mean, *self.std)) or 0 in self.std:
            raise TLError(f"mean {list(self.mean)} and std {list(self.std)} must be finite, and std not 0")
        for name, side in (("size", self.size), ("resize", self.resize)):
            if not 1 <= side <= _MAX_SIDE:
                raise TLError(f"{name}={side}, but a side has 1 to {_MAX_SIDE} pixels")

    @property
    def min_side(self) -> int:
        """The pixels that a JPEG's short side keeps when it is decoded at a part of its size, which saves time."""
        return 2 * self.resize

    def crop(self, image: Image) -> Image:
        """The square that evaluation sees of a picture: its centre, or all of it (`fit`)."""
        match self.fit:
            case "whole":
                return _resized(image, (self.size, self.size), self.interpolation_mode)
            case "letterbox":
                bars: Any = tuple(round(255 * channel) for channel in self.mean) if image.mode == "RGB" else 0
                return _letterboxed(image, self.size, self.interpolation_mode, bars)
        return _centre(image, self.size, self.resize, self.interpolation_mode)

    def frame(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Where all of a picture of this size (width, height) lies in the square: left, top, right, bottom."""
        return _frame(self.fit, size, self.size, self.resize)

    def crop_mask(self, mask: Image) -> Image:
        """The same crop of a picture's mask: each pixel is the one of the mask at its centre, and 0 outside of it."""
        return replace(self, interpolation="nearest").crop(mask)

    def tensor(self, image: Image) -> Tensor:
        """An image of the right size as a normalised float tensor (3, size, size)."""
        from torchvision.transforms.v2 import functional as F

        return self.normalise(F.pil_to_tensor(image))

    def normalise(self, pixels: Tensor) -> Tensor:
        """Pixels 0..255 (..., 3, size, size) as floats, normalised by mean and std."""
        import torch
        from torchvision.transforms.v2 import functional as F

        scaled = F.to_dtype(pixels, torch.float32, scale=True)
        normalised: Tensor = F.normalize(scaled, list(self.mean), list(self.std))
        return normalised

    @property
    def interpolation_mode(self) -> Any:
        """`interpolation` as a member of torchvision's enum InterpolationMode."""
        from torchvision.transforms import InterpolationMode

        return InterpolationMode(self.interpolation)

    def lines(self) -> list[str]:
        """The preprocessing in one or two lines, for the terminal and the report."""
        numbers = " ".join(f"{value:.4g}" for value in (*self.mean, "/", *self.std) if not isinstance(value, str))
        ways = {
            "crop": f"resize {self.resize} ({self.interpolation}), centre crop {self.size}",
            "whole": f"resize to {self.size} x {self.size} ({self.interpolation}), whatever the shape",
            "letterbox": f"resize the long side to {self.size} ({self.interpolation}), bars in the mean colour",
        }
        return [ways[self.fit], f"mean and std {numbers}"]


def _resized(image: Image, size: Size, mode: Any) -> Image:
    """The image at another size."""
    from torchvision.transforms.v2 import functional as F

    found: Image = F.resize(image, [size[1], size[0]], interpolation=mode, antialias=True)
    return found


def _centre(image: Image, side: int, resize: int, mode: Any) -> Image:
    """The short side resized to `resize`, and of that the square of `side` pixels in the middle."""
    from torchvision.transforms.v2 import functional as F

    if max(image.size) > _THIN * min(image.size):
        shrunk = _resized_middle(image, side, resize, mode)
    else:
        shrunk = F.resize(image, [resize], interpolation=mode, antialias=True)
    cropped: Image = F.center_crop(shrunk, [side, side])
    return cropped


def _resized_middle(image: Image, side: int, resize: int, mode: Any) -> Image:
    """A thin image resized, but of its long side only what the crop keeps, with the pixels of the whole.

    All of 20000 x 1 pixels would be 256 x 5 120 000.
    """
    from PIL import Image as Images

    long, short = max(image.size), min(image.size)
    whole = int(resize * long / short)
    first = max(0, round((whole - side) / 2))
    begin, end = (place * long / whole for place in (first, min(first + side, whole)))
    kept, filter_ = min(side, whole), Images.Resampling[mode.value.upper()]
    if image.size[0] == long:
        return image.resize((kept, resize), filter_, (begin, 0, end, short))
    return image.resize((resize, kept), filter_, (0, begin, short, end))


def _letterboxed(image: Image, side: int, mode: Any, bars: Any) -> Image:
    """The long side resized to `side`, in the middle of a square whose rest has the colour `bars`."""
    from PIL import Image as Images

    left, top, wide, high = _within_bars(image.size, side)
    square = Images.new(image.mode, (side, side), bars)
    square.paste(_resized(image, (wide, high), mode), (left, top))
    return square


def _frame(fit: Fit, picture: Size, side: int, resize: int) -> tuple[float, float, float, float]:
    """Where all of a picture of this size lies in the square: left, top, right, bottom; a crop leaves parts out."""
    match fit:
        case "whole":
            left, top, wide, high = 0, 0, side, side
        case "letterbox":
            left, top, wide, high = _within_bars(picture, side)
        case "crop":
            wide, high = (int(resize * one / min(picture)) for one in picture)
            left, top = (_begin(one, side) for one in (wide, high))
    return float(left), float(top), float(left + wide), float(top + high)


def _within_bars(picture: Size, side: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of a letterboxed picture of this size in the square."""
    wide, high = (max(1, round(one * side / max(picture))) for one in picture)
    return (side - wide) // 2, (side - high) // 2, wide, high


def _begin(length: int, side: int) -> int:
    """Where a picture begins in a square that has its middle, as torchvision's centre crop rounds."""
    return -round((length - side) / 2) if length >= side else (side - length) // 2


@dataclass(frozen=True)
class TextPreprocess:
    """Tokenise with the tokenizer of the weights, and cut to `max_length` tokens.

    `tokenizer` is the text of a tokenizer.json.
    """

    tokenizer: str
    max_length: int
    pad_id: int

    modality = "text"

    def __post_init__(self) -> None:
        """TLError where no text can be prepared so."""
        if not 1 <= self.max_length <= _MOST_TOKENS:
            raise TLError(f"max_length={self.max_length}, but a text has 1 to {_MOST_TOKENS} tokens")
        if self.pad_id < 0:
            raise TLError(f"pad_id={self.pad_id}, but tokens are numbered from 0")

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        with _tokenizer_boundary():
            tokenizer = Tokenizer.from_str(self.tokenizer)
            tokenizer.no_padding()
            tokenizer.enable_truncation(self.max_length)
        return tokenizer

    @cached_property
    def _largest_id(self) -> int:
        return max(self._tokenizer.get_vocab().values(), default=-1)

    def ids(self, text: str | tuple[str, str]) -> tuple[list[int], list[int]]:
        """Token ids and segment ids of a text or a pair of texts."""
        tokenizer = self._tokenizer
        with _tokenizer_boundary():
            encoded = tokenizer.encode(*((text,) if isinstance(text, str) else text))
        return self._within_range(encoded)

    def all_ids(self, texts: Sequence[str | tuple[str, str]]) -> tuple[list[tuple[list[int], list[int]]], int]:
        """What `ids` gives for each text, computed on all cores; and how many texts were cut."""
        tokenizer = self._tokenizer
        with _tokenizer_boundary():
            found = tokenizer.encode_batch(list(texts))
        return [self._within_range(encoded) for encoded in found], sum(bool(one.overflowing) for one in found)

    def offsets(self, texts: Sequence[str]) -> Iterator[list[tuple[int, int]]]:
        """For each text the characters (begin, end) that each of its tokens stands for; equal for an added token.

        A token may begin with the space before its word.
        """
        for first in range(0, len(texts), _AT_ONCE):
            with _tokenizer_boundary():
                found = self._tokenizer.encode_batch(list(texts[first : first + _AT_ONCE]))
            yield from (encoded.offsets for encoded in found)

    def _within_range(self, encoded: Any) -> tuple[list[int], list[int]]:
        """The token and segment ids; TLError where one has no embedding, as in what a file says is added to texts."""
        ids, segments = encoded.ids, encoded.type_ids
        if max(ids, default=0) > self._largest_id or max(segments, default=0) > 1:
            raise TLError(
                f"The tokenizer of these weights gives token {max(ids)} in segment {max(segments)}, but has 0 to "
                f"{self._largest_id} and segments 0 and 1: copy their files again."
            )
        return ids, segments

    def fewest_tokens(self, *, pair: bool) -> int:
        """How many tokens a text or a pair has at least: those that the tokenizer adds to each, and one of its own.

        TLError where `max_length` leaves no room for a word of the text, or of both texts of a pair.
        """
        added = int(self._tokenizer.num_special_tokens_to_add(pair))
        words, what = (2, "both texts of a pair") if pair else (1, "a text")
        if self.max_length < added + words:
            raise TLError(
                f"backbone.max_length={self.max_length} keeps no word of {what}: the tokenizer adds {added} tokens of "
                f"its own, so write {added + words} or more."
            )
        return added + 1

    @property
    def vocab_size(self) -> int:
        """The number of tokens in the tokenizer's vocabulary."""
        return int(self._tokenizer.get_vocab_size())

    def check_embeddings(self, rows: int) -> None:
        """TLError where a token that the tokenizer gives, or that pads texts, has none of so many embeddings."""
        tokens = self._largest_id + 1
        if tokens > rows:
            raise TLError(
                f"The tokenizer numbers {tokens} tokens, but the model has embeddings for {rows}: they do not belong "
                "together. Copy the tokenizer that the model was saved with, or save the model with resized embeddings."
            )
        if self.pad_id >= rows:
            raise TLError(
                f"Texts are padded with token {self.pad_id}, but the model has embeddings for {rows}: copy its files "
                "again."
            )

    def lines(self) -> list[str]:
        """The preprocessing in one or two lines, for the terminal and the report."""
        return [f"tokenizer with {self.vocab_size} tokens, at most {self.max_length} a text"]


def _tokenizer_boundary() -> AbstractContextManager[None]:
    return reading("The tokenizer of these weights", "cannot be used", "copy their files again")


Preprocess = ImagePreprocess | TextPreprocess
