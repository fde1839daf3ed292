"""`tl evaluate`: a finished run on a split of its own data, or on other data of the same form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tl.commands.open_run import Trained, check_target, open_run, own_splits
from tl.commands.open_run import evaluator as evaluator_of
from tl.commands.other_data import data_node, open_other
from tl.components.data.bad_samples import check_texts
from tl.components.data.labels import check_targets, class_counts, has_target, holding, with_missing
from tl.components.sample import Samples
from tl.errors import TLError, did_you_mean
from tl.evaluation.outcome import Outcome, outcome, with_caution
from tl.inputs.pairs import items_of
from tl.inputs.workers import processes


@dataclass(frozen=True)
class EvaluationData:
    """What a run is evaluated on: a split of its own data, or all of `other`; `overrides` change keys of its data."""

    split: str
    other: Path | None
    overrides: tuple[str, ...]


def evaluate(path: Path, judged: EvaluationData, say: Callable[[str], None]) -> Outcome:
    """Evaluate the run at `path`; `say` gets a line on samples without a label, and on files that are no samples."""
    trained = open_run(path)
    split, other = judged.split, judged.other
    samples = _own_samples(trained, judged, say) if other is None else _other_samples(trained, other, judged, say)
    loop = trained.recipe.loop
    preprocess = trained.model.backbone.preprocess
    items = items_of(samples, trained.model.task, preprocess, workers=processes(loop))
    name = split if other is None else other.name
    evaluator = evaluator_of(trained.recipe)
    answers = evaluator.outputs(trained.model.to(evaluator.device), items)
    found = outcome(name, trained.model, items, answers, trained.temperature, loop.bootstrap)
    return with_caution(found) if other is None else found


def _own_samples(trained: Trained, judged: EvaluationData, say: Callable[[str], None]) -> Samples:
    splits, split = own_splits(trained, data_node(trained, judged.overrides)), judged.split
    if split not in splits:
        raise TLError(f"--split: the data has no split '{split}'.{did_you_mean(split, splits)}")
    labelled = splits[split].chosen(has_target(splits[split]))
    if not len(labelled):
        raise TLError(f"--split: the samples of '{split}' have no labels to evaluate against: use tl predict.")
    if bare := len(splits[split]) - len(labelled):
        say(f"{bare} of {len(splits[split])} samples of '{split}' have no label and are not judged.")
    return labelled


def _other_samples(trained: Trained, path: Path, judged: EvaluationData, say: Callable[[str], None]) -> Samples:
    source = open_other(trained, path, judged.overrides, "evaluation", "--data")
    check_target(trained, source.kind, f"--data '{path}'")
    samples = Samples.of(source.read())
    samples = with_missing(replace(samples, splits=samples.splits.mapped(lambda _: None)), source.common["missing"])
    for line in source.notes:
        say(line)
    if not has_target(samples).any():
        raise TLError(f"--data: the samples of '{path}' have no labels to evaluate against: use tl predict.")
    check_texts(samples)
    check_targets(samples, source.target_names())
    task = trained.model.task
    strange = holding(samples, class_counts(samples).keys() - set(task.counted))
    if strange.any():
        first = samples[int(strange.argmax())]
        try:
            task.check_known(first.target)
        except TLError as error:
            raise TLError(f"{first.where}: {error}") from error
    return samples
