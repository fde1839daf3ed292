"""The usual task for the targets that the data has."""

from __future__ import annotations

from typing import Unpack, final

from tl.components.task.base import Common


@final
class Auto:
    """No task of its own: it stands for the usual one, which gets these keys (commands/chosen_task.py)."""

    def __init__(self, **common: Unpack[Common]) -> None:
        self.common = common
