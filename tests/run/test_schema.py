"""The numbers in a run's meta.json: each lies where a run can have put it, or one sentence says that it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tl.errors import TLError
from tl.run.schema import META, read_facts

SOUND: dict[str, Any] = {
    "processes": 1,
    "seed": -3,
    "device_batch": 1,
    "seconds": 0.0,
    "temperature": 0.05,
    "peak_memory_mb": {"cpu": 0},
    "data": {"fingerprint": "x", "splits": {"train": 0}},
    "best": {"metric": "loss", "value": -1.5, "step": 0},
}


def read(folder: Path, content: object) -> Any:
    file = folder / "meta.json"
    file.write_text(json.dumps(content))
    return read_facts(file, META)


def test_the_least_that_a_run_can_have_put_there(tmp_path: Path) -> None:
    assert read(tmp_path, SOUND) == SOUND


@pytest.mark.parametrize(
    "changed, why",
    [
        ({"processes": 0}, "processes '0' is not a whole number of at least 1"),
        ({"processes": -2}, "processes '-2' is not a whole number of at least 1"),
        ({"device_batch": 0}, "device_batch '0' is not a whole number of at least 1"),
        ({"seed": 10**30}, f"seed '{10**30}' is not a whole number"),
        ({"seconds": -1.0}, "seconds '-1.0' is not a number of at least 0"),
        ({"seconds": float("inf")}, "seconds 'inf' is not a number of at least 0"),
        ({"temperature": 0.0}, "temperature '0.0' is not a number above 0"),
        ({"temperature": float("nan")}, "temperature 'nan' is not a number above 0"),
        ({"peak_memory_mb": {"cpu": -1}}, "peak_memory_mb.cpu '-1' is not a number of at least 0"),
        ({"data": {"fingerprint": "x", "splits": {"train": -5}}}, "data.splits.train '-5' is not a whole number of at"),
        ({"best": {"metric": "loss", "value": 0, "step": -1}}, "best.step '-1' is not a whole number of at least 0"),
    ],
)
def test_a_number_that_no_run_has(changed: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(TLError) as refused:
        read(tmp_path, {**SOUND, **changed})
    assert refused.value.exit_code == 2
    assert f"meta.json' is damaged ({why}" in str(refused.value)
    assert str(refused.value).endswith(": copy the run again as a whole.")
