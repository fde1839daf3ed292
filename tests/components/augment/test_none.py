from __future__ import annotations

from .samples import PICTURES, TEXT, TEXTS, noise, option


def test_a_picture_is_what_evaluation_sees() -> None:
    image = noise(61, 47)
    assert option("none").sample(image, PICTURES).tobytes() == PICTURES.crop(image).tobytes()


def test_texts_are_unchanged() -> None:
    assert option("none").sample(TEXT, TEXTS) == TEXT
    assert option("none").sample(("  a  b ", ""), TEXTS) == ("  a  b ", "")


def test_it_is_deterministic() -> None:
    assert option("none").deterministic
