"""Texts of one word a line with its tag, as in the tasks of CoNLL: an empty line ends a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple, Unpack, final

from tl.components.data.base import Common
from tl.components.data.files import Files
from tl.components.data.spans import Tag, spans_of
from tl.components.sample import Sample, Spans
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

_DOCUMENT = "-DOCSTART-"


class _Line(NamedTuple):
    """A line's number in its file, and its fields."""

    number: int
    fields: list[str]


@final
class Conll(Files):
    """Fields are separated by tabs, or by spaces where a line has no tab.

    The columns `word` and `tag` are counted from 0, from the end where they are below 0. Tags are those of IOB2 (B-X,
    I-X, O), IOB1, BIOES or BILOU; which of them is seen from the tags themselves.
    """

    modality = "text"
    kind = "spans"

    def __init__(
        self,
        *,
        file: Path | None,
        files: Mapping[str, Path] | None,
        word: Annotated[int, "any"],
        tag: Annotated[int, "any"],
        encoding: str,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(common, file, files, encoding)
        self.word, self.tag = word, tag

    def samples(self, file: Path) -> Iterator[Sample]:
        unbegun: list[str] = []
        for lines in _texts(self.lines(file)):
            yield from self.sample_or_skip(partial(self._sample, file, lines, unbegun))
        if unbegun:
            what = "1 span begins" if len(unbegun) == 1 else f"{len(unbegun)} spans begin"
            self.notes.append(f"{short_path(file)}: {what} with I- where none is open (the first at {unbegun[0]}).")

    def _sample(self, file: Path, lines: Sequence[_Line], unbegun: list[str]) -> Sample:
        words: list[tuple[int, int]] = []
        texts: list[str] = []
        tags: list[Tag] = []
        for line in lines:
            text, tag = self._parsed(file, line)
            begin = words[-1][1] + 1 if words else 0
            words.append((begin, begin + len(text)))
            texts.append(text)
            tags.append(tag)
        place = f"{short_path(file)}:{lines[0].number}"
        spans, odd = spans_of(words, tags)
        unbegun.extend([place] * odd)
        return Sample(str(lines[0].number), " ".join(texts), Spans(spans, tuple(words)), place)

    def _parsed(self, file: Path, line: _Line) -> tuple[str, Tag]:
        place, fields = f"{short_path(file)}:{line.number}", line.fields
        columns = range(-len(fields), len(fields))
        if len(fields) < 2 or self.word not in columns or self.tag not in columns:
            raise TLError(
                f"{place}: the line has {len(fields)} fields, but the word is in column {self.word} and its tag in "
                f"column {self.tag}: mend the line, or set data.word and data.tag."
            )
        if not (text := fields[self.word].strip()):
            raise TLError(f"{place}: the line has a tag, but no word: mend or remove it.")
        if (tag := Tag.parse(fields[self.tag])) is None:
            raise TLError(
                f"{place}: '{fields[self.tag]}' is no tag: O, B-X, I-X, E-X and S-X are (data.tag names the column)."
            )
        return text, tag


def _texts(lines: Iterator[tuple[int, str]]) -> Iterator[list[_Line]]:
    """The lines of each text, without those that begin a document."""
    held: list[_Line] = []
    for number, line in lines:
        fields = line.split("\t") if "\t" in line else line.split()
        if any(map(str.strip, fields)) and fields[0] != _DOCUMENT:
            held.append(_Line(number, fields))
        elif held:
            yield held
            held = []
    if held:
        yield held
