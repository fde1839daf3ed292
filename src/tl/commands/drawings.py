"""Pictures with what a run answered drawn over them, as files of a folder (`tl predict --draw`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tl.commands.embedded import EmbeddedSamples
from tl.commands.open_run import Trained
from tl.commands.predict import Answers
from tl.disk.folder import replacing
from tl.errors import TLError
from tl.run.disk import writing

_QUALITY = 92


class Drawings:
    """The folder `to`, in which each picture keeps its name; no file that is there already is replaced.

    TLError where the run's answers cannot be drawn.
    """

    def __init__(self, to: Path, trained: Trained) -> None:
        self.to, self.preprocess = to, trained.model.backbone.preprocess
        if not trained.model.task.draws:
            raise TLError(
                f"--draw: answers of this run are {trained.model.task.word}, which are not drawn: leave it out."
            )

    def drawing(self, parts: Iterator[Answers | EmbeddedSamples]) -> Iterator[Answers | EmbeddedSamples]:
        """The answers in parts, each of which is drawn as it passes; embeddings are not drawn."""
        for answers in parts:
            match answers:
                case Answers():
                    self._draw(answers)
            yield answers

    def _draw(self, answers: Answers) -> None:
        for sample, answer in zip(answers.samples, answers.kept.answers, strict=True):
            drawn = answers.task.drawn(sample, answer, self.preprocess)
            file = self._free(Path(sample.id).stem)
            with writing(file, "."), replacing(file) as out:
                drawn.save(out, "JPEG", quality=_QUALITY)

    def _free(self, stem: str) -> Path:
        """A file that is not there yet: pictures of several folders may share a name."""
        number, file = 1, self.to / f"{stem}.jpg"
        while file.exists() or file.is_symlink():
            number += 1
            file = self.to / f"{stem}-{number}.jpg"
        return file
