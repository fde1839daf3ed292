"""Mistakes on their way to the user: all that a check finds, each with the place of its key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tl.errors import Mistake, TLError
from tl.recipe.composition import Composition
from tl.recipe.registry import GROUPS, SETTINGS

T = TypeVar("T")
_KEY = re.compile(rf"(?:{'|'.join((*GROUPS, *SETTINGS))})\.[\w.]+")


@dataclass
class Collector:
    """Collects mistakes; each is shown with the file and line of the key that its sentence begins with."""

    composition: Composition
    mistakes: list[Mistake] = field(default_factory=list)

    def run(self, make: Callable[[], T]) -> T | None:
        """The result of `make`; None where it raised mistakes, which are collected."""
        try:
            return make()
        except TLError as error:
            self.mistakes.extend(map(self.with_place, error.mistakes))
        return None

    def with_place(self, mistake: Mistake) -> Mistake:
        match = _KEY.match(mistake)
        return mistake.after(f"{self.composition.origin_of(match[0])}: ", key=match[0]) if match else mistake

    def extend(self, mistakes: Iterable[Mistake]) -> None:
        """Collect mistakes whose sentences begin with their keys."""
        self.mistakes.extend(map(self.with_place, mistakes))

    def add(self, key: str, text: str, code: str) -> None:
        mistake = Mistake(text, code=code, key=key.rstrip("="))
        self.mistakes.append(mistake.after(f"{self.composition.origin_of(key)}: "))
