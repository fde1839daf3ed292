from __future__ import annotations

from .test_contract import adapter_of


def test_there_is_nothing_to_learn() -> None:
    assert not list(adapter_of("none").parameters())
