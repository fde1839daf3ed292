"""YAML files with the line of every key, so that each mistake can be shown where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tl.errors import TLError


@dataclass(frozen=True)
class YamlFile:
    """Plain values, the defaults list taken out of them, and `file:line` of every dotted key."""

    path: Path
    values: dict[str, Any]
    defaults: list[tuple[Any, str]]
    where: dict[str, str] = field(default_factory=dict)


def shown(path: Path) -> str:
    """The path as a user would type it from here."""
    absolute = path.absolute()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(path)


def read(path: Path) -> YamlFile:
    """Read a recipe or option file; TLError carries the line of a syntax error."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        loaded = OmegaConf.create(text) if text.strip() and tree is not None else OmegaConf.create({})
    except OSError as error:
        raise TLError(f"{shown(path)}: cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TLError(f"{shown(path)}: is not UTF-8 text (byte {error.start}).") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TLError(f"{shown(path)}:{line}: is not valid YAML: {error.problem}.") from error
    except yaml.YAMLError as error:
        raise TLError(f"{shown(path)}: is not valid YAML: {error}.") from error
    except OmegaConfBaseException as error:
        raise TLError(f"{shown(path)}: cannot be read: {str(error).splitlines()[0]}") from error
    values = OmegaConf.to_container(loaded, resolve=False)
    if not isinstance(values, dict):
        raise TLError(f"{shown(path)}:1: a recipe is a mapping of keys to values, not a {type(values).__name__}.")
    where: dict[str, str] = {}
    if tree is not None:
        _mark(tree, "", shown(path), where)
    defaults = values.pop("defaults", None) or []
    if not isinstance(defaults, list):
        raise TLError(f"{where['defaults']}: 'defaults' is a list of recipes and of 'group: option' lines.")
    lines = [where.get(f"defaults.{i}", shown(path)) for i in range(len(defaults))]
    plain = {str(key): value for key, value in values.items()}
    return YamlFile(path, plain, list(zip(defaults, lines, strict=True)), where)


def dump(values: dict[str, Any]) -> str:
    """YAML that `read` gives back as it was: what it would take for a number (1e5) or a date is quoted."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(values))


def _mark(node: yaml.Node, prefix: str, file: str, where: dict[str, str]) -> None:
    if isinstance(node, yaml.MappingNode):
        pairs = [(str(key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        pairs = [(str(i), item, item) for i, item in enumerate(node.value)]
    else:
        return
    for name, key, value in pairs:
        if name == "<<":
            continue
        dotted = f"{prefix}.{name}" if prefix else name
        where[dotted] = f"{file}:{key.start_mark.line + 1}"
        _mark(value, dotted, file, where)
