"""Which weights a run keeps, and when it gives up: by hand, from evaluations that are made up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tl.components.freeze.base import Phase
from tl.components.freeze.layout import PhaseSpan
from tl.metrics.catalogue import METRICS
from tl.metrics.jackknife import Blocks
from tl.metrics.units import independent_units
from tl.recipe.duration import Duration
from tl.training.cursor import Cursor, KeepWeights, Rules, hopeless_after
from tl.training.job import Plan, Validated
from tl.training.lines import discarded, gave_up, one_answer


def validated(right: Sequence[int], only: str = "") -> Validated:
    """An evaluation in which these samples are answered rightly."""
    values = np.array(right, float)
    blocks = Blocks.deal(independent_units([None] * len(values)))
    without = blocks.without_each({"accuracy": lambda weights: weights @ values / weights.sum(1)})["accuracy"]
    return Validated({"accuracy": float(values.mean())}, blocks, tuple(without.tolist()), only)


def undefined() -> Validated:
    return Validated({"accuracy": math.nan}, Blocks.deal(independent_units([None] * 4)), (math.nan,) * 4, "")


def rules(keep: KeepWeights = "one_standard_error", patience: int | None = None, hopeless: float = math.inf) -> Rules:
    return Rules(METRICS["accuracy"], keep, patience, hopeless)


def course(found: Sequence[Validated], given: Rules, cursor: Cursor | None = None) -> Cursor:
    """The cursor after these evaluations, ten steps apart."""
    cursor = cursor or Cursor()
    for one in found:
        cursor.step += 10
        cursor.judge(one, given)
    return cursor


def right(count: int, of: int = 20) -> list[int]:
    return [1] * count + [0] * (of - count)


# 16 of 20 right, then 15, of which 14 are the same: d = (1, -1, 1 and 0 elsewhere) has the mean .05 and the standard
# error sqrt((3 - 20 * .05**2) / 19 / 20) = .0881, so the gap of .05 is within it. Then 11, all among the 16: the mean
# is .25, the error sqrt((5 - 20 * .25**2) / 19 / 20) = .0993.
BEST = right(16)
NEAR = [*right(14, of=14), 0, 0, 1, 0, 0, 0]
FAR = right(11)


def test_the_error_is_that_of_the_paired_difference() -> None:
    cursor = course([validated(BEST)], rules())
    assert cursor._error(0.75, validated(NEAR)) == pytest.approx(math.sqrt((3 - 20 * 0.05**2) / 19 / 20))
    assert cursor._error(0.55, validated(FAR)) == pytest.approx(math.sqrt((5 - 20 * 0.25**2) / 19 / 20))


@pytest.mark.parametrize("keep, step", [("one_standard_error", 20), ("best", 10), ("last", 30)])
def test_a_later_evaluation_is_kept_unless_the_earlier_one_is_better_by_more_than_its_error(
    keep: KeepWeights, step: int
) -> None:
    cursor = course([validated(BEST), validated(NEAR), validated(FAR)], rules(keep))
    assert (cursor.best, cursor.best_step) == (0.8, 10)
    assert cursor.kept_step == step
    assert cursor.kept == pytest.approx({10: 0.8, 20: 0.75, 30: 0.55}[step])
    assert cursor.stalled == 2


def test_of_equal_values_the_latest_is_kept_and_patience_counts_it_as_no_gain() -> None:
    cursor = course([validated(BEST)] * 3, rules(patience=2))
    assert (cursor.kept_step, cursor.best_step, cursor.phase_over) == (30, 10, True)
    assert course([validated(BEST)] * 3, rules("best")).kept_step == 10


def test_an_undefined_value_is_never_the_best_and_does_not_count_for_patience() -> None:
    cursor = course([undefined(), undefined(), undefined()], rules(patience=1))
    assert (cursor.best, cursor.kept, cursor.undefined, cursor.stalled, cursor.phase_over) == (None, None, 3, 0, False)
    cursor = course([validated(FAR), undefined(), validated(BEST), undefined()], rules(patience=1))
    assert (cursor.best, cursor.kept_step, cursor.phase_over) == (0.8, 30, False)
    (line,) = discarded(course([undefined()] * 2, rules()), plan())
    assert line.startswith("loop.best: accuracy was undefined at all 2 evaluations on the validation split")
    assert line.endswith("the last weights are kept, those of step 20.")


def plan(stops: Sequence[int] = (10, 100)) -> Plan:
    spans, first = [], 0
    for name, stop in zip(("probe", "full"), stops, strict=True):
        spans.append(PhaseSpan(Phase(name, ("head",), Duration(stop, "step")), first, stop))
        first = stop
    return Plan(tuple(spans), stops[-1], 10.0, math.inf, math.inf, METRICS["accuracy"], 0)


def after_probe(found: Sequence[Validated], given: Rules) -> Cursor:
    cursor = course([validated(BEST)], given)
    cursor.next_phase(watching=False, phases=2, total=100)
    return course(found, given, cursor)


def test_fine_tuning_that_stays_clearly_worse_is_given_up() -> None:
    given = rules(hopeless=hopeless_after(9))
    assert given.hopeless == 4.5
    cursor = after_probe([validated(FAR)] * 4, given)
    assert not cursor.phase_over
    cursor = course([validated(FAR)], given, cursor)
    assert (cursor.phase_over, cursor.given_up, cursor.kept_step) == (True, True, 10)
    assert gave_up(cursor, plan().spans[1], plan()) == (
        "The phase 'full' is given up after step 60 of 100: in 5 evaluations in a row, accuracy was over two standard "
        "errors worse than at step 10 (loop.patience=null trains to the end)."
    )
    cursor.next_phase(watching=False, phases=3, total=100)
    assert cursor.over


def test_it_is_not_given_up_where_an_evaluation_between_was_near_or_the_best_is_of_this_phase() -> None:
    given = rules(hopeless=hopeless_after(6))
    assert not after_probe([validated(FAR), validated(FAR), validated(NEAR), *[validated(FAR)] * 2], given).given_up
    assert not after_probe([validated(right(18)), *[validated(FAR)] * 5], given).given_up
    assert not course([validated(BEST), *[validated(FAR)] * 9], given).given_up


def test_discarded_phases_are_told_with_their_steps() -> None:
    cursor = after_probe([validated(FAR)] * 3, rules())
    assert list(discarded(cursor, plan())) == [
        "The weights of step 10 are kept, from the phase 'probe' (accuracy 0.800 on validation). What 'full' learnt "
        "after it was no better and is discarded: 30 of 40 steps. freeze=linear_probe gives such a model in less time; "
        "a lower optimizer.lr may make the rest pay."
    ]
    assert cursor.kept_phase == 0
    assert list(discarded(after_probe([validated(NEAR)], rules()), plan())) == []
    assert list(discarded(course([validated(BEST), validated(FAR)], rules()), plan())) == []


def test_a_checkpoint_from_before_keeps_its_best() -> None:
    cursor = Cursor(step=30, best=0.8, best_step=10)
    assert (cursor.kept, cursor.kept_step) == (0.8, 10)
    assert not cursor.judge(validated(NEAR), rules())


def test_one_answer_beside_a_small_training_loss_is_said_once() -> None:
    (line,) = one_answer(validated(FAR, only="dog"), 0.03, [])
    assert line.startswith(
        "The training loss is 0.03, yet all samples of the validation split are answered with 'dog':"
    )
    assert list(one_answer(validated(FAR, only="dog"), 0.03, [line])) == []
    assert list(one_answer(validated(FAR, only="dog"), 0.6, [])) == []
    assert list(one_answer(validated(FAR), 0.03, [])) == []
