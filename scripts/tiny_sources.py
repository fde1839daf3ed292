"""What tiny_image and tiny_text are pretrained on: clip art, a dictionary and sayings, from packages of Debian 12."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor

from tl.errors import TLError

SIDE, MOST_PIXELS, MOST_PER_FOLDER = 112, 4_000_000, 300
ENTRIES, TOKENS = 40_000, 4_000
Image.MAX_IMAGE_PIXELS = None  # Pillow refuses the largest even a look at their size
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def clip_art(root: Path) -> Tensor:
    """Pictures (N, 4, 112, 112) of uint8: opacity, and colours times opacity."""
    folders = defaultdict(list)
    for path in sorted(root.rglob("*.png")):
        folders[path.parent].append(path)
    if not folders:
        raise TLError(
            f"There is no clip art at {root}: unpack Debian's openclipart-png and name its folder by --debian."
        )
    found = []
    for paths in folders.values():
        for path in random.Random(0).sample(paths, min(len(paths), MOST_PER_FOLDER)):
            with Image.open(path) as image:
                if image.width * image.height <= MOST_PIXELS:
                    found.append(squared(image.convert("RGBA").convert("RGBa")))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)


def squared(image: Image.Image) -> np.ndarray:
    """The picture in the middle of a transparent square."""
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    canvas = Image.new("RGBa", (SIDE, SIDE))
    canvas.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    return np.frombuffer(canvas.tobytes(), np.uint8).reshape(SIDE, SIDE, 4)


def wordnet(root: Path) -> list[str]:
    """Every example sentence and some of the entries, as 'words: what they mean'."""
    entries, examples = [], []
    for path in sorted(root.glob("data.*")):
        for line in path.read_text(encoding="latin-1").splitlines():
            if line.startswith("  "):
                continue
            facts, gloss = line.split(" | ", 1)
            fields = facts.split()
            words = [word.split("(")[0].replace("_", " ") for word in fields[4 : 4 + 2 * int(fields[3], 16) : 2]]
            meaning = re.split(r';? ?"', gloss)[0].strip(" ;")
            entries.append(f"{', '.join(words[:3])}: {meaning}")
            examples += [example for example in re.findall(r'"([^"]+)"', gloss) if len(example) > 8]
    if not entries:
        raise TLError(f"There is no WordNet at {root}: unpack Debian's wordnet-base and name its folder by --debian.")
    return examples + random.Random(0).sample(entries, ENTRIES)


def sayings(root: Path) -> list[str]:
    """The sentences of the fortune cookies, without their authors."""
    found = []
    for path in sorted(root.glob("*.u8")):
        for cookie in path.read_text(encoding="utf-8", errors="ignore").split("\n%\n"):
            said = re.split(r"\n\s*-- ", re.sub(r".\x08", "", cookie))[0]
            found += re.split(r"(?<=[.!?])[\"']?\s+", " ".join(re.sub(r"^[QA][.:]\s*", "", said, flags=re.M).split()))
    if not found:
        raise TLError(f"There are no fortunes at {root}: unpack Debian's fortunes and name its folder by --debian.")
    plain = (text.strip("\"' ") for text in found if 15 < len(text) < 200)
    return [text for text in plain if sum(c.isalpha() or c in " ',.?!" for c in text) > 0.9 * len(text)]


def word_pieces(texts: Iterable[str]) -> Tokenizer:
    """A lower-casing vocabulary of 4 000 word pieces, framed like BERT's."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=TOKENS, special_tokens=SPECIAL, limit_alphabet=100, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(token, SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return tokenizer
