"""Changes to the text of a file, at a line and column, so that comments and everything around them stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tl.errors import Edit

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what ends a line in YAML


def lines_of(text: str) -> list[str]:
    """The lines of a text, as YAML counts them, without their ends."""
    return _BREAK.split(text)


def offset(text: str, line: int, column: int) -> int:
    """The place in a text of a line and a column, which count from 1."""
    starts = [0, *(found.end() for found in _BREAK.finditer(text))]
    return starts[line - 1] + column - 1 if line <= len(starts) else len(text)


def applied(text: str, edits: Iterable[Edit]) -> str | None:
    """The text with all the changes; None where one of them does not fit the text, or two overlap."""
    placed = sorted(
        ((offset(text, edit.line, edit.column), edit) for edit in edits), key=lambda pair: (pair[0], len(pair[1].old))
    )
    end, parts = 0, []
    for start, edit in placed:
        if start < end or text[start : start + len(edit.old)] != edit.old:
            return None
        parts.append(text[end:start] + edit.new)
        end = start + len(edit.old)
    return "".join([*parts, text[end:]])


def compatible(fixes: Sequence[tuple[Edit, ...]]) -> list[Edit]:
    """Changes that can be made in one go: many within lines, or the first fix that adds or removes lines."""
    within = [fix for fix in fixes if all(_stays_in_its_line(edit) for edit in fix)]
    chosen: dict[tuple[str, int], Edit] = {}
    for fix in within:
        if not any((edit.file, edit.line) in chosen for edit in fix):
            chosen |= {(edit.file, edit.line): edit for edit in fix}
    return list(chosen.values()) or list(next(iter(fixes), ()))


def _stays_in_its_line(edit: Edit) -> bool:
    return not _BREAK.search(edit.old + edit.new)
