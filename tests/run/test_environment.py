"""git tells the commit of tl's own checkout, and runs nothing that another folder's configuration names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tl.run.environment import git_commit


def git(folder: Path, *arguments: str) -> str:
    me = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.run(
        ["git", "-C", str(folder), *me, *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def sprung(tmp_path: Path) -> Path:
    """A file that is there once a program has run that the checkout `tmp_path`/checkout names in its configuration."""
    checkout, mark = tmp_path / "checkout", tmp_path / "sprung"
    for place in ("src/tl", "venv/lib/tl", "hooks"):
        (checkout / place).mkdir(parents=True)
        (checkout / place / "file.py").write_text("one")
    git(checkout, "init", "-q")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "one")
    program = checkout / "hooks" / "post-index-change"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "filter.x.clean", "core.pager", "diff.external"):
        git(checkout, "config", name, str(program))
    git(checkout, "config", "core.hooksPath", str(program.parent))
    (checkout / "src" / "tl" / "file.py").write_text("two")
    return mark


def test_the_commit_of_the_own_checkout_is_told_and_no_program_run(sprung: Path) -> None:
    checkout = sprung.parent / "checkout"
    assert git_commit(checkout / "src" / "tl") == git(checkout, "rev-parse", "HEAD")[:12] + "+"
    assert not sprung.exists()


def test_a_checkout_around_an_installation_is_not_asked(sprung: Path) -> None:
    checkout = sprung.parent / "checkout"
    (checkout / ".gitattributes").write_text("*.py filter=x\n")
    assert git_commit(checkout / "venv" / "lib" / "tl") == ""
    assert git_commit(sprung.parent) == ""
    assert not sprung.exists()
    git(checkout, "status")
    assert sprung.exists(), "what is tested is whether git would run it"
