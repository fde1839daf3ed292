"""What `tl copy` writes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tl.cli.terminal import say
from tl.errors import TLError, did_you_mean
from tl.recipe.registry import shipped_recipes

_SUFFIXES = (".yaml", ".yml")


def copy_recipe(name: str, to: Path | None) -> None:
    """Write a shipped recipe to a file of the user's own, in words that run from there."""
    known = shipped_recipes()
    if name not in known:
        raise TLError(f"There is no shipped recipe '{name}'.{did_you_mean(name, known) or ' See tl list.'}")
    target = to or Path(f"{name}.yaml")
    if target.is_dir():
        target = target / f"{name}.yaml"
    if target.suffix not in _SUFFIXES:
        raise TLError(f"'{target}' does not end in .yaml: name the file as in 'tl copy {name} {target}.yaml'.")
    if target.exists():
        raise TLError(f"'{target}' is already there and is not overwritten: name another file.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_readdressed(known[name].read_text(encoding="utf-8"), name, target), encoding="utf-8")
    say(f"{target} is yours. Look it over with: tl check {shlex.quote(str(target))}")


def _readdressed(text: str, name: str, target: Path) -> str:
    """The recipe with the command of its header turned to the new file; put there where there was none."""
    command = re.compile(rf"\btl finetune {re.escape(name)}\b")
    mine = f"tl finetune {shlex.quote(str(target))}"
    if command.search(text):
        return command.sub(lambda _: mine, text)
    first, newline, rest = text.partition("\n")
    return f"{first}{newline}# Run: {mine}\n{rest}" if first.startswith("#") else f"# Run: {mine}\n{text}"
