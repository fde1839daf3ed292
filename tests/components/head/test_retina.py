"""RetinaNet's head: where its anchors lie, what it answers at first, and which backbones it goes with."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.built import option
from tl.components.anchored import Anchored
from tl.components.head.retina import Retina
from tl.errors import TLError
from tl.space import Space

DIMS, STRIDES = (4, 8, 16), (4, 8, 16)


def head(**changes: Any) -> Retina:
    torch.manual_seed(0)
    supplied = {"dims": DIMS, "strides": STRIDES, "space": Space("multi", ("a", "b"))}
    made = option("head", "retina", supplied, **{"width": 16, **changes})
    assert isinstance(made, Retina)
    return made


def maps(side: int = 32, batch: int = 2) -> tuple[Tensor, ...]:
    draw = torch.Generator().manual_seed(1)
    shapes = ((batch, side // s, side // s, d) for d, s in zip(DIMS, STRIDES, strict=True))
    return tuple(torch.randn(shape, generator=draw) for shape in shapes)


def test_anchors_lie_around_the_middle_of_their_places() -> None:
    answer = Anchored.of(head(maps=2, coarser=1, anchor=2.0)(maps()[1:])[0])
    places = 4 * 4 + 2 * 2 + 1
    assert answer.anchors.shape == (9 * places, 4)
    centres = (answer.anchors[:, :2] + answer.anchors[:, 2:]) / 2
    assert centres[0].tolist() == pytest.approx([4, 4])
    assert centres[9].tolist() == pytest.approx([12, 4])
    assert centres[9 * 4].tolist() == pytest.approx([4, 12])
    assert centres[-1].tolist() == pytest.approx([16, 16])
    sides = answer.anchors[:, 2:] - answer.anchors[:, :2]
    smallest = (sides.prod(dim=1) ** 0.5)[[0, 9 * 16, 9 * 20]]
    assert smallest.tolist() == pytest.approx([16, 32, 64])
    shapes = {round(high / wide, 3) for wide, high in sides.tolist()}
    assert shapes == {0.5, 1.0, 2.0}


def test_at_first_all_classes_are_rare_and_boxes_are_near_their_anchors() -> None:
    answer = Anchored.of(head()(maps()).detach())
    assert float(answer.logits.sigmoid().mean()) == pytest.approx(0.01, abs=0.003)
    far = (answer.sides - answer.anchors).abs().amax(dim=-1) / (answer.anchors[..., 2] - answer.anchors[..., 0])
    assert float(far.median()) < 0.3


def test_a_picture_is_answered_alike_whatever_its_neighbours() -> None:
    made = head().eval()
    both = made(maps())
    alone = made(tuple(one[:1] for one in maps()))
    torch.testing.assert_close(both[:1], alone)


@pytest.mark.parametrize("count, further", [(1, 0), (1, 2), (3, 0)])
def test_it_reads_as_many_maps_as_there_are(count: int, further: int) -> None:
    made = head(maps=count, coarser=further)
    answer = made(maps()[-count:])
    side = [32 // s for s in STRIDES[-count:]] + [max(1, -(-2 // 2 ** (1 + k))) for k in range(further)]
    assert answer.shape == (2, 9 * sum(n * n for n in side), 8 + 2)
    assert made.taps == tuple(range(4 - count, 4))


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(TLError, match=r"head\.width=20 is no multiple of 8"):
        head(width=20)
    with pytest.raises(TLError, match=r"head\.standardize=true: head 'retina' normalises maps by itself"):
        head(standardize=True)
    assert not head().needs_training_features
