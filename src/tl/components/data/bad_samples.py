"""Samples that cannot be used: what is wrong with each, and how they are left out where the recipe says so."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tl.components.columns import Numbered
from tl.components.data.base import DataSource
from tl.components.data.labels import class_counts, holding, names_of, not_finite, unlabelled
from tl.components.picture import open_image
from tl.components.sample import Raw, Sample, Samples, halves_of, texts_of
from tl.errors import MachineFault, TLError
from tl.recipe.unicode import is_unicode

_CONTROLS = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_CONTROL = re.compile(b"[" + re.escape(_CONTROLS) + b"]")
_SURROGATE = re.compile(b"\xed[\xa0-\xbf]")


def usable_samples(samples: Samples, source: DataSource) -> tuple[Samples, tuple[str, ...]]:
    """The samples that can be used, and a sentence on each sample that cannot; every picture is opened to find out.

    TLError where the samples that cannot be used are a larger share than `data.skip_limit`, or all samples of a class.
    """
    limit = source.common["skip_limit"]
    problems = _problems(samples, source.target_names())
    kept = samples.take(np.setdiff1d(np.arange(len(samples)), [*problems]))
    skipped = (*source.skipped, *(problems[row] for row in sorted(problems)))
    total = len(samples) + len(source.skipped)
    if len(skipped) > limit * total:
        raise TLError(
            f"{len(skipped)} of {total} samples cannot be used, more than data.skip_limit={limit:g} allows: "
            f"mend them, or raise it. The first: {skipped[0]}"
        )
    before = source.skipped_classes | class_counts(samples).keys()
    if source.common["classes"] is not None:
        before &= set(source.common["classes"])
    lost = sorted(before - class_counts(kept).keys())
    if lost:
        raise TLError(
            f"data.on_error=skip would leave out all samples of the class '{lost[0]}': mend some, or "
            f"leave the class out by data.classes. The first that cannot be used: {skipped[0]}"
        )
    return kept, skipped


def _problems(samples: Samples, columns: Sequence[str]) -> dict[int, str]:
    """For each sample that cannot be used its row, and a sentence that says why."""
    found = {row: f"{problem}." for row, problem in text_problems(samples)}
    for row in np.flatnonzero(unlabelled(samples)).tolist():
        found.setdefault(row, f"{samples.places[row]}: the sample has no label.")
    for row, clause in not_finite(samples, columns).items():
        found.setdefault(row, f"{samples.places[row]}: {clause}.")
    if not samples.texts:
        rest = [row for row in range(len(samples)) if row not in found]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding lets other threads run
            opened = pool.map(lambda row: _picture_problem(samples.inputs[row]), rest)
            found |= {row: problem for row, problem in zip(rest, opened, strict=True) if problem is not None}
    return found


def _picture_problem(given: Raw) -> str | None:
    try:
        for picture in halves_of(given):
            open_image(picture)
    except MachineFault:
        raise
    except TLError as error:
        return str(error)
    return None


def check_texts(samples: Samples) -> None:
    """TLError at the first sample that has a `text_problem`."""
    for _, problem in text_problems(samples):
        raise TLError(f"{problem}: mend or remove it; training leaves it out by data.on_error=skip.")


def text_problems(samples: Samples) -> Iterator[tuple[int, str]]:
    """The row of each sample that has a `text_problem`, and that sentence."""
    for row in _doubtful(samples):
        if (problem := text_problem(samples[row])) is not None:
            yield row, problem


def _doubtful(samples: Samples) -> Iterable[int]:
    """The rows that may have a `text_problem`, in order."""
    blank = [texts.blank() for texts in samples.texts]
    empty = np.flatnonzero(np.logical_and.reduce(blank)).tolist() if blank else []
    odd = [row for texts in samples.texts for row in texts.rows_with(_SURROGATE, b"\xed")]
    match samples.ids:
        case Numbered():
            named: list[int] = []
        case ids:
            named = [row for row, name in enumerate(ids) if not name.isascii()]
    labels = {name for name in class_counts(samples) if not name.isascii()}
    return sorted({*empty, *odd, *named, *np.flatnonzero(holding(samples, labels)).tolist()})


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


def control_characters(samples: Samples) -> str | None:
    """A sentence where texts hold control characters, which nobody types: often a file has another encoding."""
    odd = sorted((row, number) for number, t in enumerate(samples.texts) for row in t.rows_with(_CONTROL, _CONTROLS))
    if not odd:
        return None
    row, number = odd[0]
    letter = _CONTROL.findall(samples.texts[number][row].encode("utf-8", "surrogatepass"))[0]
    many, where = "1 text holds" if len(odd) == 1 else f"{len(odd)} texts hold", samples.places[row]
    return f"{many} control characters, such as U+{ord(letter):04X} in {where}: is it the text that it should be?"
