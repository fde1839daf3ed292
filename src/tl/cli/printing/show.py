"""What `tl show` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from tl.boundary.visible import visible
from tl.cli.printing.screen import Screen
from tl.cli.printing.tables import plain_table
from tl.commands.parts import stored_preprocess
from tl.components.freeze.base import Phase
from tl.recipe.compose import option_files
from tl.recipe.recipe import Recipe
from tl.recipe.registry import RECIPES, options
from tl.recipe.yamlfile import flow, short_path

_MOST_COLUMNS = 4


def print_recipe(
    recipe: Recipe, names: Sequence[str] | None, phases: Sequence[Phase], rates: Mapping[str, float]
) -> None:
    """The resolved recipe with the origin of what is no default, then which part learns when and how fast.

    `names` are the model's parts, shallow to deep (None where they are not known yet); `rates` each part's peak
    learning rate, which a phase's factor multiplies.
    """
    console = Screen(highlight=False)
    for note in recipe.notes:
        console.print(f"[yellow]note[/]  {escape(note)}", soft_wrap=True)
    for line in _recipe_lines(recipe):
        console.print(line, soft_wrap=True)
    console.print()
    _print_phases(console, names, phases, rates)
    stored = stored_preprocess(recipe.backbone)
    for fact in stored.lines() if stored is not None else ():
        console.print(f"preprocess  {fact}", soft_wrap=True)


def recipe_as_json(
    recipe: Recipe, names: Sequence[str] | None, phases: Sequence[Phase], rates: Mapping[str, float]
) -> dict[str, Any]:
    stored = stored_preprocess(recipe.backbone)
    table = [
        {
            "name": phase.name,
            "until": str(phase.end),
            "patience": phase.patience,
            "rates": {part: rates[part] * phase.lr for part in names or () if part in phase.train},
        }
        for phase in phases
    ]
    return {
        "name": recipe.name,
        "recipe": recipe.plain(),
        "where": recipe.origins,
        "notes": recipe.notes,
        "parts": names,
        "phases": table,
        "preprocess": stored.lines() if stored is not None else None,
    }


def _recipe_lines(recipe: Recipe) -> Iterator[Text]:
    """The recipe as YAML, a line at a time; what a recipe or the command line set is followed by its place."""
    defaults = _default_files(recipe)
    plain = recipe.plain()
    yield Text("defaults:")
    for chosen in plain.pop("defaults"):
        for group, option in chosen.items():
            yield _with_place(f"  - {group}: {option}", recipe.origins[f"{group}="], defaults)
    yield from _mapping_lines(plain, "", recipe.origins, defaults)


def _mapping_lines(
    values: Mapping[str, Any], prefix: str, where: Mapping[str, str], defaults: set[str]
) -> Iterator[Text]:
    for key, value in values.items():
        dotted = f"{prefix}{key}"
        indent = "  " * dotted.count(".")
        if isinstance(value, dict) and value:
            yield Text(visible(f"{indent}{key}:"))
            yield from _mapping_lines(value, f"{dotted}.", where, defaults)
        else:
            yield _with_place(f"{indent}{key}: {flow(value)}", _place(dotted, where), defaults)


def _with_place(text: str, place: str, defaults: set[str]) -> Text:
    """The line, with its place unless that is in one of the `defaults` files."""
    line = Text(visible(text))
    if place and place.rpartition(":")[0] not in defaults:
        line.append(visible(f"  # {place}"), style="dim")
    return line


def _place(key: str, where: Mapping[str, str]) -> str:
    """Where the key was set, or the nearest mapping around the key; '' where neither has a place."""
    while key and key not in where:
        key = key.rpartition(".")[0]
    return where.get(key, "")


def _default_files(recipe: Recipe) -> set[str]:
    """The files that hold the defaults of the base recipe and of the chosen options."""
    chosen = [options(group)[node.option] for group, node in recipe.nodes().items()]
    files: list[Path] = [RECIPES / "base.yaml", *(layer.path for option in chosen for layer in option_files(option))]
    return {short_path(file) for file in files}


def _print_phases(
    console: Console, names: Sequence[str] | None, phases: Sequence[Phase], rates: Mapping[str, float]
) -> None:
    """A column for each phase and a row for each part; many phases are rows instead, so that the table fits."""
    if names is None:
        console.print("Which parts there are is known once the weights are on this machine.")
        return None
    table = plain_table()
    if len(phases) > _MOST_COLUMNS:
        return _print_phase_rows(console, phases, rates)
    table.add_column("peak learning rate")
    for phase in phases:
        table.add_column(f"{escape(phase.name)}\n{_end(phase)}", justify="right")
    for part in reversed(names):
        cells = (f"{rates[part] * phase.lr:.3g}" if part in phase.train else "[dim]frozen[/]" for phase in phases)
        table.add_row(part, *cells)
    return console.print(table)


def _print_phase_rows(console: Console, phases: Sequence[Phase], rates: Mapping[str, float]) -> None:
    """A row for each phase, with the stages of the backbone in one column."""
    table = plain_table()
    top = [part for part in rates if not part.startswith("backbone.")]
    for name in ("peak learning rate", "", *top, "backbone"):
        table.add_column(name)
    for phase in phases:
        of = {part: rates[part] * phase.lr for part in rates if part in phase.train}
        cells = [f"{of[part]:.3g}" if part in of else "[dim]frozen[/]" for part in top]
        stages = {part.removeprefix("backbone."): rate for part, rate in of.items() if part not in top}
        table.add_row(escape(phase.name), _end(phase), *cells, _stage_rates(stages) or "[dim]frozen[/]")
    return console.print(table)


def _stage_rates(stages: Mapping[str, float]) -> str:
    """Stages that learn, and their rates, as `4-8 at 2e-06 .. 0.0001`."""
    names, rates = list(stages), [f"{rate:.3g}" for rate in stages.values()]
    if not names:
        return ""
    whole = len(names) > 2 and int(names[-1]) - int(names[0]) == len(names) - 1
    numbers = f"{names[0]}-{names[-1]}" if whole else ", ".join(names)
    return f"{numbers} at {rates[0] if rates[0] == rates[-1] else f'{rates[0]} .. {rates[-1]}'}"


def _end(phase: Phase) -> str:
    if phase.patience is None:
        return f"until {phase.end}"
    return f"until {phase.patience} evaluations bring no gain"
