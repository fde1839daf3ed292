"""What `tl explain` tells of words that are no keys: concepts.toml's, the metrics, and words of other tools."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tl.commands.chosen_task import all_metrics, task_classes
from tl.recipe.peers import Peer

_FILE = Path(__file__).with_name("concepts.toml")


@dataclass(frozen=True)
class WordHelp:
    """A word with what it means, and the keys or commands that have to do with it."""

    name: str
    text: str
    see: tuple[str, ...]


@cache
def _concepts() -> dict[str, WordHelp]:
    found = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: WordHelp(name, entry["text"], tuple(entry["see"])) for name, entry in found.items()}


def all_words() -> tuple[str, ...]:
    """The concepts and metrics that can be explained."""
    return (*_concepts(), *all_metrics())


def words_for(name: str) -> list[WordHelp]:
    """The concept and the metric of a name; [] for none."""
    plain = name.lower().replace(" ", "_").replace("-", "_")
    concept = _concepts().get(plain) or _concepts().get(plain.removesuffix("s"))
    return [*([concept] if concept else []), *([_metric(plain)] if plain in all_metrics() else [])]


def of_other_tools(word: str, known: Peer) -> WordHelp:
    """What `tl` has for a word of another tool."""
    said = f"Other tools say {word}; in tl it is {known.key}" if known.key else f"{word} is no key of tl: {known.hint}"
    more = f": {known.hint}" if known.key and known.hint else ""
    return WordHelp(word, f"{said}{more}.", (known.key,) if known.key else ())


def _metric(name: str) -> WordHelp:
    metric = all_metrics()[name]
    kinds = ", ".join(task.word for task in task_classes() if name in task.measures.metrics)
    better = "higher" if metric.higher else "lower"
    text = f"A metric ({metric.spoken}) of answers that are {kinds}; {better} is better."
    return WordHelp(name, f"{text} It is not defined where {metric.undefined}.", ("loop.best", "tl evaluate --fail-if"))
