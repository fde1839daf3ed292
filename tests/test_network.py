"""Nothing asks for the network: the suite is refused it, and the main commands open no socket at all."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.hostile import TEXT
from tests.faults.watched import watch
from tl.cli.printing.augmented import print_augmented
from tl.commands.extract_features import extract_features
from tl.commands.timing import measure
from tl.errors import TLError
from tl.recipe.recipe import load

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


ABSENT = {
    "hub": ["data=tiny_sentences", "backbone=text_encoder", "backbone.weights=hub:nobody/has-this"],
    "shape": [
        "data=tiny_sentences",
        "backbone=text_encoder",
        "backbone.weights=none",
        "backbone.config=hub:nobody/has",
    ],
    "published": ["data=tiny_shapes", "backbone=resnet", "backbone.name=resnet18"],
}
UNTRAINED: dict[str, Callable[[list[str]], object]] = {
    "check --time": lambda overrides: measure(load("base", overrides)),
    "show --augment": lambda overrides: print_augmented("base", overrides, Path("x.png"), as_json=True),
    "extract-features": lambda overrides: extract_features("base", overrides, print),
}


@pytest.mark.parametrize("command", UNTRAINED)
@pytest.mark.parametrize("absent", ABSENT)
def test_what_trains_nothing_fetches_nothing(
    absent: str, command: str, refused: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    overrides = [*ABSENT[absent], "backbone.download=true"]
    with pytest.raises(TLError, match=r"^backbone\.(weights|config): '.*' is not on this machine, and only training"):
        UNTRAINED[command](overrides)
    assert not refused.exists() or not refused.read_text()
