"""Samples that cannot be used, and leaving them out where the recipe says so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tl.data.base import DataSource, Picture, Sample
from tl.data.images import open_image
from tl.data.labels import names_of, not_finite, unlabelled
from tl.errors import TLError


def without_faults(samples: list[Sample], source: DataSource) -> tuple[list[Sample], tuple[str, ...]]:
    """The samples that can be used, and a sentence on each that cannot; every picture is opened for that.

    TLError where they are more than `data.skip_limit`, or a class would be left without any.
    """
    columns, limit = source.target_names(), source.common["skip_limit"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding lets other threads run
        faults = list(pool.map(lambda sample: fault(sample, columns), samples))
    kept = [sample for sample, wrong in zip(samples, faults, strict=True) if wrong is None]
    skipped = (*source.skipped, *(wrong for wrong in faults if wrong is not None))
    total = len(samples) + len(source.skipped)
    if len(skipped) > limit * total:
        raise TLError(
            f"{len(skipped)} of {total} samples cannot be used, more than data.skip_limit={limit:g} allows; the first: "
            f"{skipped[0]}"
        )
    lost = sorted({n for s in samples for n in names_of(s.target)} - {n for s in kept for n in names_of(s.target)})
    if lost:
        raise TLError(f"No sample of the class '{lost[0]}' can be used; the first of all faults: {skipped[0]}")
    return kept, skipped


def fault(sample: Sample, columns: Sequence[str]) -> str | None:
    """What is wrong with a sample, if anything; `columns` are the names of its numbers."""
    texts = sample.input if isinstance(sample.input, tuple) else (sample.input,)
    for word in (sample.id, *names_of(sample.target), *(text for text in texts if isinstance(text, str))):
        if strange(word):
            return f"{sample.where}: '{word.encode('ascii', 'backslashreplace').decode()}' is no Unicode text."
    if unlabelled(sample):
        return f"{sample.where}: the sample has no label."
    infinite = not_finite(sample, columns)
    if infinite is not None:
        return f"{sample.where}: '{infinite[0]}' is {infinite[1]}, not a finite number."
    if isinstance(sample.input, (Path, Picture)):
        try:
            open_image(sample.input)
        except TLError as error:
            return str(error)
    return None


def strange(text: str) -> bool:
    """Whether it is no Unicode text, such as a file name in an old encoding: it could neither be written nor hashed."""
    return not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)
