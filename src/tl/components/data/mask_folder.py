"""Pictures with a mask each: a folder of pictures beside a folder of masks that have the same names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Unpack, final

from tl.components.data.base import LABELLED_SPLITS, Common, DataSource, standard_split_name
from tl.components.data.folders import check_root
from tl.components.data.image_folder import is_hidden, pictures_by_name
from tl.components.data.masks import MOST_CLASSES, read_mask
from tl.components.sample import Sample
from tl.errors import TLError
from tl.recipe.yamlfile import short_path

_PICTURES, _MASKS = "images", "masks"


@final
class MaskFolder(DataSource):
    """`root/images` and `root/masks`, or these two in a folder for each split.

    A mask is a PNG of one number for each pixel. `pixels` says which number stands for which class; without it, each
    number is a class. Pixels of the number `ignore` are not judged. All masks are read at once, and checked.
    """

    modality = "image"
    kind = "mask"

    def __init__(
        self,
        *,
        root: Path,
        pixels: Mapping[str, Annotated[int, "at least 0"]] | None,
        ignore: Annotated[int, "at least 0"] | None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(common)
        self.root, self.ignore = root, ignore
        self.numbers = None if pixels is None else {number: name for name, number in pixels.items()}
        for name, number in (pixels or {}).items():
            if number == ignore:
                raise TLError(
                    f"data.ignore={ignore} is also the number of '{name}' in data.pixels: set data.ignore=null, or "
                    "another number."
                )
        if pixels is not None and self.numbers is not None and len(self.numbers) < len(pixels):
            raise TLError("data.pixels gives one number to two classes: give each class its own.")
        if len(self.numbers or ()) > MOST_CLASSES:
            raise TLError(f"data.pixels: {len(self.numbers or ())} classes, but a mask has {MOST_CLASSES} at most.")

    def read(self) -> list[Sample]:
        found = [sample for folder, split in self._folders() for sample in self._folder(folder, split)]
        if not found:
            raise TLError(f"data.root={short_path(self.root)}: its folder '{_PICTURES}' holds no picture.")
        return found

    def _folders(self) -> Iterator[tuple[Path, str | None]]:
        """The folders that hold pictures and masks, each with its split."""
        check_root(self.root)
        if (self.root / _PICTURES).is_dir():
            yield self.root, None
            return
        inner = sorted(p for p in self.root.iterdir() if (p / _PICTURES).is_dir() and not is_hidden(p.name))
        splits = [standard_split_name(p.name) for p in inner]
        if "train" not in splits:
            raise TLError(
                f"data.root={short_path(self.root)}: holds neither folders '{_PICTURES}' and '{_MASKS}', nor these two "
                "in folders named train, val and test."
            )
        if twice := next((name for name in splits if splits.count(name) > 1), None):
            raise TLError(f"data.root={short_path(self.root)}: two folders both mean {twice}: keep one.")
        yield from zip(inner, splits, strict=True)

    def _folder(self, folder: Path, split: str | None) -> Iterator[Sample]:
        pictures, masks = (pictures_by_name(folder / name) for name in (_PICTURES, _MASKS))
        if unused := [path for name, path in masks.items() if name not in pictures]:
            what = "1 mask has" if len(unused) == 1 else f"{len(unused)} masks have"
            self.notes.append(f"{short_path(folder)}: {what} no picture, such as {unused[0].name}.")
        labelled = bool(masks) or split in (None, *LABELLED_SPLITS)
        for name, path in pictures.items():
            yield from self.sample_or_skip(partial(self._sample, path, masks.get(name), folder, split, labelled))

    def _sample(self, path: Path, mask: Path | None, folder: Path, split: str | None, labelled: bool) -> Sample:
        inside, target = path.relative_to(self.root).as_posix(), None
        if mask is not None and self.purpose != "prediction":
            target = read_mask(mask, path, self.numbers, self.ignore)
        elif labelled and self.purpose != "prediction":
            missing = f"{short_path(folder / _MASKS)}/{path.relative_to(folder / _PICTURES).with_suffix('.png')}"
            raise TLError(f"{short_path(path)}: its mask {missing} is missing: add it, or remove the picture.")
        return Sample(inside, path, target, short_path(path), split)
