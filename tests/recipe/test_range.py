"""The ranges of keys: every number has one, it stands in one place, and what lies in it can be built."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch

from tests.built import defaults, mistakes
from tests.components.head.samples import declared
from tests.recipe.conftest import ALL
from tl.recipe.build import build
from tl.recipe.range import Range
from tl.recipe.recipe import Node, settings_shape
from tl.recipe.registry import SETTINGS, Option, options
from tl.recipe.shape import Choice, Either, ListOf, MapOf, Maybe, Record, Scalar, Shape
from tl.recipe.signature import signature
from tl.space import Kind, Space

SUPPLIED = {"adapter": {"dim": 8}, "method": {"open_model": None}}
NUMBERS = ("int", "float", "Duration")


def scalars(shape: Shape, key: str) -> Iterator[tuple[str, Scalar]]:
    """Every single value inside a shape, with its dotted key."""
    match shape:
        case Scalar():
            yield key, shape
        case Maybe(item) | ListOf(item) | MapOf(item) | Either(item):
            yield from scalars(item, key)
        case Record(fields):
            for name, inner in fields.items():
                yield from scalars(inner, f"{key}.{name}")
        case Choice():
            pass


def record(option: Option) -> Record:
    return signature(option.source, option.module).record


def edges(allowed: Range, whole: bool) -> list[float]:
    """The least and the largest value of a range; just inside it where a bound is left out or is none."""
    least = 1 if whole else 1e-3
    low = allowed.low + least * allowed.above if math.isfinite(allowed.low) else 0
    high = allowed.high - least * allowed.below if math.isfinite(allowed.high) else low + 1
    return [int(low), int(high)] if whole else [float(low), float(high)]


def with_value(shape: Shape, value: Any) -> Any:
    """The value, in as many lists as the shape wants, of the least length."""
    match shape:
        case Maybe(item) | Either(item):
            return with_value(item, value)
        case ListOf(item):
            return [with_value(item, value)] * (1 if shape.range is None else int(shape.range.low))
        case Scalar("Duration"):
            return f"{value:g}{(shape.range or Range(units=('ep',))).units[0]}"
    return value


def ranged(option: Option) -> Iterator[tuple[str, Shape, Any]]:
    """(key, shape, value) for the values at the edges of every number that an option takes."""
    for key, shape in record(option).fields.items():
        for _, inner in scalars(shape, key):
            if inner.name in NUMBERS and inner.range is not None and not isinstance(shape, Record):
                for value in edges(inner.range, inner.name == "int"):
                    yield key, shape, with_value(shape, value)


@pytest.mark.parametrize("option", ALL, ids=lambda option: f"{option.group}={option.name}")
def test_every_number_of_every_option_declares_its_range(option: Option) -> None:
    bare = [key for key, shape in scalars(record(option), "") if shape.name in NUMBERS and shape.range is None]
    assert bare == [], 'write Annotated[float, "0 to 1"], or "any" where every number makes sense'


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "report"])  # which has no number
def test_every_number_of_the_settings_declares_its_range(name: str) -> None:
    found = [(key, s) for key, s in scalars(settings_shape(name), name) if s.name in NUMBERS]
    assert found
    assert [key for key, shape in found if shape.range is None] == []


@pytest.mark.parametrize(
    "option",
    [option for option in ALL if option.group not in ("backbone", "data")],
    ids=lambda option: f"{option.group}={option.name}",
)
def test_what_lies_in_a_range_can_be_built(option: Option) -> None:
    values = {"teacher": "."} if option.name == "distill" else {}
    for key, shape, value in ranged(option):
        if (option.name, key, value) == ("sgd", "momentum", 0.0):
            values["nesterov"] = False
        if (option.name, key) == ("retina", "width"):
            value = value // 8 * 8
        chosen = defaults(option.yaml) | values | {key: value}
        assert mistakes(option.group, option.name, **values, **{key: value}) == [], (key, shape)
        if option.group != "head":
            build(Node(option.group, option.name, chosen), **SUPPLIED.get(option.group, {}))
            continue
        kinds = declared(option.name, "kinds")
        kind = cast(Kind, "single" if "single" in kinds else kinds[0])
        space = Space(kind, ("a", "b", "c"))
        made = build(Node("head", option.name, chosen), dim_in=8, space=space, dims=(8,), strides=(4,))
        features = {"pooled": torch.randn(4, 8), "maps": (torch.randn(4, 2, 2, 8),), "pair": torch.randn(4, 2, 8)}
        out = made(features[made.forms[0]])
        assert out.isfinite().all(), (key, value)
        if kind == "single":
            assert made.loss(out.flatten(0, -2)[:4], torch.tensor([0, 1, 2, 0])).isfinite(), (key, value)


@pytest.mark.parametrize("name", [name for name in options("data") if name.startswith("tiny_")])
def test_the_fewest_and_most_samples_can_be_made(name: str) -> None:
    for key, _, value in ranged(options("data")[name]):
        if key == "n":
            made = build(Node("data", name, defaults(options("data")[name].yaml) | {key: value}))
            assert len(made.read()) == value


@pytest.mark.parametrize(
    "name, smallest",
    [
        ("tiny_image", {"size": 8}),
        ("efficientnet_lite0", {"size": 1}),
        ("resnet", {"size": 1, "name": "resnet18"}),
        ("mobilenet", {"size": 1}),
        ("efficientnet", {"size": 1}),
        ("convnext", {"size": 32}),
        ("vit", {"size": 16}),
    ],
)
def test_a_backbone_takes_the_smallest_picture_that_its_range_allows(name: str, smallest: dict[str, Any]) -> None:
    from tl.batch import Inputs

    option = options("backbone")[name]
    changes = {"weights": "none", **smallest}
    assert mistakes("backbone", name, **changes) == []
    made = build(Node("backbone", name, defaults(option.yaml) | changes)).eval()
    with torch.no_grad():
        out = made(Inputs(torch.randn(2, 3, smallest["size"], smallest["size"])))
    assert out.shape == (2, made.dim)
    assert out.isfinite().all()


OUT_OF_RANGE = [
    ("head", "mlp", {"dropout": 7}, "head.dropout '7' is not a number from 0 to below 1."),
    ("head", "mlp", {"hidden": []},
     "head.hidden '[]' is not a list of at least 1 item, each a whole number of at least 1."),
    ("head", "mlp", {"hidden": [0]}, "head.hidden.0 '0' is not a whole number of at least 1."),
    ("head", "mlp", {"bottleneck": 0}, "head.bottleneck '0' is not a whole number of at least 1 or null."),
    ("task", "auto", {"label_smoothing": 4}, "task.label_smoothing '4' is not a number from 0 to below 1."),
    ("task", "classification", {"focal_gamma": -1}, "task.focal_gamma '-1' is not a number of at least 0."),
    ("head", "linear", {"ridge_strength": 0}, "head.ridge_strength '0' is not a number above 0 or null."),
    ("head", "cosine", {"scale": -1}, "head.scale '-1' is not a number above 0."),
    ("head", "soft_triple", {"centres": 0}, "head.centres '0' is not a whole number of at least 1."),
    ("augment", "image", {"flip": 7}, "augment.flip '7' is not a number from 0 to 1."),
    ("augment", "image", {"crop": 0}, "augment.crop '0' is not a number above 0 and at most 1 or null."),
    ("augment", "image", {"rotate": -1}, "augment.rotate '-1' is not a number from 0 to 180."),
    ("augment", "text", {"swap": 2.0}, "augment.swap '2.0' is not a number from 0 to 1."),
    ("adapter", "bottleneck", {"width": 0}, "adapter.width '0' is not a whole number of at least 1."),
    ("backbone", "tiny_image", {"size": 3}, "backbone.size '3' is not a whole number of at least 8."),
    ("backbone", "tiny_text", {"max_length": -5}, "backbone.max_length '-5' is not a whole number from 3 to 1048576."),
    ("optimizer", "adamw", {"lr": 0}, "optimizer.lr '0' is not a number above 0."),
    ("optimizer", "sgd", {"lr": -1}, "optimizer.lr '-1' is not a number above 0."),
    ("optimizer", "adamw", {"betas": [0.9]},
     "optimizer.betas '[0.9]' is not a list of exactly 2 items, each a number from 0 to below 1."),
    ("optimizer", "adam", {"betas": [0.9, 1.0]}, "optimizer.betas.1 '1.0' is not a number from 0 to below 1."),
    ("optimizer", "sgd", {"momentum": 1}, "optimizer.momentum '1' is not a number from 0 to below 1."),
    ("optimizer", "adamw", {"warmup": "5min"},
     "optimizer.warmup '5min' is not a duration such as 500step, 3ep, 10% or auto."),
    ("freeze", "gradual", {"every": "0step"},
     "freeze.every '0step' is not a duration above 0 such as 500step, 3ep, 10%."),
    ("freeze", "watch", {"lr_decay": 1.5}, "freeze.lr_decay '1.5' is not a number above 0 and at most 1."),
    ("freeze", "surgical", {"train": []}, "freeze.train '[]' is not a list of at least 1 item, each a text."),
    ("data", "tiny_sentences", {"n": 3001}, "data.n '3001' is not a whole number from 6 to 3000."),
    ("data", "tiny_shapes", {"limit": 1}, "data.limit '1' is not a whole number of at least 2 or null."),
]  # fmt: skip


@pytest.mark.parametrize("group, name, changes, message", OUT_OF_RANGE, ids=lambda value: str(value)[:30])
def test_a_value_out_of_range_is_a_sentence(group: str, name: str, changes: dict[str, Any], message: str) -> None:
    assert mistakes(group, name, **changes) == [message]


@pytest.mark.parametrize(
    "text, inside, outside",
    [
        ("at least 1", [1, 7], [0.999]),
        ("above 0", [1e-9], [0, -1]),
        ("0 to 1", [0, 1], [-0.001, 1.001]),
        ("0 to below 1", [0, 0.999], [1]),
        ("above 0 to 1", [1], [0]),
        ("above -1.5 to below 1", [-1.4], [-1.5, 1]),
        ("exactly 2", [2], [1, 3]),
        ("any", [-1e300, 0, 1e300], []),
    ],
)
def test_the_words_of_a_range(text: str, inside: list[float], outside: list[float]) -> None:
    allowed = Range.parse(text)
    assert all(allowed.holds(value) for value in inside)
    assert not any(allowed.holds(value) for value in outside)


@pytest.mark.parametrize("text", ["", "0..1", "at most 3", "1 to", "above 0 in weeks"])
def test_other_words_are_no_range(text: str) -> None:
    with pytest.raises(LookupError):
        Range.parse(text)


def test_explain_prints_the_range() -> None:
    from tl.commands.explain import KeyHelp, explain

    found = [key for key in explain("head.dropout") if isinstance(key, KeyHelp)]
    assert {key.takes for key in found} == {"a number from 0 to below 1"}
