"""From a data source to splits with one label map: only here are samples divided or limited, and classes numbered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tl.components.data.bad_samples import check_texts, control_characters, usable_samples
from tl.components.data.base import (
    LABELLED_SPLITS,
    Common,
    Data,
    DataSource,
    Division,
    data_fingerprint,
    standard_split_name,
)
from tl.components.data.copies import clusters, merged_groups, rejoined
from tl.components.data.divide import Strata, assign_splits, limit_per_stratum, limit_total, natural_key
from tl.components.data.labels import (
    SplitLists,
    check_targets,
    keep_classes,
    label_map,
    names_of,
    space_of,
    strata,
    with_missing,
)
from tl.components.sample import Sample, Target
from tl.errors import TLError, did_you_mean
from tl.space import Kind, Space


def label_index(space: Space, target: Target) -> int | list[float]:
    """A target in the form that a loss takes: the class's number, 0 or 1 for each label, or the numbers themselves.

    TLError for a class that was not learnt.
    """
    if space.kind == "number":
        return [float(value) for value in target or ()]
    strange = next((name for name in names_of(target) if name not in space.names), None)
    if strange is not None:
        raise TLError(f"The class '{strange}' is none that was learnt.{did_you_mean(strange, space.names)}")
    if space.kind == "single":
        return space.names.index(str(target))
    return [float(name in (target or ())) for name in space.names]


def load_data(source: DataSource) -> Data:
    """Read a source, divide the samples without a split, keep the wanted classes and counts, and map the labels."""
    common, kind = source.common, source.kind
    _check(common, kind)
    samples = [replace(s, split=standard_split_name(s.split) if s.split else None) for s in source.read()]
    if common["split"].test == "val":
        samples = _judged_on_val(samples)
    if common["missing"]:
        samples = [with_missing(sample, common["missing"]) for sample in samples]
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
        samples = keep_classes(samples, common["classes"], kind)
    check_targets(samples, source.target_names())
    splits = _divide(samples, common["split"], kind, notes)
    names = source.target_names() if kind == "number" else label_map(splits, kind, notes)
    kept = _subset(splits, common, kind)
    train = kept["train"]
    _note_lost(names, kind, train, notes)
    return Data(
        modality=source.modality,
        space=space_of(names, train, kind, common),
        splits={split: tuple(sorted(rows, key=lambda s: natural_key(s.id))) for split, rows in kept.items()},
        balanced_sampling=common["balance"] == "sampling",
        fingerprint=data_fingerprint(
            sorted((s for rows in kept.values() for s in rows), key=lambda s: natural_key(s.id))
        ),
        notes=tuple(notes),
        skipped=skipped,
    )


def _check(common: Common, kind: Kind) -> None:
    split = common["split"]
    if split.test != "val" and split.val + split.test >= 1:
        raise TLError(f"data.split.val={split.val} and data.split.test={split.test} leave nothing to train on.")
    if common["per_class"] is not None and kind != "single":
        raise TLError("data.per_class counts samples of a class, but here they have no single one: use data.limit.")
    if common["balance"] == "sampling" and kind != "single":
        raise TLError("data.balance=sampling needs one class for each sample: use data.balance=none here.")
    if common["balance"] == "weights" and kind == "number":
        raise TLError("data.balance=weights weighs classes, but the targets here are numbers: use data.balance=none.")


def _judged_on_val(samples: Sequence[Sample]) -> list[Sample]:
    """The samples of val as those of test; TLError where that is not what the data's splits allow."""
    there = sorted({s.split for s in samples if s.split is not None})
    if "val" not in there or "test" in there:
        why = "the data has a split test already" if "test" in there else "the data has no split val"
        raise TLError(f"data.split.test=val: {why} (the splits here: {', '.join(there) or 'none'}): give a share.")
    return [replace(s, split="test") if s.split == "val" else s for s in samples]


def _check_unique(samples: Sequence[Sample]) -> None:
    seen: dict[str, Sample] = {}
    for sample in samples:
        first = seen.setdefault(sample.id, sample)
        if first is not sample:
            raise TLError(f"{sample.where}: the id '{sample.id}' is also in {first.where}, but ids must be unique.")


def _divide(samples: Sequence[Sample], split: Division, kind: Kind, notes: list[str]) -> SplitLists:
    named = Counter(s.split for s in samples if s.split is not None)
    pool = [s for s in samples if s.split is None]
    wanted = {"val": split.val, "test": 0.0 if split.test == "val" else split.test}
    missing = {name: share for name, share in wanted.items() if not named[name] and share > 0}
    if not pool and not named["train"]:
        there = ", ".join(sorted(named)) or "none"
        raise TLError(f"There is no training sample: name a split 'train' (the splits here: {there}).")
    if missing:
        pool = [*pool, *(s for s in samples if s.split == "train")]
        if named:
            shares = " and ".join(f"{name} ({share:.0%})" for name, share in missing.items())
            instead = " (data.split.test=val takes val for it instead)" if "test" in missing and named["val"] else ""
            notes.append(f"The data names no {' and no '.join(missing)}: cut from train are {shares}{instead}.")
    by = strata(pool, kind) if split.stratify else {s.id: "" for s in pool}
    given = _assigned(pool, by, missing, split, notes)
    splits: SplitLists = {name: [] for name in LABELLED_SPLITS}
    for sample in samples:
        name = given.get(sample.id) or sample.split or "train"
        splits.setdefault(name, []).append(replace(sample, split=name))
    if len(splits["train"]) < 2:
        raise TLError(f"There is {len(splits['train'])} training sample: at least 2 are needed.")
    notes.extend(f"There is no {name} split." for name in ("val", "test") if not splits[name])
    return {name: rows for name, rows in splits.items() if rows}


def _assigned(
    pool: Sequence[Sample], by: Strata, shares: Mapping[str, float], split: Division, notes: list[str]
) -> dict[str, str]:
    """The split of each sample id of the pool, copies in one split unless the recipe says apart."""
    equal = clusters(pool) if shares and split.duplicates == "together" else []
    grouped = any(sample.group is not None for sample in pool)
    given = assign_splits(merged_groups(pool, equal) if grouped else pool, by, shares, split.seed)
    if copies := sum(len(rows) - 1 for rows in equal):
        what = "1 sample has" if copies == 1 else f"{copies} samples have"
        notes.append(
            f"{what} the input of another: such copies are kept in one split (data.split.duplicates=together)."
        )
    return given if grouped else rejoined(given, equal, by)


def _subset(splits: SplitLists, common: Common, kind: Kind) -> SplitLists:
    kept = dict(splits)
    seed = common["split"].seed
    if common["per_class"] is not None:
        kept["train"] = limit_per_stratum(kept["train"], strata(kept["train"], kind), common["per_class"], seed)
    if common["limit"] is not None:
        kept = {name: limit_total(rows, strata(rows, kind), common["limit"], seed) for name, rows in kept.items()}
    if len(kept["train"]) < 2:
        raise TLError(f"data.limit={common['limit']} leaves fewer than 2 training samples: raise it.")
    return kept


def _note_lost(names: Sequence[str], kind: Kind, train: Sequence[Sample], notes: list[str]) -> None:
    left = len({s.target for s in train})
    if kind == "single" and left < len(names):
        notes.append(f"data.limit leaves training samples of {left} of {len(names)} classes.")
