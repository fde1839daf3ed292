"""Whether the data of a run is still what the run was trained on."""

from __future__ import annotations

from itertools import chain
from typing import Any

from tl.components.data.base import Data
from tl.components.data.contents import facts_of_files, files_are
from tl.run.run import Run

_FILES = "data_files"


def data_facts(data: Data) -> dict[str, Any]:
    """What a run's meta.json says of its data, so that `change_of_data` can compare it later."""
    sizes = {name: len(samples) for name, samples in data.splits.items()}
    facts = facts_of_files(chain.from_iterable(data.splits.values()))
    return {"data": {"fingerprint": data.fingerprint, "splits": sizes}, **({_FILES: facts} if facts else {})}


def change_of_data(run: Run, data: Data) -> str | None:
    """What changed in the data since the run began, as words for a sentence; None where nothing did.

    A run that was trained before meta.json told of the files' contents is compared by names, sizes and targets alone.
    """
    meta = run.meta
    known = meta["data"]["fingerprint"]
    if data.fingerprint != known:
        return f"{known} then, {data.fingerprint} now"
    if _FILES in meta and not files_are(chain.from_iterable(data.splits.values()), meta[_FILES]):
        return "pictures of the same names and sizes hold something else"
    return None
