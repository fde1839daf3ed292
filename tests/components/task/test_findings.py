"""What the report tells of a split, worked out by hand on a handful of samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.components.augment.samples import TEXTS
from tests.tasks import outcome_of, task_of
from tl.components.sample import Sample
from tl.components.task.judged import Judged
from tl.evaluation.outcome import Outcome
from tl.report.blocks import Card, Gallery, Heatmap, Number, Reliability, Row, Scatter, Section, ShareCell, Table, Words
from tl.space import Kind, Space

SINGLE = Space("single", ("cat", "dog", "owl"))
MULTI = Space("multi", ("red", "big"))
NUMBER = Space("number", ("price", "weight"), mean=(0.0, 0.0), std=(1.0, 1.0))


def found(space: Space, one: Outcome | None, temperature: float | None = None, unfitted: str = "") -> list[Section]:
    if one is None:
        return task_of(space).findings(None)
    return one.task.findings(
        Judged(one.samples, one.kept, one.found, one.raw, temperature, unfitted, lambda _: True, TEXTS)
    )


def only(kind: type, section: Section) -> Any:
    """The one block of this type, also in a row."""
    every = [inner for block in section.blocks for inner in (block.blocks if isinstance(block, Row) else [block])]
    (block,) = [one for one in every if isinstance(one, kind)]
    return block


def told(section: Section) -> list[tuple[Any, ...]]:
    gallery: Gallery = only(Gallery, section)
    return [(card.id, *(line.words for line in card.lines), card.sure) for card in gallery.cards]


def said(section: Section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Words))


def judged(space: Space, scores: Any, targets: Any, raw: Any = None) -> Outcome:
    return outcome_of(space, scores, targets, raw=raw)


def test_wrong_classes_are_listed_from_the_surest_on() -> None:
    scores = [[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.0, 0.05, 0.95]]
    errors, _ = found(SINGLE, judged(SINGLE, scores, [1, 1, 0, 1]))
    assert told(errors) == [("s3", "owl", "dog", 0.95), ("s0", "cat", "dog", 0.6), ("s2", "owl", "cat", 0.4)]
    assert [card.text for card in only(Gallery, errors).cards] == ["text 3", "text 0", "text 2"]
    assert only(Heatmap, errors).counts == {(0, 2): 1, (1, 0): 1, (1, 1): 1, (1, 2): 1}
    assert "The 3 it was surest of, surest first." in said(errors)
    table = only(Table, errors)
    assert table.head == ["class", "samples", "precision", "recall", "F1"]
    assert table.rows[1] == ["dog", Number(3, "3"), ShareCell(1.0), ShareCell(1 / 3), ShareCell(0.5)]


def test_a_split_without_a_mistake_says_so() -> None:
    errors, _ = found(SINGLE, judged(SINGLE, [[0.9, 0.1, 0.0]], [0]))
    assert "Not one mistake on this split." in said(errors)


def test_at_most_twelve_mistakes_are_shown() -> None:
    errors, _ = found(SINGLE, judged(SINGLE, [[0.9 - i / 100, 0.1 + i / 100, 0.0] for i in range(20)], [2] * 20))
    assert [card.id for card in only(Gallery, errors).cards] == [f"s{i}" for i in range(12)]


def test_wrong_labels_are_listed_from_the_surest_on() -> None:
    """A label that is left out at probability 0.1 is as sure a mistake as one that is given at 0.9."""
    errors, _ = found(MULTI, judged(MULTI, [[0.7, 0.1], [0.2, 0.6], [0.4, 0.9]], [[0, 1], [0, 1], [1, 0]]))
    listed = [(*words, round(sure, 9)) for *words, sure in told(errors)]
    assert sorted(listed[:2]) == [("s0", "not big", "big", 0.9), ("s2", "big", "not big", 0.9)]
    assert listed[2:] == [("s0", "red", "not red", 0.7), ("s2", "not red", "red", 0.6)]
    assert only(Table, errors).head == ["label", "samples", "precision", "recall", "F1", "average precision"]


def test_the_largest_errors_of_numbers_are_listed_first() -> None:
    (errors,) = found(NUMBER, judged(NUMBER, [[1.0, 5.0], [2.0, -4.0]], [[1.5, 5.0], [0.0, -1.0]]))
    cards: list[Card] = list(only(Gallery, errors).cards)
    assert [(c.id, c.note, c.lines[1].words, c.lines[0].words, c.lines[0].aside) for c in cards[:3]] == [
        ("s1", "weight", "−1.00", "−4.00", "−3.00"),
        ("s1", "price", "0.00", "2.00", "+2.00"),
        ("s0", "price", "1.50", "1.00", "−0.50"),
    ]
    (row,) = [block for block in errors.blocks if isinstance(block, Row)]
    assert row.blocks == [Scatter("price", [1.5, 0.0], [1.0, 2.0]), Scatter("weight", [5.0, -1.0], [5.0, -4.0])]


def test_further_targets_are_counted() -> None:
    many = Space("number", tuple("abcdefgh"), mean=(0.0,) * 8, std=(1.0,) * 8)
    (errors,) = found(many, judged(many, [[0.0] * 8], [[1.0] * 8]))
    assert "2 further targets not shown." in said(errors)


def reliability(section: Section) -> list[Reliability]:
    (row,) = [block for block in section.blocks if isinstance(block, Row)]
    return [block for block in row.blocks if isinstance(block, Reliability)]


def test_calibration_errors_of_too_sure_and_too_unsure_answers_do_not_cancel() -> None:
    """Guo et al. 2017, equation 3: two answers of 0.9, one right (gap 0.4); two of 0.6, both right (gap 0.4)."""
    raw = [[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.6, 0.4, 0.0]]
    scores = [[0.75, 0.25, 0.0], [0.75, 0.25, 0.0], [0.55, 0.45, 0.0], [0.55, 0.45, 0.0]]
    targets = [0, 1, 0, 0]
    _, confidence = found(SINGLE, judged(SINGLE, scores, targets, raw), 1.7)
    before, after = reliability(confidence)
    assert before.caption == "As trained, ECE 0.400"  # (2 * 0.4 + 2 * 0.4) / 4
    assert after.caption == "After temperature 1.70, ECE 0.350"  # (2 * 0.25 + 2 * 0.45) / 4
    assert [(b.count, b.accuracy) for b in before.bins if b.count] == [(2, 1.0), (2, 0.5)]
    assert "it was too sure: a temperature of 1.70 lowers its confidence." in said(confidence)
    for unfitted in ("", "Too few."):
        _, confidence = found(SINGLE, judged(SINGLE, raw, targets), None, unfitted)
        assert len(reliability(confidence)) == 1
        assert said(confidence).split(" is too sure.")[-1].startswith(unfitted and f" {unfitted}")


def test_every_label_counts_as_an_answer_in_the_calibration_of_several_labels() -> None:
    _, confidence = found(MULTI, judged(MULTI, [[0.9, 0.2], [0.9, 0.2]], [[1, 0], [1, 1]]))
    assert reliability(confidence)[0].caption == "As trained, ECE 0.200"  # (2 * 0.1 + 2 * 0.3) / 4
    assert "labels of probability 0.8 apply 8 times in 10" in said(confidence)


def test_a_picture_that_is_gone_is_named(tmp_path: Path) -> None:
    gone = Sample("s0", tmp_path / "gone.png", None, "pictures/gone.png")
    one = outcome_of(SINGLE, np.eye(3)[:1], [1], samples=[gone])
    (card,) = only(Gallery, found(SINGLE, one)[0]).cards
    assert card.text == "pictures/gone.png cannot be opened any more"


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (SINGLE, ["", "Its confidence was not checked."]),
        (MULTI, ["No label was judged.", "Its confidence was not checked."]),
        (NUMBER, ["There is nothing to compare: no sample was judged."]),
    ],
)
def test_a_run_without_a_judging_split_says_so(space: Space, expected: list[str]) -> None:
    assert [said(section) for section in found(space, None)] == expected


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        ("single", ("cat",), ""),
        ("single", ("cat", "dog"), "tell cat from dog"),
        ("single", ("c" * 50, "dog"), f"tell {'c' * 39}… from dog"),
        ("single", tuple("abcdefghi"), "tell 9 classes apart"),
        ("multi", ("red",), "find where red applies"),
        ("multi", ("red", "big"), "find which of 2 labels apply"),
        ("number", ("price",), "predict price"),
        ("number", ("price", "weight"), "predict 2 numbers"),
    ],
)
def test_what_a_model_was_to_do(kind: Kind, names: tuple[str, ...], expected: str) -> None:
    assert task_of(Space(kind, names)).skill() == expected
