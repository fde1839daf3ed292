"""What is wrong with a file that is no YAML, in plain words: the parser's complaint often names a later line.

A suspect is a place that is likely to be wrong, with a change that would mend it. Where the file can be read further
with that change, the suspect is what is wrong, and the change is offered as the fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import yaml

from tl.errors import Edit, Mistake
from tl.recipe.edits import applied, lines_of, offset
from tl.recipe.suspects import Suspect, assignments, no_yaml, odd_letter, suspects
from tl.recipe.tree import Oversized, Repeated, compose_tree

# What the parser says, in part; the code of the kind, and what to do in general.
_GENERAL = (
    ("undefined alias", "E010", "what begins with * stands for an anchor of YAML, and there is none: use quotes"),
    ("alphabetic or numeric", "E010", "what begins with * or & stands for an anchor of YAML: put the text in quotes"),
    ("another document", "E011", "a second document begins here, but a recipe is one: remove the line ---"),
    ("cannot start any token", "E012", "a text cannot begin with this character: put the text in quotes"),
    ("end of stream", "E004", "the quote that opens here is never closed: close it"),
    ("unknown escape", "E004", "a backslash within double quotes begins a special character: use single quotes"),
    ("expected ',' or", "E005", "a bracket opens here that is not closed, or a comma is missing behind it"),
    ("mapping values are not allowed", "E007", "a colon where no key can be: mend the indentation, or use quotes"),
    ("could not find expected ':'", "E008", "this line has no colon: write 'key: value'"),
    ("<block end>", "E007", "this line fits nothing above it: mend its indentation, or the quotes in it"),
    ("<document start>", "E007", "this line fits nothing above it: mend its indentation"),
    ("sequence entries are not allowed", "E012", "a list cannot begin here: put the text in quotes, or the list below"),
    ("block scalar", "E012", "a text that begins with | or > goes on below: put a short text in quotes"),
    ("a tag such as", "E013", "what begins with ! is a tag of YAML, which has no place in a recipe: use quotes"),
    ("mapping keys are not allowed", "E012", "a text cannot begin with a question mark and a space: use quotes"),
    ("unhashable key", "E005", "a key is one word, but this is a list or a mapping: remove the extra brackets"),
)


def syntax_mistake(path: str, text: str, error: yaml.YAMLError) -> Mistake:
    """The mistake in a text that could not be read, with `path:line:column`, a remedy and, where proven, a fix."""
    match error:
        case Repeated():
            return _repeated(path, text, error)
        case yaml.reader.ReaderError():
            before = lines_of(text[: error.position])
            words = f"a control character (U+{ord(text[error.position]):04X}) is no text: remove it."
            return _mistake(path, len(before), len(before[-1]) + 1, words, "E048", ())
        case Oversized():
            line, column = error.mark.line + 1, error.mark.column + 1
            return _mistake(path, line, column, f"is no recipe: {error.problem}.", "E014", ())
        case yaml.MarkedYAMLError():
            found = no_yaml(lines_of(text)) or _proven(path, text, error)
            return _general(path, error) if found is None else _told(path, found)
    return Mistake(f"{path}: is not valid YAML: {str(error).splitlines()[0]}.", code="E015")


def silent_mistake(path: str, text: str, single: bool) -> Mistake | None:
    """What YAML takes and nobody means: letters like spaces or quotes and, in a `single` value, `key = value`."""
    lines = lines_of(text)
    found = odd_letter(lines) or (assignments(lines) if single else None)
    return None if found is None else _told(path, found)


def _told(path: str, suspect: Suspect) -> Mistake:
    fix = [_edit(path, *change) for change in suspect.changes] if suspect.safe else []
    return _mistake(path, suspect.line, suspect.column, f"{suspect.words}.", suspect.code, fix)


def _general(path: str, error: yaml.MarkedYAMLError) -> Mistake:
    opening = error.problem is not None and ("end of stream" in error.problem or "expected ',' or" in error.problem)
    mark = (error.context_mark if opening else error.problem_mark) or error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    for part, code, words in _GENERAL:
        if part in (error.problem or "") or part in (error.context or ""):
            return _mistake(path, line, column, f"{words}.", code, ())
    return _mistake(path, line, column, f"is not valid YAML: {error.problem}.", "E015", ())


def _repeated(path: str, text: str, error: Repeated) -> Mistake:
    """A key that stands twice; where both lines say the same, one can go."""
    line, column = error.mark.line + 1, error.mark.column + 1
    words = f"the key '{error.key}' stands twice, first in line {error.first + 1}: keep one of the two."
    lines = [*lines_of(text), ""]
    end = re.compile(r"\r\n|.", re.DOTALL).match(text, offset(text, line, len(lines[line - 1]) + 1))
    same = lines[line - 1] == lines[error.first] and re.search(r":\s+[^\s\[{|>'\"#]", lines[line - 1])
    fix = [Edit(path, line, 1, lines[line - 1] + (end[0] if end else ""), "")] if same else []
    return _mistake(path, line, column, words, "E006", fix)


def _proven(path: str, text: str, error: yaml.YAMLError) -> Suspect | None:
    """The first suspect with whose change the file can be read further."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return None
    lines = lines_of(text)
    before = (error.problem, error.problem_mark.line)
    for suspect in suspects(lines, _near(lines, error)):
        changed = applied(text, [_edit(path, *change) for change in suspect.changes])
        if changed is not None and _reads_further(changed, suspect.line, before):
            return suspect
    return None


def _near(lines: Sequence[str], error: yaml.MarkedYAMLError) -> list[int]:
    """The lines (from 0) that the parser names, and the ones with text above them, without repetition."""
    found: list[int] = []
    for mark in (error.problem_mark, error.context_mark):
        if mark is not None:
            found += [min(mark.line, len(lines) - 1), *_above(lines, mark.line)]
    return list(dict.fromkeys(found))


def _above(lines: Sequence[str], line: int) -> Iterator[int]:
    told = [i for i in range(min(line, len(lines))) if lines[i].strip() and not lines[i].lstrip().startswith("#")]
    yield from told[-1:]


def _reads_further(text: str, line: int, before: tuple[str | None, int]) -> bool:
    try:
        compose_tree(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return mark is not None and mark.line + 1 > line and (error.problem, mark.line) != before
    except yaml.YAMLError:
        return False
    return True


def _edit(path: str, line: int, column: int, old: str, new: str) -> Edit:
    return Edit(path, line, column, old, new)


def _mistake(path: str, line: int, column: int, words: str, code: str, fix: Sequence[Edit]) -> Mistake:
    return Mistake(f"{path}:{line}:{column}: {words}", code=code, column=column, fix=fix)
