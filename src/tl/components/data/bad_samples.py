"""Samples that cannot be used: what is wrong with each, and how they are left out where the recipe says so."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tl.components.data.base import DataSource
from tl.components.data.labels import names_of, not_finite, unlabelled
from tl.components.picture import open_image
from tl.components.sample import Picture, Sample, texts_of
from tl.errors import TLError
from tl.recipe.unicode import is_unicode

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def usable_samples(samples: list[Sample], source: DataSource) -> tuple[list[Sample], tuple[str, ...]]:
    """The samples that can be used, and a sentence on each sample that cannot; every picture is opened to find out.

    TLError where the samples that cannot be used are a larger share than `data.skip_limit`, or all samples of a class.
    """
    columns, limit = source.target_names(), source.common["skip_limit"]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding lets other threads run
        problems = list(pool.map(lambda sample: problem_of(sample, columns), samples))
    kept = [sample for sample, problem in zip(samples, problems, strict=True) if problem is None]
    skipped = (*source.skipped, *(problem for problem in problems if problem is not None))
    total = len(samples) + len(source.skipped)
    if len(skipped) > limit * total:
        raise TLError(
            f"{len(skipped)} of {total} samples cannot be used, more than data.skip_limit={limit:g} allows: "
            f"mend them, or raise it. The first: {skipped[0]}"
        )
    before = source.skipped_classes | {name for sample in samples for name in names_of(sample.target)}
    if source.common["classes"] is not None:
        before &= set(source.common["classes"])
    lost = sorted(before - {name for sample in kept for name in names_of(sample.target)})
    if lost:
        raise TLError(
            f"data.on_error=skip would leave out all samples of the class '{lost[0]}': mend some, or "
            f"leave the class out by data.classes. The first that cannot be used: {skipped[0]}"
        )
    return kept, skipped


def problem_of(sample: Sample, columns: Sequence[str]) -> str | None:
    """A sentence on what is wrong with a sample, or None; `columns` are the names of its numbers."""
    if (problem := text_problem(sample)) is not None:
        return f"{problem}."
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


def check_texts(samples: Sequence[Sample]) -> None:
    """TLError at the first sample that has a `text_problem`."""
    for sample in samples:
        if (problem := text_problem(sample)) is not None:
            raise TLError(f"{problem}: mend or remove it; training leaves it out by data.on_error=skip.")


def text_problem(sample: Sample) -> str | None:
    """A sentence without full stop where a sample's text is empty or has a `unicode_problem`, else None."""
    texts = texts_of(sample)
    if texts and not any(text.strip() for text in texts):
        return f"{sample.where}: the text is empty"
    return unicode_problem(sample)


def unicode_problem(sample: Sample) -> str | None:
    """A sentence without full stop where a sample's id, label or text holds a character that is no Unicode, else None.

    File names in an old encoding hold such characters, which can neither be written nor hashed.
    """
    for word in (sample.id, *names_of(sample.target), *texts_of(sample)):
        if not is_unicode(word):
            shown = word.encode("ascii", "backslashreplace").decode()
            return f"{sample.where}: '{shown}' holds a character that is no Unicode text"
    return None


def control_characters(samples: Sequence[Sample]) -> str | None:
    """A sentence where texts hold control characters, which nobody types: often a file has another encoding."""
    odd = [(found[0], s.where) for s in samples for text in texts_of(s) if (found := _CONTROL.search(text))]
    if not odd:
        return None
    (letter, where), many = odd[0], "1 text holds" if len(odd) == 1 else f"{len(odd)} texts hold"
    return f"{many} control characters, such as U+{ord(letter):04X} in {where}: is it the text that it should be?"
