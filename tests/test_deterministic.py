"""loop.deterministic: torch is held to operations that give the same bits each time, for as long as the run lasts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.conftest import SHORT, TEXT
from tl.errors import TLError
from tl.rng import deterministic
from tl.training.step import Stepper


@pytest.mark.parametrize("wanted", ["true", "false"])
def test_a_run_is_held_to_it_from_the_first_step_to_the_last(
    wanted: str, train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, step = set(), Stepper._backward

    def looked(self: Stepper, *given: object) -> object:
        seen.add(torch.are_deterministic_algorithms_enabled())
        return step(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Stepper, "_backward", looked)
    train(*TEXT, *SHORT, f"loop.deterministic={wanted}")
    assert seen == {wanted == "true"}
    assert not torch.are_deterministic_algorithms_enabled()


def test_an_operation_that_has_no_such_form_is_named() -> None:
    target, places = torch.zeros(3), torch.tensor([0, 0])
    with pytest.raises(TLError) as said, deterministic(True):
        target.put_(places, torch.tensor([1.0, 2.0]))
    assert str(said.value) == (
        "loop.deterministic is true, but put_ does not have a deterministic implementation: set it to false."
    )
    with deterministic(False):
        target.put_(places, torch.tensor([1.0, 2.0]))
    with pytest.raises(RuntimeError, match="something else"), deterministic(True):
        raise RuntimeError("something else")
