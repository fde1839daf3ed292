"""The style sheet: every text and mark stands out from what lies behind it, in both colour schemes."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from tl.report.charts import LINE_STYLES


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_meet_the_contrast_of_wcag_aa(scheme: int) -> None:
    css = files("tl.report").joinpath("page.css").read_text(encoding="utf-8")
    block = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)[scheme]
    colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for back in ("page", "card", "tint", "alarm-back"):
        for front in ("ink", "soft", "alarm"):
            assert _contrast(colour[front], colour[back]) >= 4.5, (front, back)
    for cell in ("heat", "miss", "none"):
        assert _contrast(colour["ink"], colour[cell]) >= 4.5, cell
    assert _contrast(colour["accent"], colour["page"]) >= 4.5
    for i in range(1, LINE_STYLES + 1):
        assert _contrast(colour[f"s{i}"], colour["card"]) >= 3, i
