"""The one place that turns a recipe's node into an object."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tl.recipe.binding import bind
from tl.recipe.former import find_former_members, find_former_names
from tl.recipe.recipe import Node
from tl.recipe.registry import options
from tl.recipe.shape import ListOf, MapOf, Maybe, Record, Shape
from tl.recipe.signature import signature


def build(node: Node, /, **supplied: Any) -> Any:
    """Build the final class of a node's option; of `supplied`, its constructor gets the parameters that it names."""
    option = options(node.group)[node.option]
    spec = signature(option.source, option.module)
    plugin = not option.module.startswith("tl.")
    if plugin:
        find_former_names()
    values = {key: _object(shape, node.values[key]) for key, shape in spec.record.fields.items()}
    cls = getattr(import_module(option.module), spec.class_name)
    if plugin:
        find_former_members(cls)
    return cls(**{name: supplied[name] for name in spec.supplied}, **values)


def _object(shape: Shape, value: Any) -> Any:
    match shape:
        case Record():
            module, _, name = shape.target.partition(":")
            fields = {key: _object(inner, value[key]) for key, inner in shape.fields.items()}
            return getattr(import_module(module), name)(**fields)
        case ListOf():
            return tuple(_object(shape.item, item) for item in value)
        case MapOf():
            return {key: _object(shape.item, item) for key, item in value.items()}
        case Maybe() if value is not None:
            return _object(shape.item, value)
        case _:
            return bind(shape, value)
