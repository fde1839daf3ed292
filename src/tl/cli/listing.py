"""What `tl list` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape

from tl.cli.screen import Screen
from tl.cli.tables import plain_table, print_json
from tl.commands import explain as reference
from tl.commands.explain import GroupHelp, KeyHelp, OptionHelp
from tl.recipe.registry import GROUPS, options


def print_all(as_json: bool) -> None:
    """The shipped recipes, and every group's options with a line each."""
    known = {group: {option.name: option.what() for option in options(group).values()} for group in GROUPS}
    if as_json:
        return print_json({"recipes": reference.recipes(), "options": known})
    console = Screen(highlight=False)
    print_names(console, "recipes", reference.recipes())
    for group, entries in known.items():
        print_names(console, group, entries)
    console.print("[dim]tl list GROUP shows keys and defaults, tl explain KEY one of them, tl show RECIPE a recipe.[/]")
    return None


def print_names(console: Console, title: str, entries: dict[str, str]) -> None:
    """Names with what each is for."""
    table = plain_table()
    table.add_column(title, no_wrap=True)
    table.add_column("")
    for name, what in entries.items():
        table.add_row(f"[cyan]{name}[/]", escape(what))
    console.print(table)


def print_group(name: str, as_json: bool) -> None:
    """A group's options with their keys and defaults."""
    group = reference.group(name)
    if as_json:
        return print_json(asdict(group))
    return show_group(Screen(highlight=False), group)


def show_group(console: Console, group: GroupHelp) -> None:
    """The group's options, each with its keys."""
    console.print(f"[bold]{group.name}[/]  {escape(group.what)}", soft_wrap=True)
    if group.keys:
        show_keys(console, group.keys)
    for entry in group.entries:
        console.print()
        show_entry(console, entry)


def show_entry(console: Console, entry: OptionHelp) -> None:
    """An option with its keys."""
    console.print(f"[cyan]{entry.name}[/]  {escape(entry.what)}", soft_wrap=True)
    show_keys(console, entry.keys)


def show_keys(console: Console, keys: Sequence[KeyHelp]) -> None:
    """A row for each key; those inside a mapping are in its default."""
    table = plain_table()
    table.show_header = False
    for key in keys:
        inside = key.name.partition(".")[2] or key.name
        if "." not in inside:
            table.add_row(f"  {inside}", escape(key.default), f"[dim]{escape(key.comment or key.takes)}[/]")
    if table.row_count:
        console.print(table)
