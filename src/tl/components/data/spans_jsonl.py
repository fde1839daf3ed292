"""Texts with spans that are marked by their characters: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Unpack, final

from tl.components.data.base import Common
from tl.components.data.files import Files
from tl.components.data.spans import marked
from tl.components.sample import Sample, Span
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

_SHOWN = 10
_FIELDS = (("begin", "start", "start_offset"), ("end", "stop", "end_offset"), ("class", "label", "type", "entity"))


@final
class SpansJsonl(Files):
    """`text` and `spans` name the keys of the text and of its spans.

    A span is a list [begin, end, class] or an object with these keys (start and label are known too). Characters are
    counted from 0, and the character at `end` is the first one behind the span.
    """

    modality = "text"
    kind = "spans"

    def __init__(
        self,
        *,
        file: Path | None,
        files: Mapping[str, Path] | None,
        text: str,
        spans: str,
        id: str | None,
        encoding: str,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(common, file, files, encoding)
        self.text, self.spans, self.id = text, spans, id

    def samples(self, file: Path) -> Iterator[Sample]:
        for number, line in self.lines(file):
            if line.strip():
                yield from self.sample_or_skip(partial(self._sample, f"{short_path(file)}:{number}", line))

    def _sample(self, place: str, line: str) -> Sample:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TLError(f"{place}: the line is no JSON ({error}): write one object a line.") from error
        there = f" (its keys: {', '.join([*row][:_SHOWN])})" if isinstance(row, dict) else ""
        if not isinstance(row, dict) or not isinstance(row.get(self.text), str):
            raise TLError(f"{place}: the line has no text under the key '{self.text}'{there}: set data.text.")
        if self.spans not in row and self.purpose != "prediction":
            raise TLError(f"{place}: the line has no key '{self.spans}'{there}: set data.spans.")
        found = row.get(self.spans)
        if found is not None and not isinstance(found, list):
            raise TLError(f"{place}: '{self.spans}' is no list of spans.")
        name = place.rpartition(":")[2] if self.id is None else str(row.get(self.id, ""))
        if not name:
            raise TLError(f"{place}: the line has no id under the key '{self.id}': set data.id=null.")
        text = row[self.text]
        try:
            target = None if found is None else marked(text, [_span(one) for one in found])
        except TLError as error:
            raise TLError(f"{place}: {error}") from error
        return Sample(name, text, target, place)


def _span(entry: Any) -> Span:
    """One span; TLError where it is none."""
    values = entry
    if isinstance(entry, dict):
        values = [next((entry[key] for key in keys if key in entry), None) for keys in _FIELDS]
    match values:
        case [bool(), *_] | [_, bool(), *_]:
            pass
        case [int() as begin, int() as end, str() as name] if name:
            return Span(begin, end, name)
    shown = json.dumps(entry, ensure_ascii=False)[:80]
    raise TLError(f"{shown} is no span: write [begin, end, class] or an object with begin, end and class.")
