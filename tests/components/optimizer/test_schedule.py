"""Schedules against the papers' equations, and against torch's schedulers where torch has the same schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import get_args

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, LRScheduler, OneCycleLR, SequentialLR

from tests.components.optimizer.samples import rule_of
from tl.components.optimizer.schedule import Schedule, one_cycle, rate_multiple, slanted_triangular

EVERY = get_args(Schedule)


def course(name: Schedule, total: int, warmup: int) -> list[float]:
    return [rate_multiple(name, step, total, warmup) for step in range(total)]


def torch_course(make: Callable[[torch.optim.Optimizer], LRScheduler], total: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    scheduler, rates = make(optimizer), []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < total:
            scheduler.step()
    return rates


@pytest.mark.parametrize("total, cut", [(1000, 100), (10, 1), (300, 75)])
def test_slanted_triangular_has_the_papers_values(total: int, cut: int) -> None:
    assert slanted_triangular(0, total, cut) == 1 / 32
    assert slanted_triangular(cut, total, cut) == 1.0
    assert slanted_triangular(total, total, cut) == pytest.approx(1 / 32)


def test_slanted_triangular_by_hand() -> None:
    # T = 1000, cut_frac = 0.1, ratio = 32: p = t / 100 up to 100, then 1 - (t - 100) / 900
    table = {0: 1 / 32, 25: 8.75 / 32, 50: 16.5 / 32, 100: 1.0, 325: 24.25 / 32, 550: 16.5 / 32, 1000: 1 / 32}
    for step, value in table.items():
        assert slanted_triangular(step, 1000, 100) == pytest.approx(value)


@pytest.mark.parametrize("total", [10, 250, 990])
def test_slanted_triangular_is_equation_3_where_the_cut_is_whole(total: int) -> None:
    cut = math.floor(total * 0.1)
    for t in range(total + 1):
        p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / 0.1 - 1))
        assert rate_multiple("slanted_triangular", t, total, 0) == pytest.approx((1 + p * 31) / 32)


def test_slanted_triangular_stays_above_its_floor_where_the_cut_is_not_whole() -> None:
    values = course("slanted_triangular", 15, 0)
    assert min(values) == 1 / 32
    assert all(a > b for a, b in pairwise(values[1:]))


@pytest.mark.parametrize("total, warmup", [(40, 0), (100, 30), (7, 2)])
def test_one_cycle_is_torchs(total: int, warmup: int) -> None:
    rise = (warmup or total / 4) / total
    kept = {"max_lr": 1.0, "div_factor": 25, "final_div_factor": 1e5 / 25, "cycle_momentum": False}
    expected = torch_course(lambda o: OneCycleLR(o, total_steps=total, pct_start=rise, **kept), total)
    assert course("one_cycle", total, warmup) == pytest.approx(expected, abs=1e-9)


def test_one_cycle_begins_peaks_and_ends() -> None:
    assert one_cycle(0, 101, rise=26) == pytest.approx(1 / 25)
    assert one_cycle(25, 101, rise=26) == pytest.approx(1)
    assert one_cycle(100, 101, rise=26) == pytest.approx(1e-5)


@pytest.mark.parametrize("total, warmup", [(20, 0), (20, 5), (9, 1)])
def test_cosine_is_torchs_after_the_rise(total: int, warmup: int) -> None:
    expected = torch_course(lambda optimizer: CosineAnnealingLR(optimizer, total - warmup), total - warmup)
    assert course("cosine", total, warmup)[warmup:] == pytest.approx(expected, abs=1e-9)


def test_warm_up_is_torchs_linear() -> None:
    def make(optimizer: torch.optim.Optimizer) -> LRScheduler:
        rise = LinearLR(optimizer, start_factor=1 / 5, total_iters=4)
        return SequentialLR(optimizer, [rise, LambdaLR(optimizer, lambda _: 1.0)], milestones=[5])

    assert course("constant", 12, 5) == pytest.approx(torch_course(make, 12))


def test_linear_by_hand() -> None:
    assert course("linear", 6, 2) == pytest.approx([0.5, 1.0, 1.0, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("total", [1, 2, 3, 10, 97])
@pytest.mark.parametrize("share", [0, 0.1, 1])
def test_every_schedule_stays_between_0_and_1_however_short(name: Schedule, total: int, share: float) -> None:
    values = course(name, total, round(share * total))
    assert all(0 < value <= 1 + 1e-12 for value in values)


@pytest.mark.parametrize("schedule, rise", [("cosine", 1), ("one_cycle", 5), ("slanted_triangular", 2)])
def test_each_schedule_has_a_rise_of_its_own(schedule: str, rise: int) -> None:
    rule = rule_of("adamw", schedule=schedule)
    assert rule.warmup_steps(20, epoch=4.0) == rise
    assert rule_of("adamw", schedule=schedule, warmup="10%").warmup_steps(20, epoch=4.0) == 2
    assert rule_of("adamw", schedule=schedule, warmup="2ep").warmup_steps(20, epoch=4.0) == 8


def test_one_cycle_of_twenty_steps_rises_from_a_twenty_fifth() -> None:
    rule = rule_of("adamw", schedule="one_cycle")
    expected = [1 / 25 + 24 / 25 * (1 - math.cos(math.pi * step / 4)) / 2 for step in range(5)]
    assert [rule.rate_multiple(step, 20, epoch=4.0) for step in range(5)] == pytest.approx(expected)
    assert rule.rate_multiple(4, 20, epoch=4.0) == pytest.approx(1.0)


@pytest.mark.parametrize("name", EVERY)
def test_every_schedule_reaches_its_peak(name: Schedule) -> None:
    assert max(course(name, 200, 20)) == pytest.approx(1.0)


@pytest.mark.parametrize("name", EVERY)
def test_warm_up_longer_than_the_run_only_rises(name: Schedule) -> None:
    values = course(name, 10, 25)
    assert values == sorted(values)
    assert values[-1] < 1
