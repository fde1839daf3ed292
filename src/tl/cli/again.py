"""What `tl replay`, `tl reproduce` and `tl verify-resume` print."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from tl.cli.progress import listener
from tl.cli.tables import print_json
from tl.cli.terminal import say
from tl.commands.replay import replay
from tl.commands.reproduce import Comparison, reproduce, verify_resume
from tl.errors import GateError


def print_reproduced(path: Path, root: Path, as_json: bool) -> None:
    """Run again and compare; exit 3 where anything differs."""
    heard = listener(quiet=as_json)
    with heard:
        found = reproduce(path, root, heard)
    _say(found, as_json)
    say(f"run     {found.other}", file=sys.stderr if as_json else sys.stdout)
    _gate(found, "The run did not come out the same.")


def print_verified(recipe: str, overrides: list[str], steps: int, as_json: bool) -> None:
    """Kill, resume and compare; exit 3 where anything differs."""
    with TemporaryDirectory(prefix="tl_verify_") as folder:
        found = verify_resume(recipe, overrides, steps, Path(folder))
    _say(found, as_json)
    _gate(found, "The resumed run ended otherwise than the uninterrupted one.")


def print_replayed(path: Path, as_json: bool) -> None:
    """Where the loss of a step stops being finite."""
    heard = listener(quiet=True)
    with heard:
        found = replay(path, heard)
    if as_json:
        return print_json(asdict(found))
    if not found.came:
        return say(f"Step {found.step}: its loss is finite this time, so the run can be resumed.")
    if not found.module:
        return say(f"Step {found.step}: every module's output is finite; a gradient in the backward pass is not.")
    of = f", for {len(found.samples)} samples: {', '.join(found.samples)}" if found.samples else ""
    return say(f"Step {found.step}: the first output that is not finite is that of {found.module}{of}.")


def _say(found: Comparison, as_json: bool) -> None:
    if as_json:
        return print_json({**asdict(found), "same": found.same})
    if found.step is None:
        say(f"{found.rows} logged rows: equal bit for bit")
    else:
        say(f"{found.rows} logged rows: differ from step {found.step} on, by {found.largest:.2g} of the value at most")
    say(f"weights: {'equal bit for bit' if found.weights else 'differ'}")
    for name, (one, other) in found.values.items():
        say(f"{name}: {one:.6g} and {other:.6g}")
    for name, (then, now) in found.facts.items():
        say(f"{name}: {then}, now {now}")
    return None


def _gate(found: Comparison, text: str) -> None:
    if not found.same:
        raise GateError(f"{text} On a GPU, equal bits take loop.deterministic=true.")
