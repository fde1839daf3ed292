"""Texts that are empty to the model, and lengths that keep no word, are named before they reach it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.tasks import task_of
from tl.components.augment.none import NoAugment
from tl.components.augment.text import TextAugment
from tl.components.preprocess import ImagePreprocess, TextPreprocess
from tl.components.sample import Sample, Samples
from tl.components.task.numeric import Numeric
from tl.errors import TLError
from tl.inputs.items import Items
from tl.inputs.streams import Draw
from tl.space import Form, Space

SPACE = Space("single", ("a", "b"))


def preprocess_of(*, specials: bool, max_length: int = 8) -> TextPreprocess:
    words = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "good": 3, "bad": 4, "tea": 5}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.normalizer = normalizers.BertNormalizer()
    if specials:
        tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return TextPreprocess(tokenizer.to_str(), max_length, 0)


def items_of(preprocess: TextPreprocess, *texts: str | tuple[str, str]) -> Items:
    samples = [Sample(str(i), text, "a", f"texts.csv:{i + 2}") for i, text in enumerate(texts)]
    return Items(samples, task_of(SPACE), preprocess)


@pytest.mark.parametrize("specials", [True, False])
@pytest.mark.parametrize("empty", ["\u200b", "\u00ad \u200e", ("\u200b", "\u200b")])
def test_a_text_of_which_no_token_is_left_is_named_with_its_line(specials: bool, empty: str | tuple[str, str]) -> None:
    good: str | tuple[str, str] = "good tea" if isinstance(empty, str) else ("good", "tea")
    with pytest.raises(TLError, match=r"^texts\.csv:3: the tokenizer of the weights leaves no token of the text"):
        _ = items_of(preprocess_of(specials=specials), good, empty).lengths


def test_a_pair_may_have_one_empty_text_and_a_text_may_be_unknown_words() -> None:
    preprocess = preprocess_of(specials=True)
    assert items_of(preprocess, ("good", "\u200b"), ("good", "tea")).lengths == (4, 5)
    assert items_of(preprocess, "zyzzyva", "☕").lengths == (3, 3)


@pytest.mark.parametrize(
    "text, max_length, said",
    [
        (("good", "tea"), 3, "max_length=3 keeps no word of both texts of a pair: the tokenizer adds 3 tokens"),
        (("good", "tea"), 4, "max_length=4 keeps no word of both texts of a pair: .* so write 5 or more"),
        ("good", 2, "max_length=2 keeps no word of a text: the tokenizer adds 2 tokens of its own, so write 3 or more"),
    ],
)
def test_a_length_that_keeps_no_word_is_refused(text: str | tuple[str, str], max_length: int, said: str) -> None:
    with pytest.raises(TLError, match=rf"^backbone\.{said}"):
        _ = items_of(preprocess_of(specials=True, max_length=max_length), text).lengths
    enough = items_of(preprocess_of(specials=True, max_length=max_length + (max_length == 3) + 1), text)
    assert enough.truncation() is None


def test_no_text_has_no_tokens() -> None:
    assert items_of(preprocess_of(specials=True)).lengths == ()


def test_a_text_that_augmentation_leaves_as_it_is_is_tokenised_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    items = items_of(preprocess_of(specials=True), "good tea", "bad")
    plain = items.batch([Draw(1, 0), Draw(0, 0)])

    def tokenised_again(*given: object) -> None:
        raise AssertionError("the tokens are known already")

    items.augment = NoAugment()
    monkeypatch.setattr(TextPreprocess, "ids", tokenised_again)
    batch = items.batch([Draw(1, 0), Draw(0, 0)])
    assert batch.x.values.tolist() == plain.x.values.tolist() == [[1, 4, 2, 0], [1, 3, 5, 2]]
    items.augment = TextAugment(word_dropout=0.0, swap=1.0)
    with pytest.raises(AssertionError, match="known already"):
        items.batch([Draw(0, 0)])


class Counting(Numeric):
    """Reads maps, but nothing lies over its pictures: a number belongs to each."""

    reads: ClassVar[Form] = "maps"

    def fit(self, names: tuple[str, ...], train: Samples, common: object) -> Space:
        self.space = Space("number", names, (0.0,), (1.0,))
        return self.space

    def skill(self) -> str:
        return "count"


def test_a_task_that_reads_maps_may_have_numbers_for_targets(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20)).save(tmp_path / "one.png")
    samples = [Sample(str(count), tmp_path / "one.png", (count,), "one.csv:1") for count in (3.0, 5.0)]
    task = Counting()
    task.fit(("dots",), Samples.of(samples), None)
    items = Items(samples, task, ImagePreprocess(16, 16, "bilinear", (0.5,) * 3, (0.5,) * 3), NoAugment())
    assert items.batch([Draw(1, 0), Draw(0, 0)]).y.tolist() == [[5.0], [3.0]]
    assert not items.moves_targets
