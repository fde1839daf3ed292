"""Places in a text that is no YAML which are likely to be wrong, the likeliest first, each with what would mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

Change = tuple[int, int, str, str]  # line and column (from 1), what stands there, what is to stand there
_KEY = r"^(\s*(?:- +)*[A-Za-z_][\w.]*)"
_ODD_BLANK = re.compile("[\u00a0\u2000-\u200b\u202f\u3000]")
_RESERVED = re.compile(r"""(?:(?<=[:,\-] )|(?<=[\[{]))([@`%*&!|>?][^\s,\]}#][^,\]}#]*|\*)(?<! )""")
_LONE_ESCAPE = re.compile(r'"([^"]*\\[^"]*)"')
_PAIRS = {"[": "]", "{": "}"}
# How files of other kinds begin, or what is left in a file that two people changed.
_OTHER_KINDS = (
    (r"^%", "a line that begins with % is a directive of YAML, which recipes do without: remove it"),
    (r"^\s*<(?:!doctype|html|\?xml|head|body)", "this is a web page or XML, no recipe: download the file itself"),
    (
        r"^(?:<{7} |={7}$|>{7} )",
        "two versions of the file were not merged: keep one, and remove the lines <<<, ===, >>>",
    ),
    (r"^```", "this line belongs to Markdown: remove it"),
    (
        r"^\[[\w.]+\]\s*$",
        "this is TOML, but a recipe is YAML: write the name with a colon, and its keys indented below",
    ),
)


@dataclass(frozen=True)
class Suspect:
    """A place that is likely to be wrong; `line` and `column` count from 1. Unless `safe`, the changes are a guess."""

    line: int
    column: int
    code: str
    words: str
    changes: tuple[Change, ...] = ()
    safe: bool = True


def no_yaml(lines: Sequence[str]) -> Suspect | None:
    """The line that shows that the text is of another kind; None where there is none."""
    for number, line in enumerate(lines, 1):
        for pattern, words in _OTHER_KINDS:
            if re.match(pattern, line, re.IGNORECASE):
                return Suspect(number, 1, "E047" if pattern != r"^%" else "E012", words)
    return None


def suspects(lines: Sequence[str], near: Sequence[int]) -> Iterator[Suspect]:
    """Suspects in the lines `near` (from 0) the place that the parser names; tabs anywhere."""
    yield from _tabs(lines)
    for look in _LOOKS:
        for number in near:
            yield from look(lines, number)


def assignments(lines: Sequence[str]) -> Suspect | None:
    """The first of the lines that say `key = value`, with the changes that mend all of them; None where none does."""
    found = [suspect for number in range(len(lines)) for suspect in _equals(lines, number)]
    changes = tuple(change for suspect in found for change in suspect.changes)
    return replace(found[0], changes=changes) if found else None


def odd_letter(lines: Sequence[str]) -> Suspect | None:
    """What looks like a space or a quote and is a letter in YAML, where a key or its value begins."""
    for number, line in enumerate(lines, 1):
        if found := re.match(
            _KEY + r":\s+([\u201c\u201e\u2018]([^\u201c\u201d\u2018\u2019']*)[\u201c\u201d\u2018\u2019])\s*$", line
        ):
            column, right = found.start(2) + 1, f"'{found[3]}'"
            words = f"typographic quotes are letters in YAML: write {right}"
            return Suspect(number, column, "E004", words, ((number, column, found[2], right),))
        if found := re.match(rf"(?:\s*(?:- *)?[\w.]+:)?\s*({_ODD_BLANK.pattern})", line):
            column = found.start(1) + 1
            words = f"a blank that is no space (U+{ord(found[1]):04X}): write a space"
            return Suspect(number, column, "E003", words, ((number, column, found[1], " "),))
    return None


def _tabs(lines: Sequence[str]) -> Iterator[Suspect]:
    """All tabs outside of texts and comments at once: in the indentation, behind a dash or behind a colon."""
    widths = [len(line) - len(line.lstrip(" ")) for line in lines if line.startswith(" ") and line.strip()]
    step = min([width for width in widths if width > 1], default=2)
    changes: list[Change] = []
    for number, line in enumerate(lines, 1):
        indent = re.match(r"[ \t]*", line)
        assert indent is not None
        if "\t" in indent[0] and line.strip():
            changes.append((number, 1, indent[0], indent[0].replace("\t", " " * step)))
        inner = re.finditer(r"(?<=[:\-])[ ]*\t[ \t]*", line[indent.end() :])
        changes += [(number, indent.end() + blank.start() + 1, blank[0], " ") for blank in inner]
    if changes:
        number, column, old, _ = changes[0]
        first = column + old.index("\t")
        more = f" (also in line {', '.join(str(n) for n in dict.fromkeys(c[0] for c in changes[1:]) if n != number)})"
        words = f"a tab: write spaces{more if len({c[0] for c in changes}) > 1 else ''}"
        yield Suspect(number, first, "E003", words, tuple(changes))


def _no_space(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    line = lines[number]
    if found := re.match(_KEY + r":(?=[^\s:/\\])", line):
        words = f"a space is missing behind the colon: write '{found[1].strip(' -')}: {line[found.end() :].strip()}'"
        yield _at(number, found.end(), "E008", words, "", " ")


def _equals(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    line = lines[number]
    if found := re.match(_KEY + r"(\s*=\s*)(?=\S)", line):
        words = f"a value stands behind a colon in YAML: write '{found[1].strip(' -')}: {line[found.end() :].strip()}'"
        yield _at(number, found.end(1), "E008", words, found[2], ": ")


def _no_colon(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    line = lines[number]
    if found := re.match(_KEY + r"([ \t]+)(?=[^\s:#=])[^:]*$", line):
        value = line[found.end(2) :].strip()
        words = f"a colon is missing: write '{found[1].strip(' -')}: {value}'"
        yield _at(number, found.end(1), "E008", words, found[2], ": ")
    elif (found := re.match(_KEY + r"\s*$", line)) and not line.lstrip().startswith("-"):
        yield _at(number, found.end(1), "E008", f"a colon is missing: write '{found[1].strip(' -')}:'", "", ":")


def _colon_in_value(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    if found := re.match(_KEY + r":\s+([^'\"\[{#&*!|>%@`\s][^#]*?(?::(?: |$))[^#]*?)\s*(?:\s#.*)?$", lines[number]):
        yield _quoted(number, found.start(2), found[2], "E009", "the value holds a colon and a space")


def _reserved(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    for found in _RESERVED.finditer(lines[number]):
        code = {"*": "E010", "&": "E010", "!": "E013"}.get(found[1][0], "E012")
        yield _quoted(number, found.start(1), found[1].rstrip(), code, f"a text cannot begin with {found[1][0]}")


def _backslash(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    for found in _LONE_ESCAPE.finditer(lines[number]):
        if "'" not in found[1]:
            words = f"a backslash in double quotes begins a special character: write '{found[1]}'"
            yield _at(number, found.start(), "E004", words, found[0], f"'{found[1]}'")


def _apostrophe(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    """A text in single quotes with an apostrophe in it."""
    if found := re.match(_KEY + r":\s+'((?:[^']|'(?=\w))*\w'\w[^']*)'\s*(?:#.*)?$", lines[number]):
        inner = re.sub(r"(?<=\w)'(?=\w)", "''", found[2])
        words = f"a quote within quotes is written twice: '{inner}'"
        yield _at(number, found.start(2), "E004", words, found[2], inner)


def _quote_open(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    line = lines[number]
    for quote in "'\"":
        if line.count(quote) % 2:
            end, start = len(line.partition(" #")[0].rstrip()), line.rindex(quote)
            for place in dict.fromkeys((end, len(line.rstrip()))):
                words = f"the quote that opens here is not closed: write {line[start:place]}{quote}"
                change = (number + 1, place + 1, "", quote)
                yield Suspect(number + 1, start + 1, "E004", words, (change,))


def _brackets(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    """A bracket without the other one, or the wrong one, in a line."""
    line, open_ones = lines[number].partition(" #")[0].rstrip(), list[tuple[int, str]]()
    for column, sign in enumerate(line):
        if sign in _PAIRS:
            open_ones.append((column, sign))
        elif sign in _PAIRS.values():
            if not open_ones:
                yield _at(number, column, "E005", f"a {sign} too many: remove it", sign, "")
                return
            _, opened = open_ones.pop()
            if _PAIRS[opened] != sign:
                words = f"{sign} cannot close {opened}: write {_PAIRS[opened]}"
                yield _at(number, column, "E005", words, sign, _PAIRS[opened])
                return
    if open_ones:
        closing = "".join(_PAIRS[sign] for _, sign in reversed(open_ones))
        column, sign = open_ones[0]
        words = f"the bracket {sign} that opens here is not closed: write {line[column:].strip()}{closing}"
        yield Suspect(number + 1, column + 1, "E005", words, ((number + 1, len(line) + 1, "", closing),))


def _indentation(lines: Sequence[str], number: int) -> Iterator[Suspect]:
    """A line that begins beside the lines above: one column off, or a dash that is not below the dash above it."""
    line, above = lines[number], [text for text in lines[:number] if text.strip()]
    here = len(line) - len(line.lstrip(" "))
    columns = {len(text) - len(text.lstrip(" ")) for text in above} - {here}
    for column in sorted(columns, key=lambda other: (abs(other - here), -other)):
        dashes = line.lstrip().startswith("- ") and above[-1].startswith(" " * column + "- ")
        safe = abs(column - here) == 1 or dashes
        remedy = f"begin it in column {column + 1}" if safe else "mend its indentation, or what it belongs to"
        words = f"the line begins in column {here + 1}, where it fits no line above: {remedy}"
        change = (number + 1, 1, " " * here, " " * column)
        yield Suspect(number + 1, here + 1, "E007", words, (change,), safe)


def _quoted(number: int, column: int, text: str, code: str, why: str) -> Suspect:
    quoted = "'" + text.replace("'", "''") + "'"
    return _at(number, column, code, f"{why}: put it in quotes, {quoted}", text, quoted)


def _at(number: int, column: int, code: str, words: str, old: str, new: str) -> Suspect:
    return Suspect(number + 1, column + 1, code, words, ((number + 1, column + 1, old, new),))


_LOOKS: tuple[Callable[[Sequence[str], int], Iterator[Suspect]], ...] = (
    *(_no_space, _equals, _reserved, _backslash, _apostrophe, _quote_open, _brackets, _no_colon, _colon_in_value),
    _indentation,
)
