"""The tables of `tl list`: recipes, options and keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape

from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import plain_table
from tl.commands.explain import GroupHelp, KeyHelp, OptionHelp


def print_catalogue(recipes: Mapping[str, str], options: Mapping[str, Mapping[str, str]]) -> None:
    """The shipped recipes, and every group's options, with a line each."""
    console = Screen(highlight=False)
    print_names(console, "recipes", recipes)
    for group, entries in options.items():
        print_names(console, group, entries)
    console.print("[dim]tl list GROUP shows keys and defaults, tl explain KEY one of them, tl show RECIPE a recipe.[/]")


def print_group(group: GroupHelp) -> None:
    """The group's options, each with its keys and defaults."""
    console = Screen(highlight=False)
    console.print(f"[bold]{group.name}[/]  {escape(group.what)}", soft_wrap=True)
    if group.keys:
        _print_keys(console, group.keys)
    for entry in group.entries:
        console.print()
        print_option(console, entry)


def print_names(console: Console, title: str, entries: Mapping[str, str]) -> None:
    """A row for each name with its description."""
    table = plain_table()
    table.add_column(title, no_wrap=True)
    table.add_column("")
    for name, what in entries.items():
        table.add_row(f"[cyan]{name}[/]", escape(what))
    console.print(table)


def print_option(console: Console, option: OptionHelp) -> None:
    """The option's description, then its keys."""
    console.print(f"[cyan]{option.name}[/]  {escape(option.what)}", soft_wrap=True)
    _print_keys(console, option.keys)


def _print_keys(console: Console, keys: Sequence[KeyHelp]) -> None:
    """A row for each key; keys inside a mapping have no row, since the mapping's default shows them."""
    table = plain_table()
    table.show_header = False
    for key in keys:
        inside = key.name.partition(".")[2] or key.name
        if "." not in inside:
            table.add_row(f"  {inside}", escape(key.default), f"[dim]{escape(key.comment or key.takes)}[/]")
    if table.row_count:
        console.print(table)
