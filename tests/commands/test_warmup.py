"""A warm-up that never ends is said, with the rate that its span ends at."""

from __future__ import annotations

from tests.built import option
from tl.commands.warmup import unfinished_warmups
from tl.components.freeze.layout import lay_out


def lines(total: int, **changes: object) -> list[str]:
    parts = ("backbone.0", "head")
    spans = lay_out(option("freeze", "linear_then_all", probe="30%").phases(parts), total, epoch=5.0)
    return list(unfinished_warmups(option("optimizer", "adamw", **changes), spans, total, epoch=5.0))


def test_each_phase_that_ends_while_the_rate_still_rises_is_named() -> None:
    assert lines(20, warmup="10step") == [
        "optimizer.warmup: 10step are 10 steps, but the phase 'probe' has 6: the learning rate ends at 0.6 of its "
        "peak. Set optimizer.warmup=5%, or a longer loop.length."
    ]
    assert [line.partition(":")[0] for line in lines(20, warmup="4ep")] == ["optimizer.warmup"] * 2


def test_one_schedule_over_the_run_is_measured_against_the_run() -> None:
    assert lines(20, warmup="10step", schedule_span="run") == []
    (line,) = lines(20, warmup="500step", schedule_span="run")
    assert "500step are 500 steps, but the run has 20: the learning rate ends at 0.04 of its peak." in line


def test_a_warmup_that_ends_is_not_mentioned() -> None:
    for schedule in ("constant", "cosine", "one_cycle", "slanted_triangular"):
        assert lines(20, schedule=schedule) == lines(20, schedule=schedule, warmup="0%") == []
        assert lines(20, schedule=schedule, warmup="100%") == []
