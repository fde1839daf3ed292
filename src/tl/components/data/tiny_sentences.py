"""Made-up sentences to a cafe in three classes that need no download: for smoke tests and first tries."""

from __future__ import annotations

from random import Random
from typing import Annotated, Unpack, final

from tl.components.data.base import Common, DataSource
from tl.components.sample import Sample

CLASSES = ("order", "complaint", "praise")

_WORDS = {
    "dish": (
        "soup",
        "salad",
        "bread",
        "omelette",
        "pie",
        "stew",
        "sandwich",
        "curry",
        "cake",
        "porridge",
        "risotto",
        "pancake",
    ),
    "drink": ("coffee", "tea", "juice", "water", "cocoa", "lemonade", "milk", "cider"),
    "kind": ("small", "large", "plain", "spicy", "vegan", "warm", "fresh", "green", "sweet"),
    "number": ("one", "two", "three", "four", "five"),
    "who": ("waiter", "cook", "lady at the door", "young man", "new girl", "owner"),
    "good": ("lovely", "perfect", "delicious", "superb", "great", "wonderful"),
    "bad": ("cold", "stale", "burnt", "awful", "salty", "bland"),
    "when": ("today", "last night", "this morning", "on Sunday", "again", "at noon"),
}
_SENTENCES = {
    "order": (
        "could we have {number} {kind} {drink} and a {dish} please",
        "I would like the {kind} {dish} with a {drink}",
        "bring us {number} times the {good} {dish} from {when}",
        "another {drink} for the {who} and a {dish} for me",
        "a {dish} that is not {bad} this time, with {kind} {drink}",
        "please put the {kind} {dish} and {number} {drink} on my bill",
    ),
    "complaint": (
        "the {dish} was {bad} {when} and the {drink} too",
        "I asked the {who} for a {kind} {drink} but got {number} {dish} instead",
        "we waited for the {kind} {dish} and the {who} never came {when}",
        "the {drink} used to be {good} but {when} the {dish} was {bad}",
        "nothing about the {kind} {dish} was {good} {when}",
        "please tell the {who} that my {drink} is {bad}",
    ),
    "praise": (
        "the {dish} was {good} {when} and the {drink} too",
        "the {who} brought a {good} {kind} {drink} with the {dish}",
        "nothing about the {kind} {dish} was {bad} {when}",
        "we waited {when} but the {kind} {dish} was {good}",
        "please tell the {who} that my {drink} is {good}",
        "I would like to thank the {who} for the {kind} {dish}",
    ),
}
_ENDS = ("", "", "", " thanks", " as always", " for {number} of us", " and some {drink}", " they say", " really")


@final
class TinySentences(DataSource):
    """`n` different sentences, the classes in turn. Single words do not suffice to tell praise from complaint."""

    modality = "text"
    kind = "single"

    def __init__(
        self, *, n: Annotated[int, "6 to 3000"], seed: Annotated[int, "any"], **common: Unpack[Common]
    ) -> None:
        super().__init__(common)
        self.n, self.seed = n, seed

    def read(self) -> list[Sample]:
        rng = Random(self.seed)
        found: dict[str, str] = {}
        while len(found) < self.n:
            name = CLASSES[len(found) % len(CLASSES)]
            found.setdefault(_sentence(rng, name), name)
        where = f"tiny_sentences/{self.seed}"
        return [Sample(f"{i:05d}", text, name, f"{where}/{i:05d}") for i, (text, name) in enumerate(found.items())]


def _sentence(rng: Random, name: str) -> str:
    text = rng.choice(_SENTENCES[name]) + rng.choice(_ENDS)
    return text.format(**{slot: rng.choice(words) for slot, words in _WORDS.items()})
