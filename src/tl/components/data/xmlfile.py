"""XML files of a stranger: small trees with the line of each element, without entities or a document type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate

from tl.boundary.foreign import reading
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

_MOST_BYTES = 16 * 1024**2
_MOST_ELEMENTS = 200_000
_DEEPEST = 32
_LONGEST = 1 << 16
_SHOWN = 40


@dataclass
class Element:
    """An element with its line in the file, the text in it, and its inner elements."""

    name: str
    line: int
    text: str = ""
    inner: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """The inner elements of this name."""
        return (one for one in self.inner if one.name == name)

    def first(self, name: str) -> Element | None:
        """The first inner element of this name."""
        return next(self.all(name), None)


class _Tree:
    """What the parser calls for each piece of a file; TLError where the file goes beyond what it may."""

    def __init__(self, file: Path) -> None:
        self.file, self.parser, self.count = file, ParserCreate(), 0
        self.root = Element("", 0)
        self.open = [self.root]
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._doctype

    def place(self) -> str:
        return f"{short_path(self.file)}:{self.parser.CurrentLineNumber}"

    def _start(self, name: str, _: object) -> None:
        self.count += 1
        if self.count > _MOST_ELEMENTS or len(self.open) > _DEEPEST:
            what = f"{_MOST_ELEMENTS} elements" if self.count > _MOST_ELEMENTS else f"{_DEEPEST} levels"
            raise TLError(f"{self.place()}: the file has more than {what}: it is no list of boxes.")
        made = Element(name, self.parser.CurrentLineNumber)
        self.open[-1].inner.append(made)
        self.open.append(made)

    def _end(self, _: str) -> None:
        self.open.pop()

    def _text(self, text: str) -> None:
        self.open[-1].text += text
        if len(self.open[-1].text) > _LONGEST:
            raise TLError(f"{self.place()}: the file has a text of more than {_LONGEST} letters: it is no box.")

    def _doctype(self, *_: object) -> None:
        raise TLError(f"{self.place()}: the file declares a document type or an entity, which is not read: remove it.")


def read_xml(file: Path) -> Element:
    """The root of an XML file; TLError where it is none, or larger than a list of boxes can be."""
    name = short_path(file)
    if not file.is_file():
        raise TLError(f"{name}: there is no such file.")
    if (size := file.stat().st_size) > _MOST_BYTES:
        raise TLError(f"{name}: has {size} bytes, but an XML file may have {_MOST_BYTES}: divide it.")
    with reading(name, "the file cannot be read", "replace or remove it"):
        content = file.read_bytes()
    tree = _Tree(file)
    try:
        tree.parser.Parse(content, True)
    except ExpatError as error:
        raise TLError(f"{name}:{error.lineno}: the file is no XML ({error}): mend or remove it.") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know, or that has several bytes
        raise TLError(f"{name}: the encoding of the file cannot be read ({error}): save it as UTF-8.") from error
    return tree.root.inner[0]


_PLAIN_NUMBER = re.compile(r"[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})([eE][+-]?\d{1,3})?", re.ASCII)


def number_in(place: str, text: str) -> float:
    """The number that a text is; TLError where it is none."""
    if not _PLAIN_NUMBER.fullmatch(text.strip()):
        raise TLError(f"{place}: '{text.strip()[:_SHOWN]}' is no number: mend it.")
    return float(text)
