"""Splits and inputs that say too little: few samples, no val or test, pairs of equal texts, folders of folders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tl.components.columns import Pairs
from tl.components.data.base import Data
from tl.errors import Mistake

_FEW = 20  # below so many samples, a share's 95 % interval spans more than 40 points


def split_doubts(data: Data) -> Iterator[Mistake]:
    """Doubts about the size of the splits and about what the samples hold."""
    yield from _absent_splits(data)
    yield from _small_splits(data)
    yield from _equal_pairs(data)
    yield from _deep_folders(data)


def _absent_splits(data: Data) -> Iterator[Mistake]:
    what = {
        "val": "the last weights are kept, whether or not earlier ones were better",
        "test": "the report judges the model by the val split, which also chose it",
    }
    if not data.splits.get("val") and not data.splits.get("test"):
        text = "There is no val split and no test split: nothing says how good the model is. Set data.split.test=0.2."
        yield Mistake(text, code="E166", key="data.split")
        return
    for split, consequence in what.items():
        if not data.splits.get(split):
            text = f"There is no {split} split: {consequence}. Set data.split.{split}, such as 0.15."
            yield Mistake(text, code="E166", key=f"data.split.{split}")


def _small_splits(data: Data) -> Iterator[Mistake]:
    small = {name: len(data.splits[name]) for name in ("val", "test") if 0 < len(data.splits.get(name, ())) < _FEW}
    if small:
        listed = " and ".join(f"{name} has {n} sample{'s' if n > 1 else ''}" for name, n in small.items())
        text = (
            f"{listed}: too few to tell a good model from a bad one. Give {' and '.join(small)} at least {_FEW} "
            f"({' or '.join(f'data.split.{name}' for name in small)}), or collect more."
        )
        yield Mistake(text, code="E167", key="data.split")


def _equal_pairs(data: Data) -> Iterator[Mistake]:
    pairs = [samples.inputs for samples in data.splits.values() if isinstance(samples.inputs, Pairs)]
    if pairs and all(first == second for column in pairs for first, second in column):
        text = "Both texts of every pair are the same: data.pair must name the column of the second text, or be null."
        yield Mistake(text, code="E168", key="data.pair")


def _deep_folders(data: Data) -> Iterator[Mistake]:
    """A doubt where every class is a folder of several folders of pictures, so that these may be the classes."""
    inner: dict[str, set[str]] = defaultdict(set)
    for rows in data.splits.values():
        for name, source, target in zip(rows.ids, rows.inputs, rows.targets, strict=True):
            if not isinstance(source, Path) or not isinstance(target, str):
                return
            folders = Path(name).parent.parts
            if target not in folders[:-1]:
                return
            inner[target].add(folders[folders.index(target) + 1])
    if inner and all(len(names) > 1 for names in inner.values()):
        one = next(iter(inner))
        listed = ", ".join(sorted(inner[one])[:3])
        text = (
            f"The pictures of class '{one}' lie in folders of their own ({listed}): where these are the classes, "
            f"data.root is one level too high."
        )
        yield Mistake(text, code="E169", key="data.root")
