from __future__ import annotations

import subprocess
import sys

import torch

from tl.run.gpus import cuda_devices


def test_as_many_devices_are_seen_as_torch_sees() -> None:
    expected = torch.cuda.device_count() if torch.cuda.is_available() else 0
    assert cuda_devices() == expected


def test_torch_is_not_imported_for_it() -> None:
    code = "import sys; from tl.run.gpus import cuda_devices; cuda_devices(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
