"""A finished run in a Python program: the lines that its report shows, and what they call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tl.commands.given import Input, read_given
from tl.commands.open_run import Trained, open_run
from tl.commands.predict import predict
from tl.recipe.newest import newest_run

_AT_ONCE = 64


class RunModel:
    """A run's model with its own preprocessing and label map; of a folder of runs, the newest run's."""

    def __init__(self, run: str | Path) -> None:
        self.trained: Trained = open_run(newest_run(Path(run)))

    def __call__(self, inputs: Sequence[str]) -> list[dict[str, Any]]:
        """For each text, or path of a picture: `input`, `predicted`, and what else its task says.

        That is the `probability` where it is one class, and the `scores` of classes, labels or numbers.

        A pair of texts is one text with a tab between the two. TLError where an input cannot be read.
        """
        given = read_given(self.trained, [Input(text, typed=False) for text in inputs], lambda line: None)
        return [one for answers in predict(self.trained, given, _AT_ONCE) for one in answers.mappings()]


def python_lines(run: Path, example: str) -> str:
    """A program that answers for one input with the run's model."""
    return (
        "from tl.commands.answer import RunModel\n"
        "\n"
        f"model = RunModel({str(run)!r})\n"
        f"for answer in model([{example!r}]):\n"
        '    print(answer["input"], answer["predicted"])\n'
    )
