"""What `tl predict` is given to answer: texts and lines of text, pictures and folders of them, or a table of either."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tl.commands.open_run import Trained
from tl.commands.other_data import has_tables_name, is_table, open_other
from tl.components.data.bad_samples import unicode_problem
from tl.components.data.image_folder import is_hidden, is_picture
from tl.components.picture import SUFFIXES
from tl.components.sample import Sample
from tl.errors import TLError, nearest
from tl.inputs.cache import key
from tl.run.disk import hash_of

_PART = 1024
"""The samples of a part: so many are in memory at once, and an interrupted `--to` goes on at a part's beginning."""


class Input(NamedTuple):
    """One input of the command line; `typed` is False for a line of standard input, which names no file of texts."""

    text: str
    typed: bool


@dataclass(frozen=True)
class Given:
    """The samples to answer, in parts of equal sizes; `identity()` is a hash that changes where they change."""

    parts: Callable[[], Iterator[Sequence[Sample]]]
    identity: Callable[[], str]
    from_table: bool


def read_given(trained: Trained, inputs: Sequence[Input], say: Callable[[str], None]) -> Given:
    """What is given to a run; `say` gets a line on what is left out. TLError where the run cannot read it."""
    if not inputs:
        raise TLError("Give at least one picture or text to answer for; - reads them line by line.")
    if any(one.typed and is_table(Path(one.text)) for one in inputs):
        return _table(trained, [one.text for one in inputs], say)
    if trained.model.backbone.preprocess.modality == "text":
        pairs, apart = bool(trained.recipe.data.values.get("pair")), trained.model.task.reads == "pair"
        found = [Sample(one.text, _text(one, pairs, apart), None, "command line") for one in inputs]
        single = [one.id for one in found if apart and isinstance(one.input, str)]
        if 0 < len(single) < len(found):
            raise TLError(f"Give pairs of texts or single texts, not both: '{single[0]}' has no tab.")
        return _listed(found)
    paths = [path for one in inputs for path in _pictures(one.text, say)]
    return _listed([Sample(str(path), path, None, str(path)) for path in paths])


def _table(trained: Trained, words: Sequence[str], say: Callable[[str], None]) -> Given:
    settings = [word for word in words if word.startswith("data.") and "=" in word and not is_table(Path(word))]
    others = [word for word in words if word not in settings]
    if len(others) > 1:
        raise TLError(f"A table is answered by itself, but here are {' and '.join(map(repr, others[:3]))}: give one.")
    file = Path(others[0])

    def parts() -> Iterator[Sequence[Sample]]:
        source = open_other(trained, file, settings, "prediction", "predict")
        if source.modality != trained.model.backbone.preprocess.modality:
            what = {
                "text": "texts: name their column with data.text",
                "image": "pictures: name their column with data.image",
            }
            raise TLError(f"This run reads {what[trained.model.backbone.preprocess.modality]}=COLUMN.")
        said = 0
        for part in source.parts(_PART):
            for line in source.notes[said:]:
                say(line)
            said = len(source.notes)
            yield _written_in_unicode(part)

    return Given(parts, lambda: key(hash_of(file), settings), True)


def _listed(samples: Sequence[Sample]) -> Given:
    """Samples that are all known before the first one is answered."""
    _written_in_unicode(samples)

    def parts() -> Iterator[Sequence[Sample]]:
        return (samples[first : first + _PART] for first in range(0, len(samples), _PART))

    return Given(parts, lambda: key([(sample.input, _state(sample)) for sample in samples]), False)


def _state(sample: Sample) -> tuple[int, int] | None:
    """Size and time of a picture's file; None for a text."""
    if not isinstance(sample.input, Path):
        return None
    found = sample.input.stat()
    return found.st_size, found.st_mtime_ns


def _written_in_unicode(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples; TLError where the text or the id of one cannot be written."""
    if wrong := next(filter(None, map(unicode_problem, samples)), None):
        raise TLError(f"{wrong}.")
    return samples


def _text(one: Input, pairs: bool, apart: bool) -> str | tuple[str, str]:
    text = one.text
    if one.typed and os.path.exists(text):
        what = "a picture" if Path(text).suffix.lower() in SUFFIXES else "a file or folder"
        raise TLError(f"'{text}' is {what}, but this run reads texts: pass them as such, or as lines: - < FILE.")
    if one.typed and has_tables_name(Path(text)) and not any(map(str.isspace, text)):
        folder = Path(text).parent
        near = nearest(Path(text).name, (p.name for p in folder.iterdir()) if folder.is_dir() else ())
        raise TLError(f"There is no table '{text}'.{near}")
    if not pairs:
        return text
    first, tab, second = text.partition("\t")
    if not tab and apart:
        return text  # to be embedded by itself
    if not tab:
        raise TLError(f"This run reads pairs of texts: put a tab between the two (here: '{text}').")
    return first, second


def _pictures(name: str, say: Callable[[str], None]) -> list[Path]:
    if not os.path.isdir(name):
        if not os.path.isfile(name):
            raise TLError(f"This run reads pictures, but there is no file '{name}'.")
        return [Path(name)]
    files = [path for path in sorted(Path(name).rglob("*")) if path.is_file() and not is_hidden(path.name)]
    found = [path for path in files if is_picture(path)]
    if not found:
        raise TLError(f"'{name}' holds no pictures.")
    if odd := next((path for path in files if not is_picture(path)), None):
        count = len(files) - len(found)
        what = "1 file is no picture and was" if count == 1 else f"{count} files are no pictures and were"
        say(f"{name}: {what} skipped, such as {odd.relative_to(name)}.")
    return found
