"""Numbers and names as a reader sees them."""

from __future__ import annotations

import math

import pytest

from tl.report.words import (
    brief_count,
    count,
    duration,
    finite,
    interval,
    memory,
    number,
    rate,
    shorten,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.684, "0.68"), (0.9987, "0.999"), (0.9999, "0.9999"), (1.0, "1.00"), (38.44, "38.4"), (384.4, "384"),
        (12345.6, "12\u202f346"), (-0.5, "−0.50"), (0.0004, "4e-4"), (0, "0.00"), (math.nan, "n/a"), (None, "n/a"),
    ],
)  # fmt: skip
def test_numbers(value: object, expected: str) -> None:
    assert number(value) == expected


def test_other_words() -> None:
    assert [rate(v) for v in (1e-3, 2.5e-4, 0.1, 1.0)] == ["1e-3", "2.5e-4", "0.1", "1"]
    assert [brief_count(v) for v in (0, 999, 1234, 45678, 2.5e6)] == ["0", "999", "1.2k", "46k", "2.5M"]
    assert count(1234567) == "1\u202f234\u202f567"
    assert [duration(s) for s in (1.24, 42, 412, 3725)] == ["1.2 s", "42 s", "6 min 52 s", "1 h 2 min"]
    assert [memory(n) for n in (512, 5 * 2**20, 3 * 2**29)] == ["0 KiB", "5.0 MiB", "1.5 GiB"]
    assert interval(0.63, 0.72) == "0.63–0.72"
    assert interval(-0.1, 0.2) == "−0.10 to 0.20"
    assert interval(None, 0.2) == interval(math.nan, 0.2) == ""
    assert [shorten(t, 6) for t in ("short", "much longer", "日本語の文字")] == ["short", "much…", "日本…"]
    assert shorten("word " * 10**6, 6) == "word…"
    assert finite(True) is finite(math.inf) is finite("1") is None
