"""The sections on how the model is used, its data, the model itself, the machine, and how to repeat the run."""

from __future__ import annotations

from tl.report.blocks import (
    Bars,
    Block,
    Cell,
    Code,
    Commands,
    Entries,
    Folded,
    Group,
    Heading,
    Number,
    Row,
    Section,
    Steps,
    Table,
    Words,
)
from tl.report.facts import Facts, ModelCard, Usage
from tl.report.words import count, duration, memory, number, split_name


def usage(known: Usage) -> Section:
    """Commands for the shell, each with what it is for, and a program in Python."""
    lead = "The run's folder holds all that it takes: weights, label map and preprocessing. Copy it as a whole."
    blocks: list[Block] = [Words(lead, "lead"), Commands(known.commands), Heading("In Python"), Code(known.python)]
    return Section("usage", "Use", "How to use this model", blocks)


def data(facts: Facts) -> Section:
    card = facts.data
    if card is None:
        return Section("data", "Data", "Data", [Words("Nothing is known about the data.", "empty")])
    found = "not looked for" if card.duplicates is None else count(card.duplicates) if card.duplicates else "none"
    sizes = ", ".join(f"{count(n)} {split_name(split)}" for split, n in card.sizes.items())
    entries = [("source", card.source), (facts.samples, sizes), ("duplicates", found), *card.lines]
    counts = {split_name(split): of for split, of in card.counts.items()}
    bars = Bars("Samples per class and split", counts)
    return Section("data", "Data", "Data", [Entries([*entries, ("fingerprint", card.fingerprint)]), bars])


def model(facts: Facts) -> Section:
    card = facts.model
    if card is None:
        return Section("model", "Model", "Model", [Words("Nothing is known about the model.", "empty")])
    total = count(card.parameters) if card.parameters is not None else ""
    entries = [("backbone", card.backbone), ("weights", card.weights), *card.lines, ("parameters", total)]
    known = Group([Entries([*entries, ("fingerprint", card.fingerprint)])])
    beside = _learning_parameters(card)
    if card.preprocess:
        beside += [Heading("Preprocessing"), Steps(card.preprocess)]
    return Section("model", "Model", "Model", [Row([known, Group(beside)] if beside else [known])])


def _learning_parameters(card: ModelCard) -> list[Block]:
    """A table of the number of parameters that learn in each phase."""
    if not card.learned:
        return []
    rows: list[list[Cell]] = [
        [name, Number(n, count(n)), Number(n, _percent(n, card.parameters))] for name, n in card.learned.items()
    ]
    title = "Parameters that learn"
    return [Heading(title), Table(title, ["phase", "parameters", "share"], rows)]


def _percent(part: int, whole: int | None) -> str:
    return f"{number(100 * part / whole)}\u00a0%" if whole else "n/a"


def machine(facts: Facts) -> Section:
    known = facts.environment
    if known is None:
        return Section("machine", "Machine", "Machine", [Words("Nothing is known about the machine.", "empty")])
    entries = [
        ("device", known.device),
        ("wall time", duration(known.wall_s) if known.wall_s is not None else ""),
        ("peak memory", memory(known.peak_memory) if known.peak_memory else ""),
        ("git", known.git),
        ("seeds", ", ".join(f"{name} {seed}" for name, seed in known.seeds.items())),
        ("versions", ", ".join(f"{name} {version}" for name, version in known.versions.items())),
    ]
    return Section("machine", "Machine", "Machine", [Entries(entries)])


def repeat(facts: Facts) -> Section:
    """The command line and the resolved recipe."""
    blocks: list[Block] = [Code(facts.command)] if facts.command else []
    if facts.recipe:
        blocks.append(Folded("The resolved recipe", [Code(facts.recipe, wrapped=False)]))
    return Section("repeat", "Repeat", "How to repeat it", blocks or [Words("No command was recorded.", "empty")])
