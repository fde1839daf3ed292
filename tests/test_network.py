"""Nothing asks for the network: the suite is refused it, and the main commands open no socket at all."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.hostile import TEXT
from tests.faults.watched import watch

ASKS = ["socket.create_connection(('192.0.2.1', 80), 1)", "socket.getaddrinfo('example.org', 80)"]


@pytest.mark.parametrize("ask", ASKS)
def test_the_suite_is_refused_the_network(ask: str, refused: Path) -> None:
    with pytest.raises(PermissionError, match="a test asked the network for"):
        eval(ask, {"socket": socket})
    done = subprocess.run([sys.executable, "-c", f"import socket; {ask}"], capture_output=True, text=True, check=False)
    assert "PermissionError: a test asked the network for" in done.stderr
    assert len(refused.read_text().splitlines()) == 2
    refused.write_text("")


def test_a_run_its_evaluation_and_answers_open_no_socket(tmp_path: Path) -> None:
    (trained,) = watch([["finetune", "base", *TEXT, "--runs", "runs"]], tmp_path, tmp_path / "strange")
    assert trained.code == 0, trained.words
    (run,) = tmp_path.glob("runs/*/*")
    commands = [["evaluate", str(run)], ["predict", str(run), "some words"], ["runs", "runs"]]
    for seen in (trained, *watch(commands, tmp_path, tmp_path / "strange")):
        assert seen.code == 0, seen.words
        assert not seen.of("socket")
