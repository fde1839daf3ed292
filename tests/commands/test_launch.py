"""How the processes of `--processes` find each other: by a private file and the loopback interface, at no port."""

from __future__ import annotations

import math
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from tl.commands import launch
from tl.errors import TLError


def unreachable(*_: object) -> Any:
    raise OSError(101, "Network is unreachable")


class Child:
    """A process that notes what the launcher's folder looks like, and ends at once."""

    def __init__(self, command: list[str], *, env: dict[str, str], **_: object) -> None:
        meeting = Path(env["TL_MEETING_FILE"])
        self.env, self.mode = env, stat.S_IMODE(meeting.parent.stat().st_mode)
        self.met, self.printed = meeting.exists(), list(Path(env["TL_MESSAGE_FOLDER"]).iterdir())

    def poll(self) -> int:
        return 0


def test_processes_meet_in_a_folder_that_no_other_user_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[Child] = []
    monkeypatch.setenv("MASTER_PORT", "29500")
    monkeypatch.setattr(launch.subprocess, "Popen", lambda *a, **k: children.append(Child(*a, **k)) or children[-1])
    launch.relaunch(2, math.inf)
    assert [child.env["RANK"] for child in children] == ["0", "1"]
    for child in children:
        assert (child.mode, child.met, child.printed) == (0o700, False, [])
        assert child.env["GLOO_SOCKET_IFNAME"] == child.env["NCCL_SOCKET_IFNAME"] == "lo"
        assert Path(child.env["TL_MEETING_FILE"]).parent == Path(child.env["TL_MESSAGE_FOLDER"]).parent
    assert not Path(children[0].env["TL_MEETING_FILE"]).parent.exists()


@pytest.mark.parametrize(
    "name, broken", [("create_connection", unreachable), ("create_server", unreachable), ("if_nameindex", list)]
)
def test_without_a_loopback_it_is_a_mistake(name: str, broken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, name, broken)
    with pytest.raises(TLError, match=r"^--processes 2: processes talk over the loopback interface .*: bring it up"):
        launch.relaunch(2, math.inf)
