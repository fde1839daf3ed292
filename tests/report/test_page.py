"""The page: safe whatever the data holds, self-contained, well-formed, and sensible when facts are missing."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from tl.report.facts import (
    BinFact,
    Calibration,
    ClassFact,
    Confusion,
    DataCard,
    Environment,
    Facts,
    MetricFact,
    Mistake,
    ModelCard,
    PhaseFact,
    Residual,
    Scatter,
    Verdict,
)
from tl.report.page import render
from tl.report.verdict import sentence

from .markup import Reader

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def png(side: int = 8) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 80).convert("RGB").save(out, "PNG")
    return out.getvalue()


METRICS = {
    "accuracy": MetricFact(label="accuracy", spoken="accuracy", higher=True),
    "map": MetricFact(label="mAP", spoken="mean average precision", higher=True),
    "mae": MetricFact(label="MAE", spoken="mean absolute error", higher=False),
}


def single(name: str = "cat", text: str | None = None) -> Facts:
    names = [name, "dog"]
    bins = [BinFact(low=0.5, high=1, count=4, confidence=0.8, accuracy=0.5)]
    rows: list[dict[str, object]] = [
        {"step": step, "split": "train", "phase": "head", "loss": 1 / step, name: 0.5, "lr/head": 1e-3}
        for step in range(1, 11)
    ]
    rows += [{"step": s, "split": "val", "phase": "head", "accuracy": s / 20, f"{name}2": 7.0} for s in (5, 10)]
    return Facts(
        title=name,
        kind="single",
        names=names,
        metrics=METRICS,
        samples="pictures",
        run=f"runs/{name}",
        created=name,
        verdict=Verdict(metric="accuracy", split="test", value=0.68, low=0.63, high=0.72, n=360, baseline=0.5),
        scores={"val": {"accuracy": (0.7, None, None)}, name: {name: (0.68, 0.63, 0.72)}},
        curves=rows,
        phases=[PhaseFact(name=name, first=1, last=10, epochs=1, rates={name: None, "head": 1e-3})],
        confusion=Confusion(names=names, counts={(0, 0): 3, (0, 1): 1, (1, 0): 1, (1, 1): 3}),
        calibration=Calibration(before=bins, ece_before=0.3, after=bins, ece_after=0.1, temperature=1.5),
        classes=[ClassFact(name=n, support=4, precision=0.75, recall=0.75, f1=math.nan) for n in names],
        mistakes=[Mistake(id=name, true=name, predicted="dog", confidence=0.9, text=text, thumbnail=png())],
        data=DataCard(
            source=name, sizes={"train": 10, name: 4}, counts={"train": {name: 5, "dog": 0}}, duplicates=2,
            fingerprint=name, lines=[(name, name)],
        ),
        model=ModelCard(
            backbone=name, weights=name, preprocess=[name], parameters=100, learned={name: 10}, fingerprint=name,
            lines=[(name, name)],
        ),
        environment=Environment(
            versions={name: name}, device=name, wall_s=61, peak_memory=2**30, git=name, seeds={name: 1}
        ),
        warnings=[name],
        command=name,
        recipe=name,
    )  # fmt: skip


def multi(name: str = "label") -> Facts:
    classes = [ClassFact(name=name, support=3, precision=0.5, recall=0.5, f1=0.5, ap=0.61)]
    mistakes = [Mistake(id=name, true=name, predicted="", text=name)]
    verdict = Verdict(metric="map", split="val", value=0.61, n=1)
    facts = single(name)
    return replace(facts, kind="multi", classes=classes, mistakes=mistakes, confusion=None, verdict=verdict)


def numeric(name: str = "price") -> Facts:
    return replace(
        single(name),
        kind="number",
        names=[name],
        samples="rows",
        verdict=Verdict(metric="mae", split="test", value=38.44, low=35.0, high=42.0, n=300, baseline=119.6),
        scatters=[Scatter(name=name, true=[1.0, 2.0], predicted=[1.5, 1.5])],
        residuals=[Residual(id=name, target=name, true=1.0, predicted=1.5)],
    )


EMPTY = Facts(title="empty", kind="single", names=())
VARIANTS = {
    "single": single(),
    "text": single(text="a text"),
    "multi": multi(),
    "number": numeric(),
    "empty": EMPTY,
    "empty multi": replace(EMPTY, kind="multi"),
    "empty number": replace(EMPTY, kind="number"),
    "evil single": single(EVIL, EVIL),
    "evil multi": multi(EVIL),
    "evil number": numeric(EVIL),
}


def read(facts: Facts) -> Reader:
    return Reader(render(facts))


@pytest.mark.parametrize("facts", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_is_well_formed(facts: Facts) -> None:
    html = render(facts)
    page = Reader(html)
    drawings = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    for svg in drawings:
        ElementTree.fromstring(svg)
    charts = [a for tag, a in page.tags if tag == "svg" and "chart" in (a.get("class") or "")]
    assert all(a["role"] == "img" and a["aria-label"] for a in charts)
    assert sum("id" in a and tag == "section" for tag, a in page.tags) >= 7
    names = [a["id"] for _, a in page.tags if "id" in a]
    assert len(names) == len(set(names))
    assert {a["href"] for tag, a in page.tags if tag == "a"} <= {f"#{name}" for name in names}


@pytest.mark.parametrize("facts", VARIANTS.values(), ids=VARIANTS)
def test_no_request_leaves_the_page(facts: Facts) -> None:
    html = render(facts)
    assert not re.findall(r"https?:|@import|url\((?!#)", html)
    for tag, attributes in Reader(html).tags:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert "srcset" not in attributes
        if "src" in attributes:
            assert (attributes["src"] or "").startswith("data:image/")


@pytest.mark.parametrize("facts", [single(EVIL, EVIL), multi(EVIL), numeric(EVIL)], ids=["single", "multi", "number"])
def test_foreign_text_is_escaped_everywhere(facts: Facts) -> None:
    html = render(facts)
    page = Reader(html)
    assert html.count("<script>") == html.count("</script>") == 1
    assert not [a for _, a in page.tags if any(name.startswith("on") for name in a)]
    assert len([tag for tag, _ in page.tags if tag == "img"]) == (facts.kind == "single")
    assert EVIL in page.text


@pytest.mark.parametrize("change", ["\x00nul\x1b", "lone \ud800 surrogate", "x" * 4000, "", "\u202etrick", "日本" * 40])
def test_odd_text_survives(change: str) -> None:
    html = render(single(change, change))
    Reader(html)
    for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        ElementTree.fromstring(svg)
    assert b"\x00" not in html.encode("utf-8")


def test_the_policy_allows_exactly_the_script_of_the_page() -> None:
    html = render(single())
    script = html.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html


def test_the_verdict_of_each_kind() -> None:
    wide = replace(single(), names=[str(i) for i in range(9)])
    gap = "\u00a0"
    assert sentence(wide) == (
        f"Tells 9 groups apart with accuracy 0.68 (95{gap}%{gap}interval 0.63–0.72) on 360 test pictures."
    )
    assert sentence(replace(multi(), names=["a", "b"])) == (
        "Finds which of 2 labels apply with mean average precision 0.61 on 1 validation picture."
    )
    assert sentence(numeric()) == (
        f"Predicts price with mean absolute error 38.4 (95{gap}%{gap}interval 35.0–42.0) on 300 test rows."
    )
    assert sentence(replace(numeric(), names=["a", "b"])).startswith("Predicts 2 numbers with ")


@pytest.mark.parametrize(
    ("metric", "low", "high", "baseline", "expected"),
    [
        ("accuracy", 0.6, 0.7, 0.65, " Guessing scores 0.65: no clear difference."),
        ("accuracy", 0.6, 0.7, 0.8, " Guessing does better: 0.80."),
        ("accuracy", 0.6, 0.7, 0.5, "."),
        ("mae", 0.6, 0.7, 0.5, " Guessing does better: 0.50."),
        ("mae", None, None, 0.8, "."),
        ("accuracy", 0.6, 0.7, None, "."),
    ],
)
def test_the_verdict_admits_that_guessing_does_as_well(
    metric: str, low: float | None, high: float | None, baseline: float | None, expected: str
) -> None:
    verdict = Verdict(metric=metric, split="test", value=0.65, low=low, high=high, n=9, baseline=baseline)
    words = sentence(replace(single(), verdict=verdict))
    assert words.endswith(f"9 test pictures.{expected}" if expected != "." else "9 test pictures.")


def test_the_verdict_of_runs_without_one() -> None:
    judged = single()
    assert judged.verdict is not None
    assert sentence(EMPTY) == "Nothing was measured: this run has no test or validation split."
    assert sentence(replace(judged, verdict=replace(judged.verdict, value=math.nan))) == (
        "The accuracy could not be computed on 360 test pictures."
    )
    assert sentence(replace(judged, verdict=replace(judged.verdict, n=0))) == (
        "Nothing was measured: the test split holds no pictures."
    )
    assert sentence(replace(judged, names=["cat"])).startswith("All pictures belong to one group")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"curves": ()}, "no learning curve"),
        ({"phases": ()}, "No part learned"),
        ({"phases": [PhaseFact(name="a", first=1, last=0, epochs=0, rates={"head": 1.0})]}, "No part learned"),
        ({"scores": {}}, "No split was scored"),
        ({"scores": {"test": {"accuracy": (math.nan, None, None)}}}, "n/a"),
        ({"confusion": None}, "no confusion matrix"),
        ({"confusion": Confusion(names=["a"], counts={(0, 0): 3})}, "only one class, a"),
        ({"confusion": Confusion(names=["a", "b"], counts={})}, "no sample was judged"),
        ({"confusion": Confusion(names=["a", "b"], counts={(0, 0): 3, (1, 1): 3})}, "No class was taken for another"),
        ({"calibration": None}, "confidence was not checked"),
        ({"mistakes": ()}, "Not one mistake"),
        ({"data": None}, "Nothing is known about the data"),
        ({"model": None}, "Nothing is known about the model"),
        ({"environment": None}, "Nothing is known about the machine"),
        ({"command": "", "recipe": ""}, "No command was recorded"),
        ({"kind": "multi", "classes": (), "mistakes": None}, "No label was judged"),
        ({"kind": "number", "scatters": ()}, "nothing to compare"),
        ({"kind": "number", "scatters": [Scatter(name="a", true=[math.nan], predicted=[1.0])]}, "nothing to compare"),
    ],
)
def test_missing_facts_become_sentences(change: dict[str, Any], expected: str) -> None:
    assert expected in read(replace(single(), **change)).text


def test_the_first_screen_holds_verdict_numbers_and_curve() -> None:
    head = render(single()).split("<nav")[0]
    for part in ("Tells 2 groups apart", "95\u00a0%\u00a0interval 0.63–0.72", "guessing scores 0.50", "1 min 1 s"):
        assert part in head
    assert head.count('<svg class="chart"') == 2


def test_no_warnings_no_box() -> None:
    assert "warnings" in render(single()).split("<body>")[1]
    assert "<aside" not in render(replace(single(), warnings=()))


@pytest.mark.parametrize("size", [2, 30, 31, 100])
def test_any_number_of_classes_stays_readable(size: int) -> None:
    names = [f"class {i}" for i in range(size)]
    counts = {(i, i): 10 for i in range(size)} | {(i, i - 1): i for i in range(1, size)}
    card = DataCard(source="x", sizes={"train": 9}, counts={"train": {name: i for i, name in enumerate(names)}})
    page = read(replace(single(), names=names, confusion=Confusion(names=names, counts=counts), data=card))
    assert ("Shown are the 30 of" in page.text) == (size > 30)
    assert ("15 commonest and the 15 rarest" in page.text) == (size > 30)
    cells = [a for tag, a in page.tags if tag == "rect" and (a.get("class") or "") in ("heat", "miss", "none")]
    assert len(cells) >= min(size, 30) ** 2


def test_mistakes_come_surest_first_and_are_few() -> None:
    many = [Mistake(id=f"id{i}", true="a", predicted="b", confidence=i / 100, text="t") for i in range(60)]
    text = read(replace(single(), mistakes=many)).text
    assert text.index("id59") < text.index("id58") < text.index("id36")
    assert "id35" not in text


def test_largest_errors_come_first() -> None:
    far = [Residual(id=f"row{i}", target="price", true=0.0, predicted=float(p)) for i, p in enumerate((1, -9, 4))]
    text = read(replace(numeric(), residuals=far)).text
    assert text.index("row1") < text.index("row2") < text.index("row0")
    with_text = [replace(one, text="a house") for one in far]
    assert read(replace(numeric(), residuals=with_text)).text.count("a house") == 3


def test_a_mistake_without_a_picture_says_so() -> None:
    broken = [Mistake(id="a", true="b", predicted="c", thumbnail=b"GIF89a")]
    assert "no picture" in read(replace(single(), mistakes=broken)).text
