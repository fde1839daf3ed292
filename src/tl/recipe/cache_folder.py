"""Where the cache lies. A recipe may be a stranger's, so a folder that it names counts only where that is its own."""

from __future__ import annotations

import os
from pathlib import Path

from tl.recipe.overrides import COMMAND_LINE


def default_folder() -> Path:
    """The cache's folder unless a recipe names another: $TL_CACHE, or `tl` in the user's cache folder."""
    named = os.environ.get("TL_CACHE")
    return Path(named or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / ("" if named else "tl")


def why_not_counted(folder: Path | None, origin: str) -> str:
    """The note where cache.folder does not count, '' where it does. `origin` says what named it, as recipes do.

    It counts on the command line, and in a recipe's file where it lies below that file's folder or in the user's cache;
    a link in its path counts as what it leads to.
    """
    if folder is None or origin == COMMAND_LINE:
        return ""
    file, place = Path(origin.rpartition(":")[0]), folder.resolve()
    if any(place.is_relative_to(home.resolve()) for home in (file.absolute().parent, default_folder())):
        return ""
    return (
        f"{origin}: cache.folder '{folder}' lies neither below the recipe's folder nor in your cache, so it does not "
        f"count: name it on the command line (cache.folder={folder}), or by TL_CACHE={folder}."
    )
