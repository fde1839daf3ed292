"""Pictures with an XML file of boxes each, as in PASCAL VOC (Everingham et al. 2010)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, Unpack, final

from tl.boundary.foreign import reading
from tl.components.data.base import LABELLED_SPLITS, Common, DataSource, standard_split_name
from tl.components.data.boxes import Box, BoxDoubts, Boxes, Marked, boxes_within
from tl.components.data.folders import check_root
from tl.components.data.image_folder import is_hidden, pictures_by_name
from tl.components.data.xmlfile import Element, number_in, read_xml
from tl.components.picture import upright_size
from tl.components.sample import Sample
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

_FILES, _PICTURES, _LISTS = "Annotations", "JPEGImages", Path("ImageSets") / "Main"
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_LISTED = (*LABELLED_SPLITS, "trainval")
_LONGEST = 64 * 1024**2


@final
class Voc(DataSource):
    """`root/Annotations` and `root/JPEGImages`, or each picture beside its XML file; or these in a folder for a split.

    The lists in `root/ImageSets/Main` name the pictures of each split; a picture in no list is not read. `first_pixel`
    is the number of a picture's first pixel: VOC counts from 1 and names the last pixel of a box, many tools count from
    0 and name the side behind it. A file without boxes is of an empty picture. Boxes marked `difficult` are not judged.
    """

    modality = "image"
    kind = "boxes"

    def __init__(self, *, root: Path, first_pixel: Literal[0, 1], **common: Unpack[Common]) -> None:
        super().__init__(common)
        self.root, self.first_pixel = root, first_pixel
        self._doubts, self._at_0 = BoxDoubts(), list[str]()

    def read(self) -> list[Sample]:
        self._doubts, self._at_0 = BoxDoubts(), list[str]()
        found = [sample for folder, split in self._folders() for sample in self._folder(folder, split)]
        if not found:
            raise TLError(f"data.root={short_path(self.root)}: holds no picture with an XML file.")
        self.notes.extend(self._doubts.notes())
        if self._at_0:
            many = "1 box begins" if len(self._at_0) == 1 else f"{len(self._at_0)} boxes begin"
            self.notes.append(
                f"{many} at pixel 0, such as {self._at_0[0]}, but data.first_pixel={self.first_pixel} calls the first "
                "pixel 1: set data.first_pixel=0 where the files count from 0, or all boxes lie one pixel aside."
            )
        return found

    def _folders(self) -> Iterator[tuple[Path, str | None]]:
        """The folders that hold pictures and XML files, each with its split."""
        check_root(self.root)
        inner = sorted(p for p in self.root.iterdir() if p.is_dir() and not is_hidden(p.name))
        splits = [standard_split_name(p.name) for p in inner]
        if "train" not in splits:
            yield self.root, None
            return
        if twice := next((name for name in splits if splits.count(name) > 1), None):
            raise TLError(f"data.root={short_path(self.root)}: two folders both mean {twice}: keep one.")
        yield from zip(inner, splits, strict=True)

    def _folder(self, folder: Path, split: str | None) -> Iterator[Sample]:
        """The samples of a folder, whose lists may say the split of each."""
        apart = (folder / _FILES).is_dir()
        pictures = pictures_by_name(folder / _PICTURES if apart else folder)
        files = folder / _FILES if apart else folder
        listed = _lists(folder / _LISTS) if split is None else {}
        for name in listed:
            if name not in pictures:
                raise TLError(
                    f"{listed[name][1]}: there is no picture '{name}' in {short_path(folder / _PICTURES)}: add it, or "
                    "remove the line."
                )
        if listed and (left := [name for name in pictures if name not in listed]):
            what = "1 picture is" if len(left) == 1 else f"{len(left)} pictures are"
            self.notes.append(f"{short_path(folder / _LISTS)}: {what} in no list and not read, such as {left[0]}.")
        if apart and (alone := [path for path in sorted(files.glob("*.xml")) if path.stem not in pictures]):
            what = "1 XML file has" if len(alone) == 1 else f"{len(alone)} XML files have"
            self.notes.append(f"{short_path(files)}: {what} no picture, such as {alone[0].name}.")
        labelled = split in (None, *LABELLED_SPLITS)
        for name in listed or pictures:
            own, _ = listed.get(name, (split, ""))
            make = partial(self._sample, pictures[name], files / f"{name}.xml", own, labelled)
            yield from self.sample_or_skip(make, partial(_names_in, files / f"{name}.xml"))

    def _sample(self, path: Path, file: Path, split: str | None, labelled: bool) -> Sample:
        inside, target = path.relative_to(self.root).as_posix(), None
        if self.purpose != "prediction" and (labelled or file.is_file()):
            if not file.is_file():
                raise TLError(
                    f"{short_path(path)}: its XML file {short_path(file)} is missing: add it, without objects where "
                    "the picture is empty, or remove the picture."
                )
            target = self._boxes(path, file)
        return Sample(inside, path, target, short_path(path), split)

    def _boxes(self, path: Path, file: Path) -> Boxes:
        root = read_xml(file)
        if root.name != "annotation":
            raise TLError(f"{short_path(file)}:{root.line}: is no VOC file: it begins with <{root.name[:40]}>.")
        size = upright_size(path)
        self._check_size(file, root, size)
        marked = [self._marked(file, one) for one in root.all("object")]
        return boxes_within(size, marked, self._doubts)

    def _check_size(self, file: Path, root: Element, size: tuple[int, int]) -> None:
        """TLError where the file was made for a picture of another size, as before it was turned or made smaller."""
        said = root.first("size")
        sides = [None if said is None else said.first(name) for name in ("width", "height")]
        known = [number_in(f"{short_path(file)}:{one.line}", one.text) for one in sides if one is not None]
        if len(known) == len(size) and all(known) and (known[0], known[1]) != size:
            raise TLError(
                f"{short_path(file)}:{said.line if said else 1}: the boxes are of a picture of {known[0]:g} x "
                f"{known[1]:g} pixels, but the upright picture has {size[0]} x {size[1]}: mend the file."
            )

    def _marked(self, file: Path, one: Element) -> Marked:
        place, drawn, name = f"{short_path(file)}:{one.line}", one.first("bndbox"), one.first("name")
        if name is None or not name.text.strip():
            raise TLError(f"{place}: the object has no <name>: add its class.")
        sides = [None if drawn is None else drawn.first(side) for side in _SIDES]
        if None in sides:
            raise TLError(f"{place}: the object has no <bndbox> with xmin, ymin, xmax and ymax: add it.")
        left, top, right, bottom = (
            number_in(f"{short_path(file)}:{side.line}", side.text) for side in sides if side is not None
        )
        hard = one.first("difficult")
        judged = hard is None or hard.text.strip() in ("", "0")
        first = self.first_pixel
        if min(left, top) == 0 < first:
            self._at_0.append(place)
        return Marked(place, Box(left - first, top - first, right, bottom, name.text.strip(), judged))


def _lists(folder: Path) -> Mapping[str, tuple[str, str]]:
    """The split of each picture by its name, and the line that says so; empty where there are no lists of splits.

    trainval is a list of train and of val: it counts only where train has no list of its own.
    """
    files = {name: folder / f"{name}.txt" for name in _LISTED if (folder / f"{name}.txt").is_file()}
    if "train" in files:
        files.pop("trainval", None)
    found: dict[str, tuple[str, str]] = {}
    for split, file in files.items():
        for number, line in enumerate(_lines(file), start=1):
            name, place = line.strip(), f"{short_path(file)}:{number}"
            if name in found:
                raise TLError(f"{place}: '{name}' is also in {found[name][1]}: keep one of the lines.")
            if name:
                found[name] = ("train" if split == "trainval" else split, place)
    return found


def _names_in(file: Path) -> list[str]:
    """The classes of a file's objects, as far as they can be told."""
    try:
        kinds = [one.first("name") for one in read_xml(file).all("object")]
    except (TLError, FileNotFoundError):
        return []
    return [kind.text.strip() for kind in kinds if kind is not None and kind.text.strip()]


def _lines(file: Path) -> list[str]:
    name = short_path(file)
    if file.stat().st_size > _LONGEST:
        raise TLError(f"{name}: is too large for a list of pictures.")
    with reading(name, "the list cannot be read", "save it as UTF-8"):
        return file.read_text(encoding="utf-8-sig").splitlines()
