"""The one label map of all splits, and what the training targets say about the output space."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tl.components.columns import Codes, Numbers, one_value
from tl.components.data.base import LABELLED_SPLITS, Common
from tl.components.data.order import natural_key
from tl.components.sample import Samples, Target
from tl.errors import TLError, did_you_mean
from tl.space import Kind, Space

SplitLists = dict[str, Samples]
"""The samples of each split while the splits are still being made: `label_map` changes them."""


def names_of(target: Target) -> tuple[str, ...]:
    """The class names in a target; empty for numbers and unknown targets."""
    if isinstance(target, str):
        return (target,)
    return tuple(name for name in target or () if isinstance(name, str))


def class_counts(samples: Samples) -> Counter[str]:
    """How many samples have each class or label."""
    found: Counter[str] = Counter()
    match samples.targets:
        case Codes() as targets:
            for target, count in targets.counts().items():
                for name in names_of(target):
                    found[name] += count
    return found


def with_missing(samples: Samples, words: Sequence[str]) -> Samples:
    """The samples without the labels that stand for none (data.missing); without a target where none is left."""
    match samples.targets:
        case Codes() as targets:
            return replace(samples, targets=targets.mapped(lambda target: _known(target, words)))
    return samples


def _known(target: str | tuple[str, ...], words: Sequence[str]) -> str | tuple[str, ...] | None:
    names = names_of(target)
    return (tuple(name for name in names if name not in words) or None) if {*names} & {*words} else target


def strata(samples: Samples) -> Codes[str]:
    """The stratum of each sample: the class, the rarest of several labels, '' for numbers and unknown targets."""
    counts = class_counts(samples)
    match samples.targets:
        case Codes() as targets:
            return targets.mapped(lambda t: min(names_of(t), key=lambda n: (counts[n], n), default="")).filled("")
    return one_value("", len(samples))


def keep_classes(samples: Samples, classes: Sequence[str], kind: Kind) -> Samples:
    """The samples of these classes, and those without a target; of several labels, a sample keeps only these.

    TLError for a class that no sample has.
    """
    if kind == "number":
        raise TLError("data.classes chooses classes, but the targets here are numbers: set data.classes=null.")
    known = class_counts(samples)
    for name in classes:
        if name not in known:
            raise TLError(f"data.classes: no sample has the class '{name}'.{did_you_mean(name, known)}")
    targets = samples.targets
    assert isinstance(targets, Codes)
    if kind == "multi":
        return replace(
            samples, targets=targets.mapped(lambda t: tuple(name for name in names_of(t) if name in classes))
        )
    return samples.chosen(targets.rows_of(lambda t: t in classes, without_value=True))


def has_target(samples: Samples) -> npt.NDArray[np.bool_]:
    """Whether each sample has a target."""
    match samples.targets:
        case Numbers() as numbers:
            return numbers.known
        case Codes() as targets:
            return targets.codes >= 0


def judged(samples: Samples) -> npt.NDArray[np.bool_]:
    """Whether each sample is in train, val or test, or in no split yet."""
    return samples.splits.rows_of(lambda split: split in LABELLED_SPLITS, without_value=True)


def unlabelled(samples: Samples) -> npt.NDArray[np.bool_]:
    """Whether each sample is of train, val or test, or of no split yet, and has no label."""
    match samples.targets:
        case Numbers() as numbers:
            return judged(samples) & ~numbers.known
        case Codes() as targets:
            return judged(samples) & targets.rows_of(lambda target: target == "", without_value=True)


def not_finite(samples: Samples, columns: Sequence[str]) -> dict[int, str]:
    """For each sample of train, val or test with a number that is not finite: its row, and a clause that says so."""
    match samples.targets:
        case Numbers() as numbers:
            wrong = ~np.isfinite(numbers.values)
            wrong[~(judged(samples) & numbers.known)] = False
            cells = {row: int(wrong[row].argmax()) for row in np.flatnonzero(wrong.any(axis=1)).tolist()}
            return {r: f"'{columns[c]}' is {numbers.values[r, c]}, not a finite number" for r, c in cells.items()}
    return {}


def check_targets(samples: Samples, columns: Sequence[str]) -> None:
    """TLError where a sample of train, val or test has no label, or a number that is not finite."""
    bare = np.flatnonzero(unlabelled(samples))
    if len(bare):
        more = f" (and {len(bare) - 1} more)" if len(bare) > 1 else ""
        raise TLError(
            f"{samples.places[int(bare[0])]}: the sample has no label{more}: fill it in or remove the row; samples "
            "without labels belong in a split of another name than train, val, test."
        )
    for row, clause in not_finite(samples, columns).items():
        raise TLError(f"{samples.places[row]}: {clause}: mend or remove the row.")


def label_map(splits: SplitLists, kind: Kind, notes: list[str]) -> tuple[str, ...]:
    """The classes of train in the order of `natural_key`; a class that val or test lacks is noted.

    TLError where val or test has a class that train lacks. In other splits such samples lose their label, with a note.
    """
    names = tuple(sorted(class_counts(splits["train"]), key=natural_key))
    _check_enough(names, kind)
    for split in [s for s in splits if s != "train"]:
        found = class_counts(splits[split])
        strange = sorted(set(found) - set(names), key=natural_key)
        if strange and split in LABELLED_SPLITS:
            first = splits[split].places[int(holding(splits[split], strange[:1]).argmax())]
            raise TLError(
                f"{first}: the class {_list(strange)} occurs in {split} but not in train, so it cannot be "
                f"learnt: add training samples, or choose data.classes without it.{did_you_mean(strange[0], names)}"
            )
        if strange:
            splits[split] = _unlabelled(splits[split], strange)
            notes.append(f"{split}: samples of {_list(strange)}, unknown to train, are taken as unlabelled.")
        missing = [name for name in names if not found[name]]
        if missing and split in LABELLED_SPLITS and len(splits[split]):
            notes.append(f"{split} has no sample of {_list(missing)}.")
    return names


def _check_enough(names: Sequence[str], kind: Kind) -> None:
    if kind == "single" and len(names) < 2:
        only = f"'{names[0]}'" if names else "none"
        raise TLError(f"The training samples have a single class ({only}): at least two are needed to tell apart.")
    if kind == "multi" and not names:
        raise TLError("No training sample has any label: check data.labels or data.label_columns.")


def holding(samples: Samples, names: Collection[str]) -> npt.NDArray[np.bool_]:
    """Whether each sample has one of these classes."""
    match samples.targets:
        case Codes() as targets:
            return targets.rows_of(lambda target: not {*names_of(target)}.isdisjoint(names), without_value=False)
    return np.zeros(len(samples), dtype=bool)


def _unlabelled(samples: Samples, strange: Sequence[str]) -> Samples:
    """The samples, of which those of strange classes have no target any more."""
    match samples.targets:
        case Codes() as targets:
            known = np.where(holding(samples, strange), -1, targets.codes).astype(np.int32)
            return replace(samples, targets=Codes(targets.values, known))
    return samples


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown


def space_of(names: tuple[str, ...], train: Samples, kind: Kind, common: Common) -> Space:
    """The output space, with weights of its classes or labels where data.balance=weights."""
    match train.targets:
        case Numbers() as numbers:
            columns = numbers.values.T.tolist()
            means = tuple(map(_mean, columns))
            return Space(kind, names, means, tuple(_std(c, m) for c, m in zip(columns, means, strict=True)))
    if common["balance"] != "weights":
        return Space(kind, names)
    counts = class_counts(train)
    if kind == "multi":
        return Space(kind, names, label_weights=tuple(_on_and_off(counts[name], len(train)) for name in names))
    return Space(kind, names, class_weights=_class_weights(names, counts))


def _mean(column: Sequence[float]) -> float:
    try:
        return math.fsum(column) / len(column)
    except OverflowError:  # the sum is beyond the largest number, though the mean is not
        return math.fsum(value / len(column) for value in column)


def _std(column: Sequence[float], mean: float) -> float:
    """The standard deviation, 1 for equal numbers; a power of two keeps the squares of any numbers within bounds."""
    if min(column) == max(column):
        return 1.0
    _, exponent = math.frexp(max(abs(value - mean) for value in column))
    squares = (math.ldexp(value - mean, -exponent) ** 2 for value in column)
    return math.ldexp(math.sqrt(math.fsum(squares) / len(column)), exponent)


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
