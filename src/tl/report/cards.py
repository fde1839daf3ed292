"""The sections on the model's confidence, its data, the model itself, the machine, and how to repeat the run."""

from __future__ import annotations

from collections.abc import Mapping

from tl.report.blocks import (
    details,
    figure,
    name_value_list,
    number_cell,
    paragraph,
    section,
    side_by_side,
    subheading,
    table,
    text_cell,
)
from tl.report.charts import bars, reliability
from tl.report.facts import Calibration, DataCard, Facts, ModelCard
from tl.report.words import count, duration, esc, memory, number, split_name

MOST_BARS = 30
_ANSWERS = "On the dotted diagonal, answers of confidence 0.8 are right 8 times in 10; a point below is too sure."
_LABELS = "On the dotted diagonal, labels of probability 0.8 apply 8 times in 10; a point below is too sure."


def confidence(facts: Facts) -> str:
    """Reliability as trained and after temperature scaling (Guo et al. 2017); nothing where the outputs are numbers."""
    if facts.kind == "number":
        return ""
    known = facts.calibration
    if known is None or not any(b.count for b in known.before):
        words = "Its confidence was not checked."
        return section("confidence", "Can its confidence be trusted?", paragraph(words, "empty"))
    lead = _LABELS if facts.kind == "multi" else _ANSWERS
    first = f"As trained, ECE {number(known.ece_before, 3)}"
    charts = [figure(first, reliability(known.before, title=f"Reliability. {first}"))]
    if known.after:
        heat = f" {number(known.temperature)}" if known.temperature is not None else ""
        second = f"After temperature{heat}, ECE {number(known.ece_after, 3)}"
        charts.append(figure(second, reliability(known.after, title=f"Reliability. {second}")))
    note = "Faint bars and the size of a point show how many samples share a confidence. "
    note += "ECE, the expected calibration error, is the mean distance from the diagonal: 0 is best."
    html = (paragraph(lead + _temperature_sentence(known), "lead"), side_by_side(*charts))
    return section("confidence", "Can its confidence be trusted?", *html, paragraph(note, "note"))


def _temperature_sentence(known: Calibration) -> str:
    """A sentence on temperature scaling; empty where there was no split to fit a temperature on."""
    temperature = known.temperature
    if temperature is None:
        return f" {known.unfitted}" if known.unfitted else ""
    if 0.95 <= temperature <= 1.05:
        return " On the validation split its confidence needed no mending."
    sure, way = ("too sure", "lowers") if temperature > 1 else ("not sure enough", "raises")
    return f" On the validation split it was {sure}: a temperature of {number(temperature)} {way} its confidence."


def data(facts: Facts) -> str:
    card = facts.data
    if card is None:
        return section("data", "Data", paragraph("Nothing is known about the data.", "empty"))
    found = "not looked for" if card.duplicates is None else count(card.duplicates) if card.duplicates else "none"
    sizes = ", ".join(f"{count(n)} {split_name(split)}" for split, n in card.sizes.items())
    entries = [("source", card.source), (facts.samples, sizes), ("duplicates", found), *card.lines]
    return section("data", "Data", name_value_list([*entries, ("fingerprint", card.fingerprint)]), class_bars(card))


def class_bars(card: DataCard) -> str:
    """Class counts for each split; of more than `MOST_BARS` classes, the commonest and rarest of the first split."""
    counts = {split: of for split, of in card.counts.items() if of}
    names = list(dict.fromkeys(name for of in counts.values() for name in of))
    if not names:
        return ""
    first = next(iter(counts.values()))
    note, shown = "", names
    if len(names) > MOST_BARS:
        ordered = sorted(names, key=lambda name: -first.get(name, 0))
        shown = [*ordered[: MOST_BARS // 2], *ordered[-(MOST_BARS // 2) :]]
        note = f"Shown are the {MOST_BARS // 2} commonest and the {MOST_BARS // 2} rarest of {len(names)}."
    title = "Samples per class and split"
    html = bars(shown, _with_split_names(counts), title=title)
    return figure(title, html, note=note, scroll=True)


def _with_split_names(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    return {split_name(split): of for split, of in counts.items()}


def model(facts: Facts) -> str:
    card = facts.model
    if card is None:
        return section("model", "Model", paragraph("Nothing is known about the model.", "empty"))
    total = count(card.parameters) if card.parameters is not None else ""
    entries = [("backbone", card.backbone), ("weights", card.weights), *card.lines, ("parameters", total)]
    steps = "".join(f"<li>{esc(one)}</li>" for one in card.preprocess)
    listed = f'{subheading("Preprocessing")}<ol class="steps">{steps}</ol>' if steps else ""
    beside = _learning_parameters(card) + listed
    known = f"<div>{name_value_list([*entries, ('fingerprint', card.fingerprint)])}</div>"
    return section("model", "Model", side_by_side(known, beside and f"<div>{beside}</div>"))


def _learning_parameters(card: ModelCard) -> str:
    """A table of the number of parameters that learn in each phase."""
    if not card.learned:
        return ""
    rows = [
        [text_cell(name), number_cell(n, count(n)), number_cell(n, _percent(n, card.parameters))]
        for name, n in card.learned.items()
    ]
    title = "Parameters that learn"
    return subheading(title) + table(title, ["phase", "parameters", "share"], rows)


def _percent(part: int, whole: int | None) -> str:
    return f"{number(100 * part / whole)}\u00a0%" if whole else "n/a"


def machine(facts: Facts) -> str:
    known = facts.environment
    if known is None:
        return section("machine", "Machine", paragraph("Nothing is known about the machine.", "empty"))
    entries = [
        ("device", known.device),
        ("wall time", duration(known.wall_s) if known.wall_s is not None else ""),
        ("peak memory", memory(known.peak_memory) if known.peak_memory else ""),
        ("git", known.git),
        ("seeds", ", ".join(f"{name} {seed}" for name, seed in known.seeds.items())),
        ("versions", ", ".join(f"{name} {version}" for name, version in known.versions.items())),
    ]
    return section("machine", "Machine", name_value_list(entries))


def repeat(facts: Facts) -> str:
    """The command line and the resolved recipe."""
    parts = []
    if facts.command:
        parts.append(f'<pre class="command"><code>{esc(facts.command)}</code></pre>')
    if facts.recipe:
        parts.append(details("The resolved recipe", f"<pre><code>{esc(facts.recipe)}</code></pre>"))
    return section("repeat", "How to repeat it", *(parts or [paragraph("No command was recorded.", "empty")]))
