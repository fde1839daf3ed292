"""`tl replay`: where the loss of a run stopped being finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tl.cli.flags import RunFolder, named_run
from tl.cli.printing.terminal import say

if TYPE_CHECKING:
    from tl.commands.replay import Replay


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    run: RunFolder,
    json: Annotated[bool, typer.Option("--json", help="Print the finding as JSON.")] = False,
) -> None:
    """Take a run's step whose loss was not finite again, and say which module and samples it comes from."""
    from dataclasses import asdict

    from tl.cli.printing.json_output import print_json
    from tl.cli.printing.progress import Quiet
    from tl.commands.replay import replay as replay_step

    found = replay_step(named_run(run), Quiet())
    if json:
        print_json(asdict(found))
    else:
        say(_in_words(found))


def _in_words(found: Replay) -> str:
    if not found.came:
        return f"Step {found.step}: its loss is finite this time, so the run can be resumed."
    if not found.module:
        return f"Step {found.step}: every module's output is finite; a gradient in the backward pass is not."
    samples = f", for {len(found.samples)} samples: {', '.join(found.samples)}" if found.samples else ""
    return f"Step {found.step}: the first output that is not finite is that of {found.module}{samples}."
