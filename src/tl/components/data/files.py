"""A data option that reads one file, or one for each split."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tl.components.data.base import Common, DataSource
from tl.components.data.encoding import encoding_of
from tl.components.data.separated import text_lines
from tl.components.sample import Sample
from tl.errors import TLError, did_you_mean
from tl.recipe.yamlfile import short_path


class Files(DataSource):
    """Either `file` is given, whose samples name no split, or `files` has a file for each split."""

    def __init__(self, common: Common, file: Path | None, files: Mapping[str, Path] | None, encoding: str) -> None:
        super().__init__(common)
        self.encoding = encoding
        if (file is None) == (not files):
            raise TLError("data.file: give either this, or data.files with one for each split, as in {train: a}.")
        self.files = {**(files or {})} if file is None else {"": file}

    def lines(self, file: Path) -> Iterator[tuple[int, str]]:
        """The lines of a file, packed or not, without their ends; each with its number, from 1."""
        with text_lines(file, encoding_of(file, self.encoding)) as lines:
            for number, line in enumerate(lines, start=1):
                yield number, line.rstrip("\r\n")

    @abstractmethod
    def samples(self, file: Path) -> Iterator[Sample]:
        """The samples of one file, with ids that are its line numbers and without a split."""

    def read(self) -> list[Sample]:
        found = []
        for split, file in self.files.items():
            if not file.is_file():
                near = [path.name for path in file.parent.iterdir()] if file.parent.is_dir() else []
                key = f"data.files.{split}" if split else "data.file"
                raise TLError(f"{key}={short_path(file)}: there is no such file.{did_you_mean(file.name, near)}")
            found += [_in_split(sample, split) if split else sample for sample in self.samples(file)]
        return found


def _in_split(sample: Sample, split: str) -> Sample:
    return replace(sample, id=f"{split}/{sample.id}", split=split)
