"""The kinds of mistakes by code, as mistakes.toml tells of them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parents[1] / "mistakes.toml"


@dataclass(frozen=True)
class MistakeHelp:
    """A kind of mistake: what it comes from, an example, and what to do."""

    code: str
    name: str
    cause: str
    example: str
    remedy: str


@cache
def kinds() -> dict[str, MistakeHelp]:
    """All kinds of mistakes by code."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {code: MistakeHelp(code, **facts) for code, facts in found.items()}
