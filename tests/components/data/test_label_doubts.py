from __future__ import annotations

import pytest

from tests.components.data.listed import Listed, row
from tests.tasks import load_data
from tl.components.data.base import Data
from tl.components.data.label_doubts import label_doubts

WHOLE = {"val": 0.0, "test": 0.0}


def data_of(labels: list[str], **changes: object) -> Data:
    return load_data(Listed([row(i, label) for i, label in enumerate(labels)], split=WHOLE, **changes))


def codes(labels: list[str]) -> list[str]:
    return [doubt.code for doubt in label_doubts(data_of(labels))]


def only(labels: list[str]) -> str:
    (doubt,) = label_doubts(data_of(labels))
    return str(doubt)


@pytest.mark.parametrize(
    "labels",
    [
        ["cat"] * 30 + ["dog"] * 2,
        [str(i % 10) for i in range(50)],  # digits are classes
        [str(i % 100) for i in range(2000)],  # so are a hundred numbered classes with many samples each
        [f"class {i % 3}" for i in range(60)] + ["class 3"],
        ["1 star"] * 60 + ["2 stars"] * 2,
        ["London, Ontario"] * 9 + ["Paris, Texas"] * 9,  # a comma within names whose words do not recur
        ["none", "some"] * 9,
        ["part"] * 60 + ["port"] * 10,
    ],
)
def test_sound_labels_raise_no_doubt(labels: list[str]) -> None:
    assert codes(labels) == []


def test_ids_are_no_classes() -> None:
    text = only([f"user-{i}" for i in range(60)])
    assert text.startswith("60 of 60 samples have a class of their own, such as 'user-0': the labels look like ids")
    assert "data.label" in text
    assert "data.numbers" not in text
    assert codes([f"user-{i}" for i in range(10)] + ["a", "b"] * 20) == []


def test_numbers_are_to_be_predicted_as_numbers_and_never_one_class() -> None:
    text = only(["3.3", "-3.3", "0.5"] * 20)
    assert text.startswith("All 3 classes are numbers, such as 3.3, -3.3, 0.5:")
    assert "data.numbers" in text
    assert "may be one" not in text
    assert codes([str(1900 + i // 3) for i in range(120)]) == ["E162"]
    assert "data.numbers" in only([str(i / 7) for i in range(60)])


def test_lists_of_tags_are_no_classes() -> None:
    text = only(["red,round", "red", "blue,round", "blue", "round, red"] * 8)
    assert text.startswith(
        "3 of 5 classes look like lists of labels, such as 'red,round': name the column in data.labels"
    )
    assert text.endswith("data.separator=','.")


@pytest.mark.parametrize("word", ["NA", "n/a", "nan", "?", "NULL", "-"])
def test_words_for_a_missing_value_are_named(word: str) -> None:
    (doubt,) = label_doubts(data_of(["yes", "no", "no"] * 10 + [word] * 4))
    assert f"'{word}' (4) looks like a missing label" in doubt
    assert f'data.missing=["{word}"]' in doubt
    assert doubt.key == "data.missing"


def test_the_switch_takes_words_for_missing_labels() -> None:
    labels = ["yes", "no"] * 50 + ["NA"] * 4
    data = data_of(labels, missing=("NA",), on_error="skip")
    assert data.space.names == ("no", "yes")
    assert len(data.splits["train"]) == 100
    assert list(label_doubts(data)) == []
    several = [row(i, ("a", "NA"), "train") for i in range(3)] + [row(9, ("b",), "train")]
    kept = load_data(Listed(several, "multi", missing=("NA",), split=WHOLE))
    assert kept.space.names == ("a", "b")


@pytest.mark.parametrize("rare", ["psoitive", "positve", "positivee", "pozitive"])
def test_a_rare_class_one_slip_from_a_frequent_one_is_a_misspelling(rare: str) -> None:
    text = only(["positive"] * 40 + ["negative"] * 40 + [rare] * 2)
    assert (
        text
        == f"1 class looks like a misspelling: '{rare}' (2) for 'positive' (40); correct the label where it is one."
    )
    assert codes(["positive"] * 40 + ["negative"] * 40 + [rare] * 3) == []


@pytest.mark.parametrize(
    "one, two", [("Dog", "dog"), ("Dog food", "dog_food"), ("1", "1.0"), ("caf\u00e9", "cafe\u0301")]
)
def test_names_that_look_alike_may_be_one(one: str, two: str) -> None:
    doubts = [str(doubt) for doubt in label_doubts(data_of([one, two, "other"] * 10))]
    assert doubts == [f"The classes {one!r} and {two!r} may be one: merge them."] or doubts == [
        f"The classes {two!r} and {one!r} may be one: merge them."
    ]


def test_numbers_to_predict_have_no_label_doubts() -> None:
    samples = [row(i, (float(i),)) for i in range(30)]
    assert list(label_doubts(load_data(Listed(samples, "number", ("y",), split=WHOLE)))) == []
