"""The one label map of all splits, and what the training targets say about the output space."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tl.components.columns import Codes, Numbers, one_value
from tl.components.data.base import LABELLED_SPLITS
from tl.components.data.order import natural_key
from tl.components.sample import Annotation, Samples, Target
from tl.errors import TLError, did_you_mean

SplitLists = dict[str, Samples]
"""The samples of each split while the splits are still being made: `label_map` changes them."""


_Named = str | tuple[str, ...] | Annotation


def names_of(target: Target) -> tuple[str, ...]:
    """The class names in a target, each once; empty for numbers and unknown targets."""
    match target:
        case str():
            return (target,)
        case Annotation():
            return target.names
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


def label_counts(names: Sequence[str], parts: Sequence[Samples]) -> tuple[npt.NDArray[np.float64], int]:
    """How many samples of all parts have each of these classes or labels (C,), and how many have a target."""
    found: Counter[str] = sum(map(class_counts, parts), Counter())
    return np.array([float(found[name]) for name in names]), sum(int(has_target(part).sum()) for part in parts)


def with_missing(samples: Samples, words: Sequence[str]) -> Samples:
    """The samples without the labels that stand for none (data.missing); without a target where none is left."""
    match samples.targets:
        case Codes() as targets:
            return replace(samples, targets=targets.mapped(lambda target: _known(target, words)))
    return samples


def _known(target: _Named, words: Sequence[str]) -> _Named | None:
    names = names_of(target)
    if isinstance(target, Annotation):
        if strange := [name for name in names if name in words]:
            raise TLError(
                f"data.missing=[{', '.join(words)}] says which labels stand for none, but '{strange[0]}' is a class of "
                "what is marked within samples: set data.missing=[], and choose classes by data.classes."
            )
        return target
    return (tuple(name for name in names if name not in words) or None) if {*names} & {*words} else target


def strata(samples: Samples) -> Codes[str]:
    """The stratum of each sample: the class, the rarest of several labels, '' for numbers and unknown targets."""
    counts = class_counts(samples)
    match samples.targets:
        case Codes() as targets:
            return targets.mapped(lambda t: min(names_of(t), key=lambda n: (counts[n], n), default="")).filled("")
    return one_value("", len(samples))


def with_classes(samples: Samples, classes: Sequence[str]) -> Samples:
    """The samples of these classes, and those without a target; TLError for a class that no sample has."""
    check_chosen(samples, classes)
    assert isinstance(samples.targets, Codes)
    return samples.chosen(samples.targets.rows_of(lambda t: t in classes, without_value=True))


def with_labels(samples: Samples, classes: Sequence[str]) -> Samples:
    """All samples, each with those of its labels that are among these; TLError for a label that no sample has."""
    check_chosen(samples, classes)
    assert isinstance(samples.targets, Codes)
    kept = samples.targets.mapped(lambda t: tuple(name for name in names_of(t) if name in classes))
    return replace(samples, targets=kept)


def with_marks(samples: Samples, classes: Sequence[str]) -> Samples:
    """All samples, each annotation with what is of these classes; TLError for a class that no sample has."""
    check_chosen(samples, classes)

    def kept(target: object) -> Annotation:
        assert isinstance(target, Annotation)
        return target.of_classes(classes)

    assert isinstance(samples.targets, Codes)
    return replace(samples, targets=samples.targets.mapped(kept))


def check_chosen(samples: Samples, classes: Sequence[str]) -> None:
    """TLError for a class of data.classes that no sample has."""
    known = class_counts(samples)
    for name in classes:
        if name not in known:
            raise TLError(f"data.classes: no sample has the class '{name}'.{did_you_mean(name, known)}")


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


def label_map(splits: SplitLists, check_enough: Callable[[Sequence[str]], None], notes: list[str]) -> tuple[str, ...]:
    """The classes of train in the order of `natural_key`; a class that val or test lacks is noted.

    TLError where val or test has a class that train lacks. In other splits such samples lose their label, with a note.
    """
    names = tuple(sorted(class_counts(splits["train"]), key=natural_key))
    check_enough(names)
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


def coded_targets(samples: Samples, of: Callable[[Target], Any], none: Any, dtype: Any) -> npt.NDArray[Any]:
    """What `of` makes of each sample's target, as an array (n, ...); `none` stands for a sample without one."""
    targets = samples.targets
    if not isinstance(targets, Codes):
        return np.array([none] * len(samples), dtype=dtype)
    used = {*np.unique(targets.codes).tolist()}  # data.classes leaves values that no sample has any more
    rows = [*(of(t) if code in used else none for code, t in enumerate(targets.values)), none]
    return np.array(rows, dtype=dtype)[targets.codes]


def moments(train: Samples) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The means and the standard deviations of the numbers of training samples, column by column."""
    match train.targets:
        case Numbers() as numbers:
            columns = numbers.values.T.tolist()
            means = tuple(map(_mean, columns))
            return means, tuple(_std(c, m) for c, m in zip(columns, means, strict=True))
    return (), ()


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


def label_weights(names: Sequence[str], train: Samples) -> tuple[tuple[float, float], ...]:
    """For each label its weights where it is on and where it is off: both have half of the loss.

    Their mean over the samples is 1. A label that all samples have, or none, has nothing to balance.
    """
    counts, n = class_counts(train), len(train)
    found = (counts[name] for name in names)
    return tuple((n / (2 * on), n / (2 * (n - on))) if 0 < on < n else (1.0, 1.0) for on in found)


def class_weights(names: Sequence[str], train: Samples) -> tuple[float, ...]:
    """Weights proportional to 1 / count, with mean 1 over all training samples; 0 for a class without any sample."""
    counts = class_counts(train)
    present = sum(1 for name in names if counts[name])
    total = sum(counts.values())
    return tuple(total / (present * counts[name]) if counts[name] else 0.0 for name in names)
