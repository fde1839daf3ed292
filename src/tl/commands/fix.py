"""`tl check --fix`: safe fixes written into the user's own recipe, whose comments and other lines stay as they are."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tl.disk.folder import refuse_link, write_whole
from tl.errors import Edit, Mistake, TLError
from tl.recipe.compose import find
from tl.recipe.edits import applied, compatible
from tl.recipe.recipe import read_recipe
from tl.recipe.registry import RECIPES
from tl.recipe.weights import RUN_RECIPE
from tl.recipe.yamlfile import short_path
from tl.run.disk import writing

_MOST_ROUNDS = 50
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Fixed:
    """What was changed in the file: its text before and after, and the mistakes whose fixes were applied."""

    file: str
    before: str
    after: str
    mistakes: tuple[Mistake, ...]


def fix(reference: str, overrides: Sequence[str]) -> Fixed:
    """Apply the safe fixes to the recipe, in rounds: a file that can be read again may show more mistakes."""
    path = _own_file(reference)
    place = short_path(path)
    before = text = _text(path)
    seen, mended = {text}, list[Mistake]()
    for _ in range(_MOST_ROUNDS):
        found = [m for m in _mistakes(reference, overrides) if m.fix and all(edit.file == place for edit in m.fix)]
        edits = compatible([mistake.fix for mistake in found])
        changed = applied(text, edits) if edits else None
        if changed is None or (changed in seen and not _only_encoding(edits)):
            break
        _write(path, changed)
        mended += [mistake for mistake in found if set(mistake.fix) <= set(edits)]
        seen.add(changed)
        text = changed
    return Fixed(place, before, text, tuple(mended))


def _own_file(reference: str) -> Path:
    path = find(reference)
    if path.resolve().is_relative_to(RECIPES.resolve()):
        raise TLError(f"--fix: '{reference}' is a shipped recipe, which stays as it is: tl copy {reference} mine.yaml")
    if path.name == RUN_RECIPE and (path.parent / "meta.json").is_file():
        raise TLError(
            f"--fix: '{reference}' is the recipe of a run, which says how the run went: name a file of yours."
        )
    if path.resolve().suffix not in _SUFFIXES:
        refuse_link("--fix:", path)
    return path


def _mistakes(reference: str, overrides: Sequence[str]) -> Sequence[Mistake]:
    try:
        return read_recipe(reference, list(overrides)).mistakes
    except TLError as error:
        return error.mistakes


def _text(path: Path) -> str:
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8", errors="surrogateescape")


def _only_encoding(edits: Sequence[Edit]) -> bool:
    """True for the fix that only writes the file in UTF-8."""
    return all(not edit.old and not edit.new for edit in edits)


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, so that it is never half written; its permissions stay."""
    with writing(path, "."):
        write_whole(path.resolve(), text.encode("utf-8", errors="surrogateescape"))
