"""Numbers and names as people write them. Text from data reaches the page only through `esc` or `clean`."""

from __future__ import annotations

import html
import math
import unicodedata

from tl.boundary.visible import visible

_SPLITS = {"train": "training", "val": "validation"}
DASH = "–"
LEVEL = "95\u00a0%\u00a0interval"


def clean(text: object) -> str:
    """The text with its control characters visible, and a replacement for lone surrogates, which UTF-8 cannot hold."""
    return visible(str(text)).encode("utf-8", "replace").decode("utf-8")


def esc(text: object) -> str:
    """The text as HTML, safe both between tags and inside a quoted attribute."""
    return html.escape(clean(text), quote=True)


def text_width(text: str) -> int:
    """The width of a text in columns of a fixed grid, where an East Asian wide character takes two columns."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shorten(text: object, width: int) -> str:
    """The text on one line, cut to `width` columns with an ellipsis."""
    line = " ".join(clean(str(text)[: 16 * width]).split())[: 4 * width]
    if text_width(line) <= width:
        return line
    while text_width(line) > width - 1:
        line = line[:-1]
    return line.rstrip() + "…"


def finite(value: object) -> float | None:
    """The value as a float; None unless it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def number(value: object, digits: int = 2) -> str:
    """A number with `digits` decimals, fewer from 10 on, and more where it would be rounded to 1."""
    x = finite(value)
    if x is None:
        return "n/a"
    size = abs(x)
    if size >= 1000:
        return count(round(x))
    if size >= 10:
        text = f"{x:.{max(0, 3 - len(str(int(size))))}f}"
    elif x and size < 0.5 * 10**-digits:
        text = scientific(x)
    else:
        text = f"{x:.{digits}f}"
        if abs(float(text)) == 1 and x != float(text) and digits < 4:
            return number(x, digits + 1)
    return text.replace("-", "−") if text[0] == "-" else text


def scientific(value: float) -> str:
    """Two significant digits and a short exponent: 0.00025 is 2.5e-4."""
    if not value:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def rate(value: float) -> str:
    """A learning rate."""
    return "n/a" if not math.isfinite(value) else scientific(value) if value < 0.1 else f"{value:g}"


def count(value: int) -> str:
    """An integer whose digits stand in groups of three, with thin spaces between: 12345 is 12 345."""
    return f"{value:,}".replace(",", "\u202f").replace("-", "−")


def brief_count(value: float) -> str:
    """An integer in at most four characters: 1234 is 1.2k."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            text = f"{value / limit:.1f}" if abs(value) < 10 * limit else f"{value / limit:.0f}"
            return text.removesuffix(".0") + unit
    return f"{value:.0f}"


def interval(low: float | None, high: float | None) -> str:
    """Both ends of an interval; nothing where one of them is missing."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{number(low)}{' to ' if low < 0 else DASH}{number(high)}"


def duration(seconds: float | None) -> str:
    """Seconds in the two largest units that matter: 3725 is 1 h 2 min."""
    if seconds is None or not math.isfinite(seconds):
        return "n/a"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"


def memory(size: int) -> str:
    """Bytes in binary units."""
    for limit, unit in ((2**30, "GiB"), (2**20, "MiB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size / 2**10:.0f} KiB"


def spaced(key: str) -> str:
    """A logged key as words: grad_norm is grad norm."""
    return clean(key).replace("_", " ")


def split_name(split: str) -> str:
    """The split as an adjective: val is validation."""
    return _SPLITS.get(split, clean(split))


def counted(amount: int, plural: str) -> str:
    """The amount and its noun: `1 picture`, `360 pictures`. The plural must be the singular with an s."""
    return f"{count(amount)} {plural.removesuffix('s') if amount == 1 else plural}"
