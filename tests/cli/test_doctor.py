"""`tl doctor`, and the checks that it makes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tl.commands.doctor import intact, mismatch


def test_doctor_looks_at_everything(tl: Run) -> None:
    found = json.loads(tl("doctor", "--json"))
    assert found["ok"] is True
    seen = {finding["what"] for finding in found["findings"]}
    assert {"python", "torch", "device", "disk", "hub cache", "shipped files", "extra parquet"} <= seen


def test_a_torchvision_of_another_build_is_named_in_one_sentence() -> None:
    text = mismatch("2.0.0+cpu", "operator torchvision::nms does not exist")
    assert "torch 2.0.0+cpu is installed (operator torchvision::nms does not exist): install the two together" in text
    assert text.count(". ") == 0


def test_a_damaged_file_is_not_intact(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save

    file = tmp_path / "x.safetensors"
    whole = save({"a": torch.zeros(5), "b": torch.ones(2, 3)})
    for content, expected in (
        (whole, True),
        (whole[:-1], False),
        (whole + b"x", False),
        (whole[:20], False),
        (b"", False),
    ):
        file.write_bytes(content)
        assert intact(file) is expected
    (tmp_path / "x.json").write_text('{"a": 1')
    assert not intact(tmp_path / "x.json")
