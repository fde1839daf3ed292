"""What a run says of its own course: training that was given up or discarded, and answers that do not vary."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tl.components.freeze.layout import PhaseSpan
from tl.training.cursor import Cursor
from tl.training.job import Plan, Validated

_LEARNT = 0.25  # a training loss below this share of ln 2, the least that a constant answer to two equal classes has
_ONE_ANSWER = "all samples of the validation split are answered with"


def one_answer(found: Validated, loss: float, said: Sequence[str]) -> Iterator[str]:
    """A line where the training loss is near 0, but one class is answered to everything; it is said once."""
    if found.only and loss < _LEARNT * math.log(2) and not any(_ONE_ANSWER in line for line in said):
        yield (
            f"The training loss is {loss:.2g}, yet {_ONE_ANSWER} '{found.only}': the model knows its training samples "
            "and nothing beyond. Take more samples, augment=, a lower optimizer.lr, or let fewer parts learn (freeze=)."
        )


def gave_up(cursor: Cursor, span: PhaseSpan, plan: Plan) -> str:
    """The line on a run that ends because the present phase stays clearly worse than the phases before it."""
    return (
        f"The phase '{span.phase.name}' is given up after step {cursor.step} of {span.stop}: in {cursor.worse} "
        f"evaluations in a row, {plan.metric.name} was over two standard errors worse than at step {cursor.best_step} "
        "(loop.patience=null trains to the end)."
    )


def discarded(cursor: Cursor, plan: Plan) -> Iterator[str]:
    """Lines at the end of a run: phases that the kept weights have nothing of, and a metric that chose nothing."""
    if cursor.kept is None and cursor.undefined:
        yield (
            f"loop.best: {plan.metric.name} was undefined at all {cursor.undefined} evaluations on the validation "
            f"split, so that it could choose nothing: the last weights are kept, those of step {cursor.step}."
        )
    kept, last = cursor.kept_phase, len(cursor.begun) - 1
    if cursor.kept is None or kept == last:
        return
    lost = cursor.step - cursor.begun[kept + 1]
    names = " and ".join(f"'{span.phase.name}'" for span in plan.spans[kept + 1 : last + 1])
    phase = plan.spans[kept].phase.name
    yield (
        f"The weights of step {cursor.kept_step} are kept, from the phase '{phase}' ({plan.metric.name} "
        f"{cursor.kept:.3f} on validation). What {names} learnt after it was no better and is "
        f"discarded: {lost} of {cursor.step} steps. {_cheaper(phase)}"
    )


def _cheaper(phase: str) -> str:
    """How to have the same weights for less, or more from the phases after."""
    shorter = "freeze=linear_probe" if phase == "probe" else "A shorter loop.length"
    return f"{shorter} gives such a model in less time; a lower optimizer.lr may make the rest pay."
