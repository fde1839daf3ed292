"""`key=value` from the command line: parsed by Hydra's grammar, and set in plain mappings."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

COMMAND_LINE = "command line"


def parse(text: str, mistakes: list[str]) -> tuple[str, Any] | None:
    """The dotted key and the value of an override; None, and a mistake in the list, where it cannot be read."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    plain = text.lstrip("+")
    if plain != text:
        mistakes.append(f"{COMMAND_LINE}: '{text}': a key is set without '+': write {plain}.")
    key, equals, value = plain.partition("=")
    if not equals or not key or key[0] == "~" or "@" in key or "/" in key:
        mistakes.append(f"{COMMAND_LINE}: '{text}' is no override: write key=value, as in optimizer.lr=1e-4.")
        return None
    try:
        parsed = OverridesParser.create().parse_override(plain)
    except (HydraException, ValueError) as error:  # Hydra raises ValueError for a number of five thousand digits
        reason = str(error).splitlines()[0].rstrip(".")
        mistakes.append(f"{COMMAND_LINE}: '{text}' cannot be read ({reason}): quote the value, '{key}=\"{value}\"'.")
        return None
    if parsed.is_sweep_override():
        mistakes.append(f"{COMMAND_LINE}: '{text}' gives several values: write one, or a list as {key}=[1,2].")
        return None
    return key, parsed.value()


def assign(values: dict[str, Any], key: str, value: Any, mistakes: list[str]) -> None:
    """Set the value of a dotted key; a key inside a list or a single value is a mistake: these are set as a whole."""
    *parents, last = key.split(".")
    for depth, parent in enumerate(parents, 1):
        inner = values.get(parent)
        if inner is None:
            inner = values[parent] = {}
        if not isinstance(inner, dict):
            whole = ".".join(parents[:depth])
            mistakes.append(f"{COMMAND_LINE}: {key}: '{whole}' is set as a whole: write {whole}=...")
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
