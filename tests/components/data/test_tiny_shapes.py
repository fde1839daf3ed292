from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
from sklearn.linear_model import LogisticRegression

from tests.components.data.listed import option
from tests.tasks import load_data
from tl.components.picture import open_image
from tl.components.sample import Picture, Sample


def pixels(sample: Sample) -> np.ndarray:
    assert isinstance(sample.input, Picture)
    return np.asarray(open_image(sample.input))


def test_classes_are_balanced_and_pictures_follow_the_seed() -> None:
    one, again, other = (option("tiny_shapes", n=10, seed=seed).read() for seed in (0, 0, 1))
    assert Counter(s.target for s in one) == {"disc": 3, "square": 3, "triangle": 2, "cross": 2}
    assert all((pixels(a) == pixels(b)).all() for a, b in zip(one, again, strict=True))
    assert all((pixels(a) != pixels(b)).any() for a, b in zip(one, other, strict=True))
    assert pixels(one[0]).shape == (32, 32, 3)
    assert len({pixels(s).tobytes() for s in one}) == 10


def test_a_sample_survives_pickling() -> None:
    (sample, *_) = option("tiny_shapes", n=8).read()
    assert (pixels(pickle.loads(pickle.dumps(sample))) == pixels(sample)).all()


def test_shape_and_paper_are_dark_and_light_or_light_and_dark() -> None:
    corners = []
    for sample in option("tiny_shapes", n=200).read():
        grey = pixels(sample).mean(axis=2)
        light = float((grey > 128).mean())
        assert 0.02 < light < 0.98
        corners.append(float(np.median([grey[0, 0], grey[0, -1], grey[-1, 0], grey[-1, -1]])) > 128)
    assert 0.4 < np.mean(corners) < 0.6


def test_pixels_alone_are_not_enough() -> None:
    data = load_data(option("tiny_shapes", n=400))
    x = {split: np.stack([pixels(s).ravel() / 255 for s in found]) for split, found in data.splits.items()}
    y = {split: [s.target for s in found] for split, found in data.splits.items()}
    linear = LogisticRegression(max_iter=2000).fit(x["train"], y["train"])
    assert linear.score(x["test"], y["test"]) < 0.6
