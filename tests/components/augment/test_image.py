from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tl.batch import Batch, Inputs
from tl.components.augment.base import Augment
from tl.errors import TLError
from tl.rng import seeded
from tl.space import Space

from .samples import PICTURES, noise, option

SPACE = Space("single", ("a", "b", "c"))
OFF: dict[str, Any] = {"crop": None, "flip": 0.0}


def off(**changes: Any) -> Augment:
    return option("image", **(OFF | changes))


def pixels(image: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(image)


def constants(*levels: float, height: int = 17, width: int = 23) -> Tensor:
    """Pictures whose pixels all have the same value, a different value for each picture."""
    return torch.tensor(levels)[:, None, None, None].expand(-1, 3, height, width).clone()


def mixed(augment: Augment, seed: int, values: Tensor, y: Tensor, space: Space = SPACE) -> Batch:
    with seeded(seed):
        return augment.batch(Batch(Inputs(values), y), space)


def test_everything_off_is_the_centre_crop_of_evaluation() -> None:
    image = noise(61, 47)
    augment = off()
    assert augment.deterministic
    assert augment.sample(image, PICTURES).tobytes() == PICTURES.crop(image).tobytes()


def test_flip_with_certainty_is_the_exact_mirror() -> None:
    image = noise(50, 33)
    expected = pixels(PICTURES.crop(image))[:, ::-1]
    assert (pixels(off(flip=1.0).sample(image, PICTURES)) == expected).all()


def test_vertical_flip_with_certainty_is_upside_down() -> None:
    image = noise(50, 33)
    expected = pixels(PICTURES.crop(image))[::-1]
    assert (pixels(off(vertical_flip=1.0).sample(image, PICTURES)) == expected).all()


def test_flip_happens_as_often_as_it_says() -> None:
    image, augment = noise(24, 24), off(flip=0.3)
    plain = PICTURES.crop(image).tobytes()
    with seeded(0):
        mirrored = sum(augment.sample(image, PICTURES).tobytes() != plain for _ in range(1000))
    # Binomial(1000, 0.3): mean 300, standard deviation 14.5
    assert abs(mirrored - 300) < 4 * 14.5


def test_a_crop_covers_at_least_the_smallest_share() -> None:
    rows = np.arange(240, dtype=np.uint8)
    image = Image.fromarray(
        np.stack([np.tile(rows, (240, 1)), np.tile(rows, (240, 1)).T, np.zeros((240, 240))], -1).astype(np.uint8)
    )
    augment = off(crop=0.25, ratio=1.5)
    shares, ratios = [], []
    with seeded(0):
        for _ in range(200):
            view = pixels(augment.sample(image, PICTURES)).astype(float)
            # Pixel values are positions. The crop is 24 cells wide; the centres of its outer cells are 23 cells apart.
            width, height = ((view[12, -1, 0] - view[12, 0, 0]) / 23 * 24, (view[-1, 12, 1] - view[0, 12, 1]) / 23 * 24)
            shares.append(width * height / 240**2)
            ratios.append(width / height)
    assert 0.23 < min(shares) < 0.35
    assert 0.8 < max(shares) <= 1.05
    assert 1 / 1.6 < min(ratios) < 0.8
    assert 1.25 < max(ratios) < 1.6


def test_corners_left_empty_by_a_rotation_have_the_mean_colour() -> None:
    white = Image.new("RGB", (28, 28), "white")
    augment = off(rotate=45.0)
    with seeded(1):
        turned = pixels(augment.sample(white, PICTURES))
    corner = [tuple(int(v) for v in turned[y, x]) for y in (0, -1) for x in (0, -1)]
    assert corner == [(102, 128, 153)] * 4
    assert tuple(turned[12, 12]) == (255, 255, 255)


def test_grayscale_with_certainty_has_equal_channels() -> None:
    grey = pixels(off(grayscale=1.0).sample(noise(40, 40), PICTURES))
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 1] == grey[..., 2]).all()


def test_color_changes_levels_and_keeps_grey_grey() -> None:
    image = Image.new("RGB", (28, 28), (100, 100, 100))
    augment = off(color=0.4)
    levels = set()
    with seeded(0):
        for _ in range(50):
            view = pixels(augment.sample(image, PICTURES))
            assert view.min() == view.max()
            levels.add(int(view.max()))
    assert min(levels) >= 59
    assert max(levels) <= 141
    assert max(levels) - min(levels) > 50


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_a_policy_changes_most_pictures(policy: str) -> None:
    image, augment = noise(24, 24), off(policy=policy)
    plain = PICTURES.crop(image).tobytes()
    with seeded(0):
        changed = sum(augment.sample(image, PICTURES).tobytes() != plain for _ in range(60))
    assert changed > 40


def test_randaugment_gets_stronger_with_its_magnitude() -> None:
    image = noise(24, 24)
    plain = pixels(PICTURES.crop(image)).astype(float)

    def distance(magnitude: int) -> float:
        augment = off(policy="randaugment", policy_ops=1, policy_magnitude=magnitude)
        with seeded(0):
            views = [pixels(augment.sample(image, PICTURES)) for _ in range(60)]
        return float(np.mean([np.abs(view - plain).mean() for view in views]))

    assert distance(1) < distance(9) < distance(30)


def test_erasing_sets_one_rectangle_to_the_mean_colour() -> None:
    augment = off(erase=1.0)
    image = torch.full((3, 64, 64), 2.5)
    for seed in range(20):
        with seeded(seed):
            erased = augment.random_erase(image)
        gone = erased == 0
        assert torch.equal(gone[0], gone[1])
        assert torch.equal(gone[0], gone[2])
        assert bool((erased[~gone] == 2.5).all())
        ys, xs = torch.nonzero(gone[0], as_tuple=True)
        height, width = int(ys.max() - ys.min()) + 1, int(xs.max() - xs.min()) + 1
        assert height * width == int(gone[0].sum())
        assert 0.015 < height * width / 64**2 < 0.345


def test_erasing_off_returns_the_picture_and_draws_nothing() -> None:
    image, state = torch.rand(3, 8, 8), torch.get_rng_state()
    assert off().random_erase(image) is image
    assert torch.equal(torch.get_rng_state(), state)


def test_mixup_weighs_pictures_as_it_weighs_their_targets() -> None:
    augment, values, y = off(mixup=1.0), torch.rand(3, 3, 5, 7), torch.tensor([0, 1, 2])
    shares = set()
    for seed in range(20):
        out = mixed(augment, seed, values, y)
        assert out.y.dtype == torch.float32
        own = float(out.y[0, 0])
        shares.add(round(own, 3))
        for i in range(3):
            other = values[i - 1].double() * (1 - own) + values[i].double() * own
            torch.testing.assert_close(out.x.values[i].double(), other, atol=1e-6, rtol=0)
            row = [0.0] * 3
            row[i], row[i - 1] = own, 1 - own
            torch.testing.assert_close(out.y[i], torch.tensor(row))
    assert len(shares) > 15
    assert all(0 <= share <= 1 for share in shares)


def test_mixup_draws_its_share_from_a_beta_distribution() -> None:
    augment, values, y = off(mixup=2.0), torch.zeros(2, 3, 2, 2), torch.tensor([0, 1])
    with seeded(0):
        shares = torch.stack([augment.batch(Batch(Inputs(values), y), SPACE).y[0, 0] for _ in range(2000)])
    # Beta(2, 2): mean 1/2, variance 1/20, and P(share < 1/4) = 3/16 - 2/64 = 0.15625
    assert abs(float(shares.mean()) - 0.5) < 4 * (0.05 / 2000) ** 0.5
    assert abs(float(shares.var()) - 0.05) < 0.006
    assert abs(float((shares < 0.25).float().mean()) - 0.15625) < 4 * (0.15625 * 0.84375 / 2000) ** 0.5


def test_cutmix_targets_are_the_shares_of_pixels_that_are_seen() -> None:
    augment, values, y = off(cutmix=1.0), constants(10.0, 20.0, 30.0), torch.tensor([0, 1, 2])
    clipped = 0
    for seed in range(60):
        out = mixed(augment, seed, values, y)
        for i, level in enumerate((10.0, 20.0, 30.0)):
            own = int((out.x.values[i, 0] == level).sum())
            pasted = int((out.x.values[i, 0] == values[i - 1, 0, 0, 0]).sum())
            assert own + pasted == 17 * 23
            row = [0.0] * 3
            row[i], row[i - 1] = own / (17 * 23), pasted / (17 * 23)
            torch.testing.assert_close(out.y[i], torch.tensor(row))
        gone = out.x.values[0, 0] == 30.0
        if bool(gone.any()):
            ys, xs = torch.nonzero(gone, as_tuple=True)
            box = (int(ys.min()), int(xs.min()), int(ys.max()) + 1, int(xs.max()) + 1)
            assert (box[2] - box[0]) * (box[3] - box[1]) == int(gone.sum())
            clipped += 0 in box[:2] or box[2] == 17 or box[3] == 23
    assert clipped > 10


def test_with_both_each_batch_draws_one_of_the_two_evenly() -> None:
    augment, values, y = off(mixup=1.0, cutmix=1.0), constants(0.0, 1.0), torch.tensor([0, 1])
    with seeded(0):
        outs = [augment.batch(Batch(Inputs(values), y), SPACE) for _ in range(400)]
    blended = sum(bool(((out.x.values > 0) & (out.x.values < 1)).any()) for out in outs)
    # Binomial(400, 1/2): standard deviation 10
    assert abs(blended - 200) < 40


def test_many_labels_mix_linearly() -> None:
    space = Space("multi", ("a", "b", "c"))
    y = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    for changes in ({"mixup": 1.0}, {"cutmix": 1.0}):
        out = mixed(off(**changes), 4, constants(0.0, 1.0), y, space)
        own = 1 - float(out.x.values[0].mean())
        torch.testing.assert_close(out.y, torch.tensor([[own, 1.0, 0.0], [1 - own, 1.0, 0.0]]))


def test_numbers_mix_linearly_under_mixup_and_refuse_cutmix() -> None:
    space, y = Space("number", ("age",), (30.0,), (10.0,)), torch.tensor([[20.0], [60.0]])
    assert off(mixup=1.0).mistake_for(space) == ""
    out = mixed(off(mixup=1.0), 4, constants(0.0, 1.0), y, space)
    own = 1 - float(out.x.values[0].mean())
    torch.testing.assert_close(out.y, torch.tensor([[own * 20 + (1 - own) * 60], [own * 60 + (1 - own) * 20]]))
    with pytest.raises(TLError, match=r"^augment.cutmix is 1.0, but the data has numbers to predict"):
        mixed(off(cutmix=1.0), 4, constants(0.0, 1.0), y, space)


def test_a_batch_with_unknown_labels_is_not_mixed() -> None:
    batch = Batch(Inputs(constants(0.0, 1.0)), torch.tensor([-1, -1]))
    assert off(mixup=1.0).batch(batch, SPACE) is batch


def test_only_everything_off_is_deterministic() -> None:
    changes: list[dict[str, Any]] = [
        *({key: 0.1} for key in ("crop", "flip", "vertical_flip", "rotate", "color", "grayscale", "erase")),
        *({key: 0.1} for key in ("mixup", "cutmix")),
        {"policy": "randaugment"},
        {"policy": "trivialaugment"},
    ]
    assert [off(**change).deterministic for change in changes] == [False] * len(changes)


def test_transforms_are_built_once_for_a_preprocess(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.transforms import v2

    built = []
    original = v2.RandomHorizontalFlip.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        built.append(args)
        original(self, *args, **kwargs)

    monkeypatch.setattr(v2.RandomHorizontalFlip, "__init__", counted)
    augment = option("image")
    for _ in range(5):
        augment.sample(noise(30, 30), PICTURES)
    assert len(built) == 1
