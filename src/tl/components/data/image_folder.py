"""Pictures in a folder for each class, with or without a folder for each split above them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Unpack, final

from tl.components.data.base import LABELLED, Common, DataSource, canonical
from tl.components.picture import SUFFIXES
from tl.components.sample import Sample
from tl.errors import TLError, did_you_mean
from tl.recipe.yamlfile import shown


@final
class ImageFolder(DataSource):
    """`root/<class>/...` or `root/<split>/<class>/...`; pictures right in a split other than train, val, test are
    unlabelled. `group`, matched against a picture's path below `root`, names by its one group what stays together."""

    modality = "image"
    kind = "single"

    def __init__(self, *, root: Path, group: str | None, **common: Unpack[Common]) -> None:
        super().__init__(common)
        self.root, self.shown, self.group = root, shown(root), _pattern(group)

    def read(self) -> list[Sample]:
        folders = self._folders(self.root)
        if any(canonical(f.name) in LABELLED for f in folders) and _split_layout(self.root, folders):
            samples = [sample for folder in folders for sample in self._split(folder)]
        else:
            samples = [sample for folder in folders for sample in self._class(folder, folder.name, None)]
            self._skip_loose(self.root)
        if not samples:
            raise TLError(f"data.root={shown(self.root)}: no picture was found: give each class a folder of them.")
        self._check_groups(samples)
        return samples

    def _folders(self, parent: Path) -> list[Path]:
        if not parent.is_dir():
            near = [p.name for p in parent.parent.iterdir() if p.is_dir()] if parent.parent.is_dir() else []
            what = "is a file: unpack it and name the folder" if parent.is_file() else "there is no such folder"
            raise TLError(f"data.root={shown(parent)}: {what}.{did_you_mean(parent.name, near)}")
        return sorted(p for p in parent.iterdir() if p.is_dir() and not hidden(p.name))

    def _split(self, folder: Path) -> Iterator[Sample]:
        split = canonical(folder.name)
        loose = [p for p in sorted(folder.iterdir()) if is_picture(p)]
        if loose and split in LABELLED:
            raise TLError(f"{shown(loose[0])}: lies right in the split's folder: put it into its class's folder.")
        if not loose:
            self._skip_loose(folder)
        yield from (self._sample(path, None, split) for path in loose)
        for inner in self._folders(folder):
            yield from self._class(inner, inner.name, split)

    def _class(self, folder: Path, name: str, split: str | None) -> Iterator[Sample]:
        files = list(_files(folder, self.notes))
        pictures = [path for path in files if is_picture(path)]
        if len(files) > len(pictures):
            odd = next(path for path in files if not is_picture(path))
            count = len(files) - len(pictures)
            what = "1 file is no picture and was" if count == 1 else f"{count} files are no pictures and were"
            self.notes.append(f"{shown(folder)}: {what} skipped, such as {odd.name}.")
        if not pictures:
            self.notes.append(f"{shown(folder)}: the class folder holds no picture.")
        yield from (self._sample(path, name, split) for path in pictures)

    def _sample(self, path: Path, target: str | None, split: str | None) -> Sample:
        inside = path.relative_to(self.root).as_posix()
        match = self.group.search(inside) if self.group else None
        return Sample(inside, path, target, f"{self.shown}/{inside}", split, match.group(1) if match else None)

    def _skip_loose(self, folder: Path) -> None:
        loose = [p.name for p in sorted(folder.iterdir()) if p.is_file() and not hidden(p.name)]
        if loose:
            what = "1 file outside of class folders was" if len(loose) == 1 else f"{len(loose)} files outside were"
            self.notes.append(f"{shown(folder)}: {what} skipped, such as {loose[0]}.")

    def _check_groups(self, samples: list[Sample]) -> None:
        if self.group is None:
            return
        alone = [s for s in samples if s.group is None]
        if len(alone) == len(samples):
            raise TLError(f"data.group='{self.group.pattern}' matches no picture's path, such as '{samples[0].id}'.")
        if alone:
            self.notes.append(f"data.group does not match {len(alone)} pictures, such as '{alone[0].id}': no group.")


def _pattern(group: str | None) -> re.Pattern[str] | None:
    if group is None:
        return None
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise TLError(f"data.group='{group}' is no regular expression: {error}.") from error
    if pattern.groups != 1:
        raise TLError(f"data.group='{group}' needs exactly one (group), which names what stays together.")
    return pattern


def _split_layout(root: Path, folders: list[Path]) -> bool:
    """Whether folders named like splits are splits; a class may be called 'train' where no val or test is beside it."""
    names = [canonical(f.name) for f in folders]
    for name in LABELLED:
        if names.count(name) > 1:
            twice = " and ".join(f"'{f.name}'" for f in folders if canonical(f.name) == name)
            raise TLError(f"data.root={shown(root)}: the folders {twice} both mean {name}: keep one.")
    if "train" not in names:
        odd = next(f.name for f in folders if canonical(f.name) in ("val", "test"))
        raise TLError(
            f"data.root={shown(root)}: there is a folder '{odd}' but none named train: name the training folder "
            "train, or rename the class."
        )
    train = folders[names.index("train")]
    nested = any(p.is_dir() and not hidden(p.name) for p in train.iterdir())
    return nested or "val" in names or "test" in names


def _files(folder: Path, notes: list[str]) -> Iterator[Path]:
    """All files below a folder, links followed; but those that lead back up, where other classes are, are noted."""
    seen = {os.path.realpath(folder)}
    for parent, inner, files in os.walk(folder, followlinks=True):
        places = {name: os.path.realpath(os.path.join(parent, name)) for name in inner if not hidden(name)}
        here = os.path.realpath(parent)
        up = [name for name, place in places.items() if os.path.commonpath((here, place)) == place]
        notes.extend(f"{shown(Path(parent, name))}: the link leads back up and was not followed." for name in up)
        inner[:] = sorted(name for name, place in places.items() if place not in seen and name not in up)
        seen.update(places.values())
        yield from (Path(parent, name) for name in sorted(files) if not hidden(name))


def hidden(name: str) -> bool:
    """Whether a file or folder is a system's own, such as .DS_Store or Thumbs.db."""
    return name.startswith((".", "__MACOSX")) or name in ("Thumbs.db", "desktop.ini")


def is_picture(path: Path) -> bool:
    """Whether a path is a file that is named as a picture."""
    return path.suffix.lower() in SUFFIXES and path.is_file() and not hidden(path.name)
