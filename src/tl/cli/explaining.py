"""What `tl explain` prints."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from tl.cli.listing import print_names, show_entry
from tl.cli.screen import Screen
from tl.cli.tables import plain_table, print_json
from tl.commands.explain import GroupHelp, KeyHelp, OptionHelp, explain


def explain_key(name: str, as_json: bool) -> None:
    """Everything that the name may mean, one after the other."""
    found = explain(name)
    if as_json:
        return print_json([{"kind": type(thing).__name__.lower(), **asdict(thing)} for thing in found])
    console = Screen(highlight=False)
    for i, thing in enumerate(found):
        if i:
            console.print()
        match thing:
            case GroupHelp():
                _group(console, thing)
            case OptionHelp():
                _entry(console, thing)
            case KeyHelp():
                _key(console, thing)
    return None


def _group(console: Console, group: GroupHelp) -> None:
    console.print(f"[bold]{group.name}[/]  {escape(group.what)}", soft_wrap=True)
    if group.entries:
        print_names(console, "option", {entry.name: entry.what for entry in group.entries})
        console.print(f"[dim]choose one:[/] '- {group.name}: OPTION' in defaults, or {group.name}=OPTION")
    for key in group.keys:
        console.print()
        _key(console, key)


def _entry(console: Console, entry: OptionHelp) -> None:
    show_entry(console, entry)
    console.print(f"[dim]choose it:[/] '- {entry.group}: {entry.name}' in defaults, or {entry.group}={entry.name}")


def _key(console: Console, key: KeyHelp) -> None:
    group = key.name.partition(".")[0]
    of = f"  of {group} {', '.join(key.options)}" if key.options else ""
    console.print(f"[bold]{key.name}[/]{of}", soft_wrap=True)
    if key.comment:
        console.print(f"  {escape(key.comment)}", soft_wrap=True)
    table = plain_table()
    table.show_header = False
    table.add_row("  takes", escape(key.takes))
    table.add_row("  default", escape(f"{key.default}   ({key.place})"))
    console.print(table, soft_wrap=True)
