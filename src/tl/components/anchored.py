"""The mathematics of boxes that are found at anchors: which anchors are to find which boxes, the loss, and the answers.

Shapes: A anchors, M true boxes, C classes, K boxes found in a picture; sides are left, top, right, bottom in pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import batched_nms, box_iou, clip_boxes_to_image, generalized_box_iou_loss, sigmoid_focal_loss

_POSITIVE, _NEGATIVE = 0.5, 0.4
_LEAST_BEST = 0.1
_CANDIDATES = 1000
_WITHIN = 0.5


class Anchored(NamedTuple):
    """What a head answers at each anchor, as columns of one tensor (..., A, 8 + C).

    They are the anchor's sides, those of the box that is found there, and the logits of its classes.
    """

    anchors: Tensor
    sides: Tensor
    logits: Tensor

    def packed(self) -> Tensor:
        """One tensor; anchors and sides are float32, whatever the logits are."""
        return torch.cat([self.anchors.float(), self.sides.float(), self.logits.float()], dim=-1)

    @classmethod
    def of(cls, output: Tensor) -> Anchored:
        return cls(*torch.split(output, [4, 4, output.shape[-1] - 8], dim=-1))


class Focus(NamedTuple):
    """The focal loss's weight of anchors that find a box, and its exponent (Lin et al. 2017)."""

    alpha: float
    gamma: float


def assigned(anchors: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """For each anchor (A,) the number of the true box (M, 4) that it is to find, -1 for none; and whether it counts.

    An anchor finds the box that it overlaps most, by .5 or more; each box is also found by the anchors that overlap it
    most, as far as these reach .1. Anchors whose largest overlap is from .4 to .5 do not count.
    """
    if not len(true):
        return torch.full((len(anchors),), -1, device=anchors.device), torch.ones_like(anchors[:, 0], dtype=torch.bool)
    shares = box_iou(anchors, true)
    best, which = shares.max(dim=1)
    most = shares.max(dim=0).values
    forced = (shares == most) & (most >= _LEAST_BEST)
    finds = (best >= _POSITIVE) | forced.any(dim=1)
    which = torch.where(forced.any(dim=1), torch.where(forced, shares, -1.0).argmax(dim=1), which)
    return torch.where(finds, which, -1), finds | (best < _NEGATIVE)


def picture_loss(answer: Anchored, true: Tensor, classes: Tensor, unjudged: Tensor, focus: Focus) -> Tensor:
    """The focal loss of a picture's anchors and one minus the generalised IoU of those that find a box, summed.

    Both are divided by the number of anchors that find one of the true boxes (M, 4) of `classes` (M,). Anchors that lie
    by half in boxes that are not judged, and find no other, do not count. GIoU: Rezatofighi et al. 2019.
    """
    which, counts = assigned(answer.anchors, true)
    finds = which >= 0
    if len(unjudged):
        counts = counts & (finds | (_share_within(answer.anchors, unjudged) < _WITHIN))
    wanted = torch.zeros_like(answer.logits)
    wanted[finds, classes[which[finds]]] = 1.0
    focal = sigmoid_focal_loss(answer.logits[counts], wanted[counts], *focus, reduction="sum")
    far = generalized_box_iou_loss(answer.sides[finds], true[which[finds]], reduction="sum")
    total: Tensor = (focal + far) / finds.sum().clamp(min=1)
    return total


def _share_within(anchors: Tensor, areas: Tensor) -> Tensor:
    """The largest share of each anchor (A,) that lies in one of these areas (M, 4)."""
    low, high = torch.maximum(anchors[:, None, :2], areas[:, :2]), torch.minimum(anchors[:, None, 2:], areas[:, 2:])
    both = (high - low).clamp(min=0).prod(dim=2)
    own = (anchors[:, 2:] - anchors[:, :2]).prod(dim=1)
    return both.max(dim=1).values / own


def surest(answer: Anchored, frame: Tensor, least: float, overlap: float, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """The boxes (K, 4) found in a picture, cut at its `frame` (4,), with their scores and classes, the surest first.

    Of boxes of a class that overlap each other by more than `overlap`, the surest stays; scores are above `least`.
    """
    scores, places = answer.logits.sigmoid().flatten().sort(descending=True, stable=True)
    places, scores = places[:_CANDIDATES], scores[:_CANDIDATES]
    places, scores = places[scores > least], scores[scores > least]
    at, classes = places // answer.logits.shape[1], places % answer.logits.shape[1]
    corner = frame[:2].repeat(2)
    width, height = (frame[2:] - frame[:2]).tolist()
    sides = clip_boxes_to_image(answer.sides[at] - corner, (height, width))
    solid = (sides[:, 2] > sides[:, 0]) & (sides[:, 3] > sides[:, 1])
    sides, scores, classes = sides[solid], scores[solid], classes[solid]
    kept = batched_nms(sides, scores, classes, overlap)[:most]
    return sides[kept] + corner, scores[kept], classes[kept]
