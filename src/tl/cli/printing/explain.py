"""What `tl explain` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from tl.cli.printing.catalogue import print_names, print_option
from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import plain_table
from tl.commands.explain import Explanation, GroupHelp, KeyHelp, OptionHelp
from tl.commands.kinds import MistakeHelp
from tl.commands.words import WordHelp

_KINDS: dict[type[Explanation], str] = {
    GroupHelp: "group", OptionHelp: "entry", KeyHelp: "key", MistakeHelp: "mistake", WordHelp: "word"
}  # fmt: skip


def explanations_as_json(found: Sequence[Explanation]) -> list[dict[str, Any]]:
    return [{"kind": _KINDS[type(thing)], **asdict(thing)} for thing in found]


def print_explanations(found: Sequence[Explanation]) -> None:
    """Everything that one name may mean, with an empty line between."""
    console = Screen(highlight=False)
    for i, thing in enumerate(found):
        if i:
            console.print()
        match thing:
            case GroupHelp():
                _print_group(console, thing)
            case OptionHelp():
                _print_option(console, thing)
            case KeyHelp():
                _print_key(console, thing)
            case MistakeHelp():
                _print_mistake(console, thing)
            case WordHelp():
                _print_word(console, thing)


def _print_mistake(console: Console, kind: MistakeHelp) -> None:
    console.print(f"[bold]{kind.code}[/]  {escape(kind.name)}", soft_wrap=True)
    for name in ("cause", "example", "remedy"):
        console.print(f"  {name:8} {escape(getattr(kind, name))}", soft_wrap=True)


def _print_word(console: Console, word: WordHelp) -> None:
    console.print(f"[bold]{escape(word.name)}[/]  {escape(word.text)}", soft_wrap=True)
    if word.see:
        console.print(f"  [dim]see[/] {escape(', '.join(word.see))}", soft_wrap=True)


def _print_group(console: Console, group: GroupHelp) -> None:
    console.print(f"[bold]{group.name}[/]  {escape(group.what)}", soft_wrap=True)
    if group.entries:
        print_names(console, "option", {entry.name: entry.what for entry in group.entries})
        console.print(f"[dim]choose one:[/] '- {group.name}: OPTION' in defaults, or {group.name}=OPTION")
    for key in group.keys:
        console.print()
        _print_key(console, key)


def _print_option(console: Console, option: OptionHelp) -> None:
    print_option(console, option)
    choice = f"'- {option.group}: {option.name}' in defaults, or {option.group}={option.name}"
    console.print(f"[dim]choose it:[/] {choice}")


def _print_key(console: Console, key: KeyHelp) -> None:
    group = key.name.partition(".")[0]
    of = f"  of {group} {', '.join(key.options)}" if key.options else ""
    console.print(f"[bold]{key.name}[/]{of}", soft_wrap=True)
    if key.comment:
        console.print(f"  {escape(key.comment)}", soft_wrap=True)
    table = plain_table()
    table.show_header = False
    table.add_row("  takes", escape(key.takes))
    table.add_row("  default", escape(f"{key.default}   ({key.place})"))
    if key.recipes:
        table.add_row("  set by", escape(", ".join(key.recipes)))
    console.print(table, soft_wrap=True)
