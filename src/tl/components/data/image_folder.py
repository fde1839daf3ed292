"""Pictures in a folder for each class, with or without a folder for each split above them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Unpack, final

from tl.components.data.base import LABELLED_SPLITS, Common, DataSource, standard_split_name
from tl.components.data.folders import check_root
from tl.components.picture import SUFFIXES
from tl.components.sample import Sample
from tl.errors import TLError
from tl.recipe.yamlfile import short_path


@final
class ImageFolder(DataSource):
    """Pictures in `root/<class>/...` or `root/<split>/<class>/...`.

    Pictures that lie directly in a split other than train, val or test are unlabelled. `group` is a regular expression
    with one group, searched in a picture's path below `root`: pictures with the same match stay in one split.
    """

    modality = "image"
    kind = "single"

    def __init__(self, *, root: Path, group: str | None, **common: Unpack[Common]) -> None:
        super().__init__(common)
        self.root, self.shown, self.group = root, short_path(root), _group_pattern(group)

    def read(self) -> list[Sample]:
        folders = self._folders(self.root)
        if any(standard_split_name(f.name) in LABELLED_SPLITS for f in folders) and _split_layout(self.root, folders):
            samples = [sample for folder in folders for sample in self._split(folder)]
        else:
            samples = [sample for folder in folders for sample in self._class(folder, folder.name, None)]
            self._note_loose_files(self.root)
        if not samples:
            raise TLError(f"data.root={short_path(self.root)}: no picture was found: give each class a folder of them.")
        if self.purpose == "training":
            _check_level(self.root, folders)
            self._check_groups(samples)
        return samples

    def _folders(self, parent: Path) -> list[Path]:
        check_root(parent)
        return sorted(p for p in parent.iterdir() if p.is_dir() and not is_hidden(p.name))

    def _split(self, folder: Path) -> Iterator[Sample]:
        split = standard_split_name(folder.name)
        loose = [p for p in sorted(folder.iterdir()) if is_picture(p)]
        if loose and split in LABELLED_SPLITS:
            raise TLError(f"{short_path(loose[0])}: lies right in the split's folder: put it into its class's folder.")
        if not loose:
            self._note_loose_files(folder)
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
            self.notes.append(f"{short_path(folder)}: {what} skipped, such as {odd.name}.")
        if not pictures:
            self.notes.append(f"{short_path(folder)}: the class folder holds no picture.")
        yield from (self._sample(path, name, split) for path in pictures)

    def _sample(self, path: Path, target: str | None, split: str | None) -> Sample:
        inside = path.relative_to(self.root).as_posix()
        match = self.group.search(inside) if self.group and self.purpose == "training" else None
        return Sample(inside, path, target, f"{self.shown}/{inside}", split, match.group(1) if match else None)

    def _note_loose_files(self, folder: Path) -> None:
        loose = [p.name for p in sorted(folder.iterdir()) if p.is_file() and not is_hidden(p.name)]
        if loose:
            what = "1 file outside of class folders was" if len(loose) == 1 else f"{len(loose)} files outside were"
            self.notes.append(f"{short_path(folder)}: {what} skipped, such as {loose[0]}.")

    def _check_groups(self, samples: list[Sample]) -> None:
        if self.group is None:
            return
        alone = [s for s in samples if s.group is None]
        if len(alone) == len(samples):
            raise TLError(f"data.group='{self.group.pattern}' matches no picture's path, such as '{samples[0].id}'.")
        if alone:
            self.notes.append(f"data.group does not match {len(alone)} pictures, such as '{alone[0].id}': no group.")


def _check_level(root: Path, folders: list[Path]) -> None:
    """TLError where all lies in one folder of folders, which is the one to name."""
    if len(folders) == 1 and sum(p.is_dir() and not is_hidden(p.name) for p in folders[0].iterdir()) > 1:
        raise TLError(
            f"data.root={short_path(root)}: its only folder, '{folders[0].name}', holds the folders of the classes: "
            f"set data.root={short_path(folders[0])}.",
            code="E169",
        )


def _group_pattern(group: str | None) -> re.Pattern[str] | None:
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
    """Whether folders named like splits are splits, not classes.

    A folder 'train' is a class where it holds no folder and no val or test lies beside it. TLError where two folders
    mean the same split, or where there is a val or test without train.
    """
    names = [standard_split_name(f.name) for f in folders]
    for name in LABELLED_SPLITS:
        if names.count(name) > 1:
            twice = " and ".join(f"'{f.name}'" for f in folders if standard_split_name(f.name) == name)
            raise TLError(f"data.root={short_path(root)}: the folders {twice} both mean {name}: keep one.")
    if "train" not in names:
        odd = next(f.name for f in folders if standard_split_name(f.name) in ("val", "test"))
        raise TLError(
            f"data.root={short_path(root)}: there is a folder '{odd}' but none named train: name the training folder "
            "train, or rename the class."
        )
    train = folders[names.index("train")]
    nested = any(p.is_dir() and not is_hidden(p.name) for p in train.iterdir())
    return nested or "val" in names or "test" in names


def _files(folder: Path, notes: list[str]) -> Iterator[Path]:
    """All files below a folder. Links are followed; a link that leads back up, where other classes are, is noted."""
    seen = {os.path.realpath(folder)}
    for parent, inner, files in os.walk(folder, followlinks=True):
        places = {name: os.path.realpath(os.path.join(parent, name)) for name in inner if not is_hidden(name)}
        here = os.path.realpath(parent)
        up = [name for name, place in places.items() if os.path.commonpath((here, place)) == place]
        notes.extend(f"{short_path(Path(parent, name))}: the link leads back up and was not followed." for name in up)
        inner[:] = sorted(name for name, place in places.items() if place not in seen and name not in up)
        seen.update(places.values())
        yield from (Path(parent, name) for name in sorted(files) if not is_hidden(name))


def is_hidden(name: str) -> bool:
    """Whether a file or folder was made by the operating system, such as .DS_Store or Thumbs.db."""
    return name.startswith((".", "__MACOSX")) or name in ("Thumbs.db", "desktop.ini")


def is_picture(path: Path) -> bool:
    """Whether a path is a file whose name ends as a picture's does."""
    return path.suffix.lower() in SUFFIXES and path.is_file() and not is_hidden(path.name)


def pictures_by_name(folder: Path) -> dict[str, Path]:
    """The pictures below a folder, in order, by their path in it without its ending."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if is_picture(path):
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in found:
                raise TLError(f"{short_path(path)}: has the name of {found[name].name} beside it: rename one of them.")
            found[name] = path
    return found
