"""Labels that hardly are classes: ids, numbers, lists of labels, words for a missing value, misspellings."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tl.components.data.base import Data
from tl.components.data.labels import class_counts
from tl.errors import Mistake

_SEEN_ONCE = 0.5  # labels are taken for ids where more than this share of samples has a class of its own
_MANY = 20  # so many different whole numbers as classes look like numbers to predict
_RARER = 20  # a misspelling is so many times rarer than the word it stands for
_MEAN_MISSING = {"na", "n/a", "n.a.", "#n/a", "<na>", "nan", "null", "?", "??", "-", "--", "missing"}
_SEPARATORS = (",", ";", "|")
_SHOWN = 3


def label_doubts(data: Data) -> Iterator[Mistake]:
    """Doubts about the class names of data, by all its samples with known targets."""
    counts = sum((class_counts(samples) for samples in data.splits.values()), Counter[str]())
    yield from _missing_words(counts)
    if data.task.one_class and (doubt := _ids(counts) or _numbers(counts) or _lists(counts)):
        yield doubt
        return
    yield from _similar_names(counts)
    yield from _misspellings(counts)


def _missing_words(counts: Mapping[str, int]) -> Iterator[Mistake]:
    found = [name for name in counts if name.casefold() in _MEAN_MISSING]
    if found:
        listed = " and ".join(f"'{name}' ({counts[name]})" for name in found)
        words = ", ".join(f'"{name}"' for name in found)
        text = (
            f"The class {listed} looks like a missing label: set data.missing=[{words}] where it is one, and "
            "data.on_error=skip to leave its samples out."
        )
        yield Mistake(text, code="E160", key="data.missing")


def _ids(counts: Mapping[str, int]) -> Mistake | None:
    total, once = sum(counts.values()), [name for name, n in counts.items() if n == 1]
    if total < _MANY or len(once) <= _SEEN_ONCE * total:
        return None
    text = (
        f"{len(once)} of {total} samples have a class of their own, such as '{once[0]}': the labels look like ids or "
        "free text. Name the column of the classes (data.label)"
    )
    near = ", or data.numbers for numbers to predict." if all(_as_number(name) is not None for name in once) else "."
    return Mistake(text + near, code="E161", key="data.label")


def _numbers(counts: Mapping[str, int]) -> Mistake | None:
    values = [_as_number(name) for name in counts]
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return None
    broken = any(not value.is_integer() for value in known)
    if not broken and not (len(known) > _MANY and sum(counts.values()) < 10 * len(known)):
        return None
    shown = ", ".join(list(counts)[:_SHOWN])
    text = (
        f"All {len(counts)} classes are numbers, such as {shown}: to predict numbers, name their column in "
        "data.numbers instead of data.label."
    )
    return Mistake(text, code="E162", key="data.numbers")


def _as_number(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None


def _lists(counts: Mapping[str, int]) -> Mistake | None:
    """Class names that are lists of a few tags: most tags stand in more than one name."""
    for separator in _SEPARATORS:
        joint = [name for name in counts if separator in name.strip(separator)]
        tags = Counter(tag.strip() for name in counts for tag in set(name.split(separator)))
        repeated = sum(n for n in tags.values() if n > 1)
        if len(joint) > 1 and "" not in tags and repeated >= _SEEN_ONCE * tags.total():
            text = (
                f"{len(joint)} of {len(counts)} classes look like lists of labels, such as '{joint[0]}': name the "
                f"column in data.labels instead of data.label, with data.separator='{separator}'."
            )
            return Mistake(text, code="E163", key="data.labels")
    return None


def _similar_names(names: Iterable[str]) -> Iterator[Mistake]:
    """Doubts about classes whose names look alike: by case, spacing or Unicode form, or as numbers."""
    same: dict[object, list[str]] = defaultdict(list)
    for name in names:
        same[_look(name)].append(name)
    for alike in same.values():
        if len(alike) > 1:
            text = f"The classes {' and '.join(map(repr, alike))} may be one: merge them."
            yield Mistake(text, code="E164", key="data.label")


def _look(name: str) -> object:
    """What two names have in common that a reader takes for one: 3.0 and 3, 'Dog food' and dog_food."""
    if (number := _as_number(name)) is not None:
        return number
    return "".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").replace("-", " ").split())


def _misspellings(counts: Mapping[str, int]) -> Iterator[Mistake]:
    """Doubts about rare classes whose name is one typing error away from that of a frequent class."""
    frequent: dict[str, list[str]] = defaultdict(list)
    for name in [name for name, n in counts.items() if n >= _RARER]:
        for form in _shortened(name):
            frequent[form].append(name)
    pairs = {}
    most = max(counts.values(), default=0)
    for rare in [name for name, n in counts.items() if n * _RARER <= most]:
        near = {name for form in _shortened(rare) for name in frequent[form]}
        likely = [name for name in near if counts[name] >= _RARER * counts[rare] and _one_slip(rare, name)]
        if likely:
            pairs[rare] = max(likely, key=lambda name: (counts[name], name))
    if pairs:
        listed = _some([f"'{rare}' ({counts[rare]}) for '{name}' ({counts[name]})" for rare, name in pairs.items()])
        plural = "classes look like misspellings" if len(pairs) > 1 else "class looks like a misspelling"
        text = f"{len(pairs)} {plural}: {listed}; correct the label where it is one."
        yield Mistake(text, code="E165", key="data.label")


def _shortened(name: str) -> set[str]:
    """The name, and the name without each one of its letters: names one slip apart share one of these forms."""
    return {name, *(name[:i] + name[i + 1 :] for i in range(len(name)))}


def _one_slip(one: str, two: str) -> bool:
    """Whether two words of at least four letters differ by one letter, or by two neighbours that trade places.

    Words that differ in a digit are different names: 'class 1' and 'class 2'.
    """
    if min(len(one), len(two)) < 4 or one == two:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    a, b = one[start:], two[start:]
    if any(letter.isdigit() for letter in a[:1] + b[:1]):
        return False
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])


def _some(listed: Sequence[str]) -> str:
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
