"""What a pretrained backbone answers before the first step, where the task lets it answer at all."""

from __future__ import annotations

import math
from collections.abc import Callable

from tl.commands.prepare import Prepared
from tl.inputs.supply import Supply
from tl.report.words import number, split_name
from tl.run.run import Run


def judge_untrained(ready: Prepared, supply: Supply, run: Run, say: Callable[[str], None]) -> None:
    """Say how well the model answers val and test before it has learnt, and keep that in the run's meta.json."""
    assembly, metric = ready.assembly, ready.plan.metric
    if not assembly.model.task.untrained:
        return
    found = {}
    for split in ("val", "test"):
        if len(items := assembly.items(split)):
            outputs = ready.evaluator.outputs(assembly.model, supply.untrained(split, items))
            values = outputs.metrics(assembly.model)
            found[split] = {name: value for name, value in values.items() if math.isfinite(value)}
    told = [f"{number(one[metric.name])} on {split_name(split)}" for split, one in found.items() if metric.name in one]
    if told:
        say(f"Before training (zero-shot): {metric.label} {', '.join(told)}.")
    run.update_meta(zero_shot=found)
