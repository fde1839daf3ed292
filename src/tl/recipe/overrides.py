"""`key=value` from the command line: parsed by Hydra's grammar, and set in plain mappings."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tl.errors import Mistake
from tl.recipe.unicode import is_unicode

COMMAND_LINE = "command line"


def parse(text: str, mistakes: list[Mistake]) -> tuple[str, Any] | None:
    """The dotted key and the value of an override; None, and a mistake in the list, where it cannot be read."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    plain = text.lstrip("+")
    if plain != text:
        mistakes.append(_mistake(f"'{text}': a key is set without '+': write {plain}.", "E038"))
    if not is_unicode(plain):
        mistakes.append(_mistake(f"'{text}' is no UTF-8 text: give the file or folder a name in UTF-8.", "E037"))
        return None
    key, equals, value = plain.partition("=")
    if not equals or not key or key[0] == "~" or "@" in key or "/" in key:
        mistakes.append(_mistake(f"'{text}' is no override: write key=value, as in optimizer.lr=1e-4.", "E037"))
        return None
    try:
        parsed = OverridesParser.create().parse_override(plain)
    except (HydraException, ValueError) as error:  # Hydra raises ValueError for a number of five thousand digits
        reason = str(error).splitlines()[0].rstrip(".")
        remedy = f"quote the value, '{key}=\"{value}\"'"
        mistakes.append(_mistake(f"'{text}' cannot be read ({reason}): {remedy}.", "E037"))
        return None
    if parsed.is_sweep_override():
        mistakes.append(_mistake(f"'{text}' gives several values: write one, or a list as {key}=[1,2].", "E039"))
        return None
    return key, parsed.value()


def _mistake(text: str, code: str, key: str = "") -> Mistake:
    return Mistake(f"{COMMAND_LINE}: {text}", code=code, key=key)


def assign(values: dict[str, Any], key: str, value: Any, mistakes: list[Mistake]) -> None:
    """Set the value of a dotted key; a key inside a list or a single value is a mistake: these are set as a whole."""
    *parents, last = key.split(".")
    for depth, parent in enumerate(parents, 1):
        inner = values.get(parent)
        if inner is None:
            inner = values[parent] = {}
        if not isinstance(inner, dict):
            whole = ".".join(parents[:depth])
            mistakes.append(_mistake(f"{key}: '{whole}' is set as a whole: write {whole}=...", "E040", key))
            return
        values = inner
    merge(values, {last: value})


def merge(into: dict[str, Any], values: dict[str, Any]) -> None:
    """Set the keys of `values` in `into`; where both sides have a mapping, the mappings are merged."""
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = deepcopy(value)
