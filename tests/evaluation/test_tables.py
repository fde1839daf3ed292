"""A table of predictions or features is the old or the whole new one, and is not written through a link."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from tl.commands.contact_sheet import contact_sheet
from tl.commands.extract_features import Features, save
from tl.errors import TLError, Unwritable
from tl.evaluation.outcome import check_writable, write_table
from tl.space import Space


def features(path: Path) -> None:
    one = Features(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long), ("a", "b"))
    save({"train": one}, Space("single", ("yes", "no")), path)


def table(path: Path) -> None:
    write_table(path, ["id", "p"], [["a", 0.5], ["b", 0.25]])


def sheet(path: Path) -> None:
    contact_sheet([[Image.new("RGB", (8, 8))]], ["one"], path)


WRITERS = {
    "p.csv": table, "p.parquet": table, "f.csv": features, "f.npz": features, "f.safetensors": features,
    "f.parquet": features, "a.png": sheet,
}  # fmt: skip


@pytest.mark.parametrize(("name", "write"), WRITERS.items(), ids=WRITERS)
def test_a_full_disk_leaves_the_old_file(
    name: str, write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / name).write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(Unwritable, match=f"{name} cannot be written .No space left on device.: make room"):
            write(tmp_path / name)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(name, b"old")]
    write(tmp_path / name)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() != b"old"


@pytest.mark.parametrize("target", ["victim.csv", "nowhere.csv"])
def test_a_link_is_refused_before_the_work(target: str, tmp_path: Path) -> None:
    (tmp_path / "victim.csv").write_text("precious")
    (tmp_path / "p.csv").symlink_to(tmp_path / target)
    with pytest.raises(TLError, match=f"p.csv' is a link to '.*{target}': name that file itself, or remove the link"):
        check_writable("--predictions", tmp_path / "p.csv")
    assert (tmp_path / "victim.csv").read_text() == "precious"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["p.csv", "victim.csv"]
