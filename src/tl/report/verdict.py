"""The result of a run: one sentence, the key numbers, and the section with every score."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from markupsafe import Markup

from tl.report.blocks import Cell, IntervalCell, Section, Table, Words
from tl.report.charts import interval_bar
from tl.report.facts import Facts, Verdict
from tl.report.svg import round_range
from tl.report.words import (
    LEVEL,
    clean,
    count,
    counted,
    duration,
    finite,
    interval,
    memory,
    number,
    shorten,
    split_name,
)

_WIDEST = 40
_MOST_NAMED = 3


def sentence(facts: Facts) -> str:
    """The verdict as an English sentence. The sentence is text, not HTML."""
    verdict = facts.verdict
    if verdict is None:
        return "Nothing was measured: this run has no test or validation split."
    where = judged_samples(verdict, facts.samples)
    if verdict.n == 0:
        return f"Nothing was measured: the {split_name(verdict.split)} split holds no {clean(facts.samples)}."
    name = facts.metric(verdict.metric).spoken
    if finite(verdict.value) is None:
        why = f"is {clean(verdict.missing)}" if verdict.missing else "could not be computed"
        undefined = f"The {name} on {where} {why}."
        return undefined + _compared_to_guessing(facts, verdict) + _never(verdict) + _caution(verdict)
    ends = interval(verdict.low, verdict.high)
    score = f"{name} {number(verdict.value)}{f' ({LEVEL} {ends})' if ends else ''} on {where}"
    if not facts.skill:
        return f"All {clean(facts.samples)} belong to one class, so there was nothing to tell apart: {score}."
    better = verdict.versus is not None and verdict.versus.says == "better"
    verb, space, rest = clean(facts.skill).partition(" ")
    does = f"{verb.capitalize()}s{space}{rest}"
    lead = f"{does} with {score}." if better else f"Not shown to {clean(facts.skill)}: {score}."
    return (
        lead
        + _before_training(facts, verdict)
        + _compared_to_guessing(facts, verdict)
        + _never(verdict)
        + _caution(verdict)
    )


def zero_shot(facts: Facts, verdict: Verdict) -> str:
    """The main metric before training, with its interval; '' where the model could not answer then."""
    value, low, high = facts.zero_shot.get(verdict.split, {}).get(verdict.metric, (None, None, None))
    ends = interval(low, high)
    return "" if finite(value) is None else f"{number(value)}{f' ({ends})' if ends else ''}"


def _before_training(facts: Facts, verdict: Verdict) -> str:
    before = zero_shot(facts, verdict)
    return f" Before training (zero-shot) it was {before}." if before else ""


def _compared_to_guessing(facts: Facts, verdict: Verdict) -> str:
    """A sentence where guessing does as well or better, or where the main metric cannot be compared; else nothing."""
    versus = verdict.versus
    if versus is None:
        return ""
    guess, another = number(versus.guess), versus.metric != verdict.metric
    told = f" Its {facts.metric(versus.metric).spoken} is {number(versus.value)}; guessing" if another else " Guessing"
    match versus.says:
        case "better":
            return f"{told} scores {guess}." if another else ""
        case "worse":
            return f"{told} does better: {guess}."
        case "same":
            return f"{told} scores {guess}: no clear difference."
    why = f" ({clean(versus.missing)})" if versus.missing else ""
    return f"{told} scores {guess}: too little to tell the difference{why}."


def _never(verdict: Verdict) -> str:
    """A sentence on classes that are never answered although they occur."""
    if not verdict.never:
        return ""
    named = [f"{shorten(name, _WIDEST)} (0 of {count(amount)})" for name, amount in verdict.never[:_MOST_NAMED]]
    if rest := len(verdict.never) - len(named):
        named.append(f"{count(rest)} more")
    listed = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
    return f" Never answers {listed}."


def _caution(verdict: Verdict) -> str:
    return f" Mind that {verdict.caution}: only a test split tells." if verdict.caution else ""


def judged_samples(verdict: Verdict, samples: str) -> str:
    """How many samples of which split the verdict is about, such as `360 test pictures`."""
    return counted(verdict.n, f"{split_name(verdict.split)} {clean(samples)}")


@dataclass(frozen=True)
class Tile:
    """One key number with its label; the main one is larger."""

    label: str
    value: str
    note: str = ""
    svg: Markup = field(default_factory=Markup)
    main: bool = False


def tiles(facts: Facts) -> list[Tile]:
    """The numbers that a reader looks for first, without those that are not known."""
    shown = [_main_tile(facts.verdict, facts)] if facts.verdict else []
    sizes = facts.data.sizes if facts.data else {}
    if "train" in sizes:
        rest = [f"{count(n)} {split_name(split)}" for split, n in sizes.items() if split != "train"]
        note = f"judged on {', '.join(rest)}" if rest else ""
        shown.append(Tile(f"learned from {clean(facts.samples)}", count(sizes["train"]), note))
    if facts.model and facts.model.parameters:
        learned = max(facts.model.learned.values(), default=0) if facts.model.kept is None else facts.model.kept
        share = f"of {count(facts.model.parameters)} ({number(100 * learned / facts.model.parameters)} %)"
        shown.append(Tile("parameters learned", count(learned), share))
    environment = facts.environment
    if environment and environment.wall_s is not None:
        peak = f", {memory(environment.peak_memory)} peak memory" if environment.peak_memory else ""
        shown.append(Tile("wall time", duration(environment.wall_s), f"{environment.device}{peak}".removeprefix(", ")))
    return shown


def _main_tile(verdict: Verdict, facts: Facts) -> Tile:
    ends = interval(verdict.low, verdict.high)
    guess = finite(verdict.baseline)
    scale = [x for x in (verdict.value, verdict.low, verdict.high, guess) if x is not None]
    bounded = facts.metric(verdict.metric).higher and all(0 <= x <= 1 for x in scale)
    compared = guess is not None and all(0 <= x < math.inf for x in scale) and any(scale)
    top = 1.0 if bounded else round_range(0.0, max(scale))[1] if compared else None
    graph = "" if top is None else interval_bar(verdict.value, verdict.low, verdict.high, guess, top)
    missing = verdict.missing if finite(verdict.value) is None else f"no interval: {verdict.missing}"
    known = f"{LEVEL} {ends}" if ends else missing if verdict.missing else ""
    notes = [known, f"guessing scores {number(guess)}" if guess is not None else "", _gain(verdict)]
    before = zero_shot(facts, verdict)
    notes.append(f"zero-shot {before}" if before else "")
    note = "; ".join(one for one in notes if one)
    name = f"{facts.metric(verdict.metric).label} on {judged_samples(verdict, facts.samples)}"
    return Tile(name, number(verdict.value), note, Markup(graph), main=True)


def _gain(verdict: Verdict) -> str:
    """The interval of the difference from guessing, where it is one of the main metric."""
    versus = verdict.versus
    ends = interval(versus.low, versus.high) if versus is not None and versus.metric == verdict.metric else ""
    return f"difference {ends}" if ends else ""


def scores(facts: Facts) -> Section:
    """The section with every metric on every split."""
    keys = list(dict.fromkeys(key for scores in facts.scores.values() for key in scores))
    rows: list[list[Cell]] = []
    for key in keys:
        arrow = "" if facts.metric(key).higher else " ↓"
        found = [scores.get(key, (None, None, None)) for scores in facts.scores.values()]
        found += [facts.zero_shot[s].get(key, (None, None, None)) for s in facts.scores if s in facts.zero_shot]
        rows.append([f"{facts.metric(key).label}{arrow}", *(IntervalCell(*one) for one in found)])
    if not rows:
        return Section("scores", "Scores", "Scores", [Words("No split was scored.", "empty")])
    note = f"Small print: the {LEVEL}."
    if not all(facts.metric(key).higher for key in keys):
        note += " ↓: lower is better."
    untrained = [f"{split_name(split)}, zero-shot" for split in facts.scores if split in facts.zero_shot]
    table = Table("Scores by split", ["metric", *map(split_name, facts.scores), *untrained], rows)
    return Section("scores", "Scores", "Scores", [table, *(Words(one, "note") for one in (note, *facts.reasons))])
