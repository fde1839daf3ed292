"""The one label map of all splits, and what the training targets say about the output space."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tl.components.data.base import LABELLED_SPLITS, Common
from tl.components.data.divide import natural_key
from tl.components.sample import Sample, Target
from tl.errors import TLError, did_you_mean
from tl.space import Kind, Space

SplitLists = dict[str, list[Sample]]
"""The samples of each split while the splits are still being made: `label_map` changes them."""


def names_of(target: Target) -> tuple[str, ...]:
    """The class names in a target; empty for numbers and unknown targets."""
    if isinstance(target, str):
        return (target,)
    return tuple(name for name in target or () if isinstance(name, str))


def strata(samples: Sequence[Sample], kind: Kind) -> dict[str, str]:
    """The stratum of each sample id: the class, the rarest of several labels, '' for numbers and unknown targets."""
    counts = Counter(name for sample in samples for name in names_of(sample.target))
    return {s.id: min(names_of(s.target), key=lambda n: (counts[n], n), default="") for s in samples}


def with_missing(sample: Sample, words: Sequence[str]) -> Sample:
    """The sample without the labels that stand for none (data.missing); without a target where none is left."""
    names = names_of(sample.target)
    if not set(names) & set(words):
        return sample
    left = tuple(name for name in names if name not in words)
    return replace(sample, target=left or None)


def keep_classes(samples: list[Sample], classes: Sequence[str], kind: Kind) -> list[Sample]:
    """The samples of these classes, and those without a target; of several labels, a sample keeps only these.

    TLError for a class that no sample has.
    """
    if kind == "number":
        raise TLError("data.classes chooses classes, but the targets here are numbers: set data.classes=null.")
    known = {name for sample in samples for name in names_of(sample.target)}
    for name in classes:
        if name not in known:
            raise TLError(f"data.classes: no sample has the class '{name}'.{did_you_mean(name, known)}")
    if kind == "multi":
        return [replace(s, target=_only(s.target, classes)) for s in samples]
    return [s for s in samples if s.target is None or s.target in classes]


def _only(target: Target, classes: Sequence[str]) -> Target:
    return None if target is None else tuple(name for name in names_of(target) if name in classes)


def unlabelled(sample: Sample) -> bool:
    """Whether a sample of train, val or test, or of no split yet, has no label."""
    return (sample.split is None or sample.split in LABELLED_SPLITS) and (sample.target is None or sample.target == "")


def not_finite(sample: Sample, columns: Sequence[str]) -> tuple[str, float] | None:
    """(column, number) of the first number that is not finite in a sample of train, val or test; else None."""
    numbers = () if sample.target is None or isinstance(sample.target, str) else sample.target
    if sample.split is not None and sample.split not in LABELLED_SPLITS:
        return None
    pairs = zip(columns, numbers, strict=False)
    return next(((n, v) for n, v in pairs if isinstance(v, float) and not math.isfinite(v)), None)


def check_targets(samples: Sequence[Sample], columns: Sequence[str]) -> None:
    """TLError where a sample of train, val or test has no label, or a number that is not finite."""
    bare = [sample for sample in samples if unlabelled(sample)]
    if bare:
        more = f" (and {len(bare) - 1} more)" if len(bare) > 1 else ""
        raise TLError(
            f"{bare[0].where}: the sample has no label{more}: fill it in or remove the row; samples without labels "
            "belong in a split of another name than train, val, test."
        )
    for sample in samples:
        if wrong := not_finite(sample, columns):
            raise TLError(f"{sample.where}: '{wrong[0]}' is {wrong[1]}, not a finite number: mend or remove the row.")


def label_map(splits: SplitLists, kind: Kind, notes: list[str]) -> tuple[str, ...]:
    """The classes of train in the order of `natural_key`; a class that val or test lacks is noted.

    TLError where val or test has a class that train lacks. In other splits such samples lose their label, with a note.
    """
    names = tuple(sorted({name for s in splits["train"] for name in names_of(s.target)}, key=natural_key))
    _check_enough(names, kind)
    for split in [s for s in splits if s != "train"]:
        found = Counter(name for sample in splits[split] for name in names_of(sample.target))
        strange = sorted(set(found) - set(names), key=natural_key)
        if strange and split in LABELLED_SPLITS:
            first = next(s for s in splits[split] if strange[0] in names_of(s.target))
            raise TLError(
                f"{first.where}: the class {_list(strange)} occurs in {split} but not in train, so it cannot be "
                f"learnt: add training samples, or choose data.classes without it.{did_you_mean(strange[0], names)}"
            )
        if strange:
            splits[split] = [_unlabelled(sample, strange) for sample in splits[split]]
            notes.append(f"{split}: samples of {_list(strange)}, unknown to train, are taken as unlabelled.")
        missing = [name for name in names if not found[name]]
        if missing and split in LABELLED_SPLITS and splits[split]:
            notes.append(f"{split} has no sample of {_list(missing)}.")
    return names


def _check_enough(names: Sequence[str], kind: Kind) -> None:
    if kind == "single" and len(names) < 2:
        only = f"'{names[0]}'" if names else "none"
        raise TLError(f"The training samples have a single class ({only}): at least two are needed to tell apart.")
    if kind == "multi" and not names:
        raise TLError("No training sample has any label: check data.labels or data.label_columns.")


def _unlabelled(sample: Sample, strange: Sequence[str]) -> Sample:
    return replace(sample, target=None) if set(names_of(sample.target)) & set(strange) else sample


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown


def space_of(names: tuple[str, ...], train: Sequence[Sample], kind: Kind, common: Common) -> Space:
    """The output space, with weights of its classes or labels where data.balance=weights."""
    if kind == "number":
        rows = [[float(value) for value in s.target or ()] for s in train]
        means = tuple(math.fsum(column) / len(column) for column in zip(*rows, strict=True))
        return Space(kind, names, means, tuple(_std(c, m) for c, m in zip(zip(*rows, strict=True), means, strict=True)))
    if common["balance"] != "weights":
        return Space(kind, names)
    counts = Counter(name for sample in train for name in names_of(sample.target))
    if kind == "multi":
        return Space(kind, names, label_weights=tuple(_on_and_off(counts[name], len(train)) for name in names))
    return Space(kind, names, class_weights=_class_weights(names, counts))


def _std(column: Sequence[float], mean: float) -> float:
    return math.sqrt(math.fsum((value - mean) ** 2 for value in column) / len(column)) or 1.0


def _on_and_off(on: int, samples: int) -> tuple[float, float]:
    """A label's weights where it is on and where it is off: both have half of the loss, with mean 1 over the samples.

    A label that all samples have, or none, has nothing to balance.
    """
    return (samples / (2 * on), samples / (2 * (samples - on))) if 0 < on < samples else (1.0, 1.0)


def _class_weights(names: Sequence[str], counts: Mapping[str, int]) -> tuple[float, ...]:
    """Weights proportional to 1 / count, with mean 1 over all training samples; 0 for a class without any sample."""
    present = sum(1 for name in names if counts[name])
    total = sum(counts.values())
    return tuple(total / (present * counts[name]) if counts[name] else 0.0 for name in names)
