"""What a pretrained backbone answers before the first step, where the task lets it answer at all."""

from __future__ import annotations

from collections.abc import Callable

from tl.commands.prepare import Prepared
from tl.evaluation.outcome import outcome
from tl.inputs.supply import Supply
from tl.report.words import interval, number, split_name
from tl.run.run import Run


def judge_untrained(ready: Prepared, supply: Supply, run: Run, say: Callable[[str], None]) -> None:
    """Say how well the model answers val and test before it has learnt, and keep that in the run's meta.json."""
    assembly, name = ready.assembly, ready.plan.metric.name
    if not assembly.model.task.untrained:
        return
    found, told = {}, []
    for split in ("val", "test"):
        if len(items := assembly.items(split)):
            outputs = ready.evaluator.outputs(assembly.model, supply.untrained(split, items))
            judged = outcome(split, assembly.model, items, outputs, 1.0, ready.recipe.loop.bootstrap)
            found[split] = judged.as_json()["metrics"]
            ends = interval(*judged.intervals[name][:2])
            told.append(f"{number(judged.values[name])}{f' ({ends})' if ends else ''} on {split_name(split)}")
    if told:
        say(f"Before training (zero-shot): {ready.plan.metric.label} {', '.join(told)}.")
    run.update_meta(zero_shot=found)
