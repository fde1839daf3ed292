"""From a data source to splits with one label map: only here are samples divided or limited, and classes numbered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tl.components.columns import Codes, one_value
from tl.components.data.bad_samples import check_texts, control_characters, usable_samples
from tl.components.data.base import (
    LABELLED_SPLITS,
    Common,
    Data,
    DataSource,
    Division,
    Predicted,
    data_fingerprint,
    standard_split_name,
)
from tl.components.data.copies import clusters, first_repeated, merged_groups, rejoined
from tl.components.data.divide import assign_splits, limit_per_stratum, limit_total
from tl.components.data.labels import (
    SplitLists,
    check_targets,
    class_counts,
    strata,
    with_missing,
)
from tl.components.data.order import natural_order
from tl.components.sample import Samples
from tl.errors import TLError


def load_data(source: DataSource, task: Predicted) -> Data:
    """Read a source, divide the samples without a split, keep the wanted classes and counts, and map the labels."""
    common = source.common
    _check(common, task)
    samples = Samples.of(source.read())
    samples = replace(samples, splits=samples.splits.mapped(lambda name: standard_split_name(name) or None))
    if common["split"].test == "val":
        samples = replace(samples, splits=_judged_on_val(samples.splits))
    if common["missing"]:
        samples = with_missing(samples, common["missing"])
    _check_unique(samples)
    skipped: tuple[str, ...] = ()
    if common["on_error"] == "skip":
        samples, skipped = usable_samples(samples, source)
    check_texts(samples)
    notes = [*source.notes, *([line] if (line := control_characters(samples)) else ())]
    if skipped:
        what = (
            "1 sample cannot be used and is" if len(skipped) == 1 else f"{len(skipped)} samples cannot be used and are"
        )
        notes.append(f"{what} left out (data.on_error=skip): {skipped[0]}")
    if common["classes"] is not None:
        samples = task.choose(samples, common["classes"])
    check_targets(samples, source.target_names())
    samples = samples.take(natural_order(samples.ids))
    splits = _divide(samples, common["split"], notes)
    if samples.picture_pairs and task.reads != "pair":
        raise TLError(
            "Pairs of pictures are compared by task=similarity (with data.numbers) or task=matching: name one."
        )
    names = task.classes(splits, source.target_names(), notes)
    kept = _subset(splits, common)
    if task.one_class:
        _note_lost(names, kept["train"], notes)
    return Data(
        modality=source.modality,
        target=source.kind,
        task=task,
        space=task.fit(names, kept["train"], common),
        splits=kept,
        balanced_sampling=common["balance"] == "sampling",
        fingerprint=data_fingerprint(kept),
        notes=tuple(notes),
        skipped=skipped,
    )


def _check(common: Common, task: Predicted) -> None:
    split = common["split"]
    if split.test != "val" and split.val + split.test >= 1:
        raise TLError(
            f"data.split.val={split.val} and data.split.test={split.test} leave nothing to train on.", code="E034"
        )
    if common["per_class"] is not None and not task.one_class:
        raise TLError("data.per_class counts samples of a class, but here they have no single one: use data.limit.")
    if common["balance"] == "sampling" and not task.one_class:
        raise TLError("data.balance=sampling needs one class for each sample: use data.balance=none here.")
    if common["balance"] == "weights" and not task.weighs:
        raise TLError(
            f"data.balance=weights weighs classes, but the targets here are {task.word}: use data.balance=none."
        )


def _judged_on_val(splits: Codes[str]) -> Codes[str]:
    """The splits, where val is test; TLError where that is not what the data's splits allow."""
    there = sorted(splits.counts())
    if "val" not in there or "test" in there:
        why = "the data has a split test already" if "test" in there else "the data has no split val"
        raise TLError(f"data.split.test=val: {why} (the splits here: {', '.join(there) or 'none'}): give a share.")
    return splits.mapped(lambda name: "test" if name == "val" else name)


def _check_unique(samples: Samples) -> None:
    if (found := first_repeated(samples.ids)) is not None:
        first, second = (samples[row] for row in found)
        raise TLError(f"{second.where}: the id '{second.id}' is also in {first.where}, but ids must be unique.")


def _divide(samples: Samples, split: Division, notes: list[str]) -> SplitLists:
    named = samples.splits.counts()
    wanted = {"val": split.val, "test": 0.0 if split.test == "val" else split.test}
    missing = {name: share for name, share in wanted.items() if name not in named and share > 0}
    undivided = samples.splits.codes < 0
    if not undivided.any() and "train" not in named:
        there = ", ".join(sorted(named)) or "none"
        raise TLError(f"There is no training sample: name a split 'train' (the splits here: {there}).")
    if missing:
        undivided |= samples.splits.rows_of(lambda name: name == "train", without_value=True)
        if named:
            shares = " and ".join(f"{name} ({share:.0%})" for name, share in missing.items())
            instead = " (data.split.test=val takes val for it instead)" if "test" in missing and "val" in named else ""
            notes.append(f"The data names no {' and no '.join(missing)}: cut from train are {shares}{instead}.")
    splits = _split_rows(samples, undivided, missing, split, notes)
    if len(splits["train"]) < 2:
        raise TLError(f"There is {len(splits['train'])} training sample: at least 2 are needed.")
    notes.extend(f"There is no {name} split." for name in ("val", "test") if not len(splits[name]))
    return {name: rows for name, rows in splits.items() if len(rows)}


def _split_rows(
    samples: Samples, undivided: npt.NDArray[np.bool_], missing: Mapping[str, float], split: Division, notes: list[str]
) -> SplitLists:
    """The samples of each split; those that are undivided are shared out, among train and the splits that miss."""
    names = [*dict.fromkeys((*LABELLED_SPLITS, *samples.splits.values))]
    place = {name: number for number, name in enumerate(names)}
    own = np.array([*(place[name] for name in samples.splits.values), place["train"]])[samples.splits.codes]
    given = _assigned(samples.chosen(undivided), missing, split, notes)
    own[undivided] = np.array([place[name] for name in given.values])[given.codes]
    return {name: samples.chosen(own == number).in_split(name) for name, number in place.items()}


def _assigned(pool: Samples, shares: Mapping[str, float], split: Division, notes: list[str]) -> Codes[str]:
    """The split of each sample of the pool, copies in one split unless the recipe says apart."""
    by = strata(pool) if split.stratify else one_value("", len(pool))
    equal = clusters(pool) if shares and split.duplicates == "together" else []
    grouped = (pool.groups.codes >= 0).any()
    given = assign_splits(
        merged_groups(pool, equal) if grouped else pool, by, shares, split.seed, shuffled=split.groups == "shuffled"
    )
    if copies := sum(len(rows) - 1 for rows in equal):
        what = "1 sample has" if copies == 1 else f"{copies} samples have"
        notes.append(
            f"{what} the input of another: such copies are kept in one split (data.split.duplicates=together)."
        )
    return given if grouped else rejoined(given, equal, by, pool.ids)


def _subset(splits: SplitLists, common: Common) -> SplitLists:
    kept = dict(splits)
    seed, limit = common["split"].seed, common["limit"]
    if common["per_class"] is not None:
        rows = limit_per_stratum(kept["train"], strata(kept["train"]), common["per_class"], seed)
        kept["train"] = kept["train"].take(np.sort(rows))
    if limit is not None:
        for name, samples in kept.items():
            kept[name] = samples.take(np.sort(limit_total(samples, strata(samples), limit, seed)))
    if len(kept["train"]) < 2:
        raise TLError(f"data.limit={common['limit']} leaves fewer than 2 training samples: raise it.")
    return kept


def _note_lost(names: tuple[str, ...], train: Samples, notes: list[str]) -> None:
    left = len(class_counts(train))
    if left < len(names):
        notes.append(f"data.limit leaves training samples of {left} of {len(names)} classes.")
