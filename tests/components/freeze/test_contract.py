"""What holds for every freeze schedule, whatever parts a model has."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.built import mistakes
from tl.recipe.duration import Duration
from tl.recipe.registry import options

from .samples import ADAPTED, DEEP, FOUR, SHALLOW, TOTAL, ends, phases_of

EVERY = list(options("freeze"))
every = pytest.mark.parametrize("name", EVERY)
models = pytest.mark.parametrize("parts", [SHALLOW, FOUR, ADAPTED, DEEP], ids=["shallow", "four", "adapted", "deep"])


@every
def test_its_yaml_binds_and_says_what_it_is_for(name: str) -> None:
    assert mistakes("freeze", name) == []
    assert options("freeze")[name].what()


@every
@models
def test_its_last_phase_ends_with_the_run(name: str, parts: tuple[str, ...]) -> None:
    phases = phases_of(name, parts)
    assert phases[-1].end == Duration(100, "%")
    assert ends(phases)[-1] == TOTAL
    assert all(before <= after for before, after in pairwise(ends(phases)))


@every
@models
def test_it_trains_parts_that_exist_each_once_and_in_order(name: str, parts: tuple[str, ...]) -> None:
    for phase in phases_of(name, parts):
        assert phase.train
        assert list(phase.train) == [part for part in parts if part in set(phase.train)]


@every
@models
def test_the_head_learns_from_the_start(name: str, parts: tuple[str, ...]) -> None:
    assert all("head" in phase.train for phase in phases_of(name, parts))


@every
@models
def test_phases_have_different_names_and_rates_above_zero(name: str, parts: tuple[str, ...]) -> None:
    phases = phases_of(name, parts)
    assert len({phase.name for phase in phases}) == len(phases)
    assert all(0 < phase.lr <= 1 for phase in phases)
    assert all(phase.patience is None or phase.patience > 0 for phase in phases)


@every
@models
def test_what_learns_goes_on_learning(name: str, parts: tuple[str, ...]) -> None:
    for before, after in pairwise(phases_of(name, parts)):
        assert set(before.train) < set(after.train)
