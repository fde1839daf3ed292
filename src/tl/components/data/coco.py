"""Pictures with the boxes of all of them in one JSON file, as in COCO (Lin et al. 2014)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Unpack, final

from tl.boundary.foreign import reading
from tl.components.data.base import Common, DataSource
from tl.components.data.boxes import Box, BoxDoubts, Marked, boxes_within
from tl.components.picture import upright_size
from tl.components.sample import Sample
from tl.errors import TLError, did_you_mean
from tl.recipe.yamlfile import short_path

_MOST_BYTES = 1024**3
_SHOWN = 60


@final
class Coco(DataSource):
    """`file` has the boxes of all pictures, or `files` a file for each split; `images` is the pictures' folder.

    Without `images`, pictures lie beside their file. Of a listed picture without a box in `annotations`, it is
    known that it is empty. A box of a crowd (`iscrowd`) is not judged. Masks and key points in the file are not read.
    """

    modality = "image"
    kind = "boxes"

    def __init__(
        self, *, images: Path | None, file: Path | None, files: Mapping[str, Path] | None, **common: Unpack[Common]
    ) -> None:
        super().__init__(common)
        if (file is None) == (not files):
            raise TLError("data.file: give either this, or data.files with one for each split, as in {train: a.json}.")
        self.images, self.files = images, {**(files or {})} if file is None else {"": file}
        self._doubts = BoxDoubts()

    def read(self) -> list[Sample]:
        self._doubts = BoxDoubts()
        found = [sample for split, file in self.files.items() for sample in self._samples(split, file)]
        if not found:
            raise TLError(f"{', '.join(map(short_path, self.files.values()))}: lists no picture in 'images'.")
        self.notes.extend(self._doubts.notes())
        return found

    def _samples(self, split: str, file: Path) -> Iterator[Sample]:
        content, name = _read(f"data.files.{split}" if split else "data.file", file), short_path(file)
        pictures, boxes, kinds = (_rows(name, content, key) for key in ("images", "annotations", "categories"))
        classes = _by_id(name, "categories", kinds)
        own: dict[int, list[int]] = defaultdict(list)
        known = _by_id(name, "images", pictures)
        for index, row in enumerate(boxes):
            number = _whole(f"{name}: annotations[{index}]", row, "image_id")
            if number not in known:
                raise TLError(f"{name}: annotations[{index}]: no entry of 'images' has the id {number}: mend it.")
            own[number].append(index)
        seen: dict[str, int] = {}
        for index, row in enumerate(pictures):
            place = f"{name}: images[{index}]"
            shown = _text(place, row, "file_name")
            if shown in seen:
                raise TLError(f"{place}: '{shown}' is also images[{seen[shown]}]: keep one of them, with all boxes.")
            seen[shown] = index
            indices = own[_whole(place, row, "id")]
            make = partial(self._sample, file, split, place, row, [(i, boxes[i]) for i in indices], classes)
            yield from self.sample_or_skip(make, partial(_names_of, [boxes[i] for i in indices], classes))

    def _sample(
        self,
        file: Path,
        split: str,
        place: str,
        row: Mapping[str, Any],
        boxes: Sequence[tuple[int, Mapping[str, Any]]],
        classes: Mapping[int, Mapping[str, Any]],
    ) -> Sample:
        inside = PurePosixPath(row["file_name"])
        if inside.is_absolute() or ".." in inside.parts or "\0" in str(inside):
            raise TLError(f"{place}: '{inside}' leads out of the folder of pictures: give a path within it.")
        path = (file.parent if self.images is None else self.images) / inside
        with reading(place, "its picture cannot be looked for", "mend its file_name"):
            there = path.is_file()
        if not there:
            raise TLError(f"{place}: there is no picture {short_path(path)}: add it, or set data.images.")
        target = None
        if self.purpose != "prediction":
            size = upright_size(path)
            said = (row.get("width", size[0]), row.get("height", size[1]))
            if said != size:
                raise TLError(
                    f"{place}: the boxes are of a picture of {said[0]} x {said[1]} pixels, but the upright picture "
                    f"{short_path(path)} has {size[0]} x {size[1]}: mend the file."
                )
            marked = [_marked(f"{short_path(file)}: annotations[{i}]", one, classes) for i, one in boxes]
            target = boxes_within(size, marked, self._doubts)
        return Sample(f"{split}/{inside}" if split else str(inside), path, target, place, split or None)


def _read(key: str, file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        near = [path.name for path in file.parent.iterdir()] if file.parent.is_dir() else []
        raise TLError(f"{key}={short_path(file)}: there is no such file.{did_you_mean(file.name, near)}")
    name = short_path(file)
    if (size := file.stat().st_size) > _MOST_BYTES:
        raise TLError(f"{name}: has {size} bytes, but a file of boxes may have {_MOST_BYTES}: divide it.")
    with reading(name, "the file cannot be read", "replace or remove it"):
        content = file.read_bytes()
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TLError(f"{name}: the file is no JSON ({error}): mend it.") from error
    if not isinstance(found, dict):
        raise TLError(f"{name}: the file is no JSON object with images, annotations and categories: mend it.")
    return found


def _rows(name: str, content: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = content.get(key)
    if not isinstance(rows, list):
        there = ", ".join([*content][:6])
        raise TLError(f"{name}: has no list '{key}' (its keys: {there[:_SHOWN]}): is it a file of COCO?")
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise TLError(f"{name}: {key}[{index}] is no object, but {_shown(row)}: mend it.")
    return rows


def _by_id(name: str, key: str, rows: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    for index, row in enumerate(rows):
        place = f"{name}: {key}[{index}]"
        number = _whole(place, row, "id")
        if number in found:
            raise TLError(f"{place}: the id {number} is there twice: give each its own.")
        found[number] = row
    return found


def _names_of(rows: Sequence[Mapping[str, Any]], classes: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """The classes of a picture's boxes, as far as they can be told."""
    numbers = [row.get("category_id") for row in rows]
    kinds = [classes[number] for number in numbers if isinstance(number, int) and number in classes]
    return [kind["name"].strip() for kind in kinds if isinstance(kind.get("name"), str)]


def _marked(place: str, row: Mapping[str, Any], classes: Mapping[int, Mapping[str, Any]]) -> Marked:
    number = _whole(place, row, "category_id")
    if number not in classes:
        raise TLError(f"{place}: no entry of 'categories' has the id {number}: add its class, or mend it.")
    name = _text(f"{place}: its category", classes[number], "name").strip()
    match row.get("bbox"):
        case [bool(), *_] | [_, bool(), *_] | [_, _, bool(), *_] | [_, _, _, bool()]:
            pass
        case [int() | float() as left, int() | float() as top, int() | float() as wide, int() | float() as high]:
            sides = (_float(left), _float(top), _float(left) + _float(wide), _float(top) + _float(high))
            return Marked(place, Box(*sides, name, row.get("iscrowd", 0) in (0, False, None)))
    raise TLError(f"{place}: {_shown(row.get('bbox'))} is no box: write bbox: [left, top, width, height] in pixels.")


def _float(number: int | float) -> float:
    """The number; one that has too many digits for a float is infinite."""
    try:
        return float(number)
    except OverflowError:
        return float("inf")


def _whole(place: str, row: Mapping[str, Any], key: str) -> int:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TLError(f"{place}: '{key}' must be a whole number, not {_shown(value)}: mend it.")


def _text(place: str, row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if isinstance(value, str) and value.strip():
        return value
    raise TLError(f"{place}: '{key}' must be a text, not {_shown(value)}: mend it.")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
