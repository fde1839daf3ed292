"""`tl evaluate`: a finished run on a split of its own data, or on other data of the same form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tl.commands.open_run import Trained, open_run, own_splits
from tl.commands.open_run import evaluator as evaluator_of
from tl.components.data.bad_samples import check_texts
from tl.components.data.base import DataSource
from tl.components.data.labels import check_targets
from tl.components.data.splits import label_index
from tl.components.sample import Sample
from tl.errors import TLError, did_you_mean, nearest
from tl.evaluation.outcome import Outcome, outcome
from tl.inputs.items import Items
from tl.inputs.workers import processes
from tl.recipe.build import build
from tl.recipe.recipe import Node


def evaluate(path: Path, split: str, other: Path | None, say: Callable[[str], None]) -> Outcome:
    """Evaluate the run at `path` on `split`, or on all of `other`; `say` gets a line on samples without a label."""
    trained = open_run(path)
    samples = _own_samples(trained, split, say) if other is None else _other_samples(trained, other)
    loop = trained.recipe.loop
    preprocess = trained.model.backbone.preprocess
    items = Items(samples, trained.model.head.space, preprocess, workers=processes(loop))
    name = split if other is None else other.name
    evaluator = evaluator_of(trained.recipe)
    answers = evaluator.outputs(trained.model.to(evaluator.device), items)
    return outcome(name, trained.model, items, answers, trained.temperature, loop.bootstrap)


def _own_samples(trained: Trained, split: str, say: Callable[[str], None]) -> tuple[Sample, ...]:
    splits = own_splits(trained)
    if split not in splits:
        raise TLError(f"--split: the data has no split '{split}'.{did_you_mean(split, splits)}")
    labelled = tuple(sample for sample in splits[split] if sample.target is not None)
    if not labelled:
        raise TLError(f"--split: the samples of '{split}' have no labels to evaluate against: use tl predict.")
    if bare := len(splits[split]) - len(labelled):
        say(f"{bare} of {len(splits[split])} samples of '{split}' have no label and are not judged.")
    return labelled


def _other_samples(trained: Trained, path: Path) -> tuple[Sample, ...]:
    if not path.exists():
        near = (p.name for p in path.parent.iterdir()) if path.parent.is_dir() else ()
        raise TLError(f"--data: there is nothing at '{path}'.{nearest(path.name, near)}")
    source: DataSource = build(_with_path(trained.recipe.data, path))
    samples = tuple(replace(sample, split=None) for sample in source.read())
    if all(sample.target is None for sample in samples):
        raise TLError(f"--data: the samples of '{path}' have no labels to evaluate against: use tl predict.")
    check_texts(samples)
    check_targets(samples, source.target_names())
    for sample in samples:
        try:
            label_index(trained.model.head.space, sample.target)
        except TLError as error:
            raise TLError(f"{sample.where}: {error}") from error
    return samples


def _with_path(node: Node, path: Path) -> Node:
    """The data option, reading from `path`. It may skip no sample, since the metrics are over all samples."""
    there = str(path.absolute())
    places: dict[str, dict[str, object]] = {"root": {"root": there}, "file": {"file": there, "files": None}}
    for key, values in places.items():
        if key in node.values:
            return replace(node, values={**node.values, **values, "on_error": "stop"})
    raise TLError(f"--data: the run's data option '{node.option}' reads no path, so it cannot read '{path}'.")
