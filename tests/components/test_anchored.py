"""Which anchors find which boxes, their loss, and the answers, by hand and against torchvision's own RetinaNet."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models.detection.retinanet import RetinaNetClassificationHead

from tl.components.anchored import Anchored, Focus, assigned, picture_loss, surest

NONE = torch.zeros(0, 4)
FOCUS = Focus(0.25, 2.0)


def squares(*sides: tuple[float, float, float]) -> Tensor:
    """Boxes from their left upper corner and their side."""
    return torch.tensor([(x, y, x + side, y + side) for x, y, side in sides], dtype=torch.float32)


def test_an_anchor_finds_the_box_that_it_overlaps_by_half_and_each_box_its_best_anchor() -> None:
    anchors = squares((0, 0, 10), (0, 4.5, 10), (0, 4, 10), (0, 9, 10), (50, 50, 10), (90, 90, 10))
    true = squares((0, 0, 10), (50, 50, 24))
    which, counts = assigned(anchors, true)
    # The first is the box; shifts by 4.5, 4 and 9 leave overlaps of 5.5/14.5, 6/14 and 1/19; the fifth has 100/576.
    assert which.tolist() == [0, -1, -1, -1, 1, -1]
    assert counts.tolist() == [True, True, False, True, True, True]


def test_without_boxes_every_anchor_counts_and_finds_none() -> None:
    which, counts = assigned(squares((0, 0, 10), (5, 5, 10)), NONE)
    assert which.tolist() == [-1, -1]
    assert counts.all()


def test_a_box_that_no_anchor_reaches_forces_none() -> None:
    which, _ = assigned(squares((0, 0, 10)), squares((60, 60, 10)))
    assert which.tolist() == [-1]


def answer(anchors: Tensor, logits: Tensor, sides: Tensor | None = None) -> Anchored:
    return Anchored(anchors, anchors if sides is None else sides, logits)


def test_the_focal_loss_is_that_of_torchvisions_retinanet() -> None:
    draw = torch.Generator().manual_seed(0)
    anchors = torch.rand(60, 2, generator=draw) * 50
    anchors = torch.cat([anchors, anchors + 5 + 20 * torch.rand(60, 2, generator=draw)], dim=1)
    true, classes = anchors[[3, 20, 41]] + 1.0, torch.tensor([0, 2, 1])
    logits = torch.randn(60, 3, generator=draw)
    which, counts = assigned(anchors, true)
    theirs = RetinaNetClassificationHead(8, 1, 3)
    indices = torch.where(counts, which, theirs.BETWEEN_THRESHOLDS)
    expected = theirs.compute_loss([{"labels": classes}], {"cls_logits": logits[None]}, [indices])
    found = picture_loss(answer(anchors, logits, _exact(anchors, true, which)), true, classes, NONE, FOCUS)
    torch.testing.assert_close(found, expected)


def _exact(anchors: Tensor, true: Tensor, which: Tensor) -> Tensor:
    """The anchors, but those that find a box answer with this box, so that only the classes have a loss."""
    return torch.where((which >= 0)[:, None], true[which], anchors)


def test_boxes_that_are_far_off_cost_one_minus_their_generalised_overlap() -> None:
    anchors, true = squares((0, 0, 10)), squares((0, 0, 10))
    sure = torch.tensor([[50.0]])
    found = picture_loss(answer(anchors, sure, squares((20, 0, 10))), true, torch.tensor([0]), NONE, FOCUS)
    # No overlap; the box around both is 30 x 10, of which 100 belong to neither: GIoU = 0 - 100 / 300.
    torch.testing.assert_close(found, torch.tensor(4 / 3))


def test_the_loss_of_several_boxes_is_their_mean() -> None:
    """One anchor is 20 beside its box (GIoU -100 / 300), the other 5 beside it (overlap 50 / 150, nothing between)."""
    anchors = squares((0, 0, 10), (50, 0, 10))
    sides = torch.cat([squares((20, 0, 10)), squares((55, 0, 10))])
    found = picture_loss(answer(anchors, torch.full((2, 1), 50.0), sides), anchors, torch.zeros(2).long(), NONE, FOCUS)
    torch.testing.assert_close(found, torch.tensor((4 / 3 + 2 / 3) / 2))


def test_anchors_within_what_is_not_judged_do_not_count() -> None:
    anchors = squares((0, 0, 10), (30, 30, 10), (37, 30, 10))
    wrong = torch.full((3, 1), 4.0)
    one = picture_loss(answer(anchors, wrong), NONE, torch.zeros(0).long(), squares((28, 28, 14)), FOCUS)
    every = picture_loss(answer(anchors, wrong), NONE, torch.zeros(0).long(), NONE, FOCUS)
    # Half of the third anchor, which begins at 37, lies in the area up to 42: that is enough.
    torch.testing.assert_close(one, every / 3)


def test_an_empty_picture_gives_every_parameter_a_gradient() -> None:
    anchors = squares((0, 0, 10), (30, 30, 10))
    sides, logits = anchors.clone().requires_grad_(), torch.zeros(2, 2, requires_grad=True)
    picture_loss(answer(anchors, logits, sides), NONE, torch.zeros(0).long(), NONE, FOCUS).backward()
    assert sides.grad is not None
    assert not sides.grad.any()
    assert logits.grad is not None
    assert logits.grad.all()


def test_of_overlapping_boxes_of_a_class_the_surest_stays() -> None:
    sides = squares((0, 0, 10), (1, 0, 10), (1, 0, 10), (40, 40, 10), (80, 80, 10))
    logits = torch.tensor([[2.0, -9.0], [1.0, -9.0], [-9.0, 0.5], [-1.0, -9.0], [-4.0, -9.0]])
    frame = torch.tensor([0.0, 0.0, 45.0, 100.0])
    found, scores, classes = surest(answer(sides, logits, sides), frame, least=0.05, overlap=0.5, most=100)
    assert classes.tolist() == [0, 1, 0]
    torch.testing.assert_close(scores, torch.tensor([2.0, 0.5, -1.0]).sigmoid())
    assert found.tolist() == [[0, 0, 10, 10], [1, 0, 11, 10], [40, 40, 45, 50]]
    assert len(surest(answer(sides, logits, sides), frame, least=0.05, overlap=0.5, most=2)[0]) == 2


def test_boxes_beside_the_frame_of_a_picture_are_none_and_others_are_cut() -> None:
    sides = squares((0, 0, 10), (0, 5, 10))
    logits = torch.tensor([[2.0], [1.0]])
    found, _, _ = surest(answer(sides, logits, sides), torch.tensor([2.0, 12.0, 30.0, 40.0]), 0.05, 0.5, 9)
    assert found.tolist() == [[2, 12, 10, 15]]


def test_answers_are_packed_as_columns_and_unpacked() -> None:
    one = answer(squares((0, 0, 10)), torch.tensor([[1.0, 2.0, 3.0]]).half(), squares((5, 5, 5)))
    again = Anchored.of(one.packed())
    assert again.packed().dtype == torch.float32
    assert [part.tolist() for part in again] == [part.tolist() for part in one]
