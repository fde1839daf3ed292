"""Refuses the network to this process: conftest.py imports it, and Python does in every process that a test starts.

Loopback is left to tests of several processes. What was refused is written down, as a library may swallow the error.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

_ASKS = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0}


def _host(asked: Any) -> str:
    """The host of an address; '' where it is a path of this machine."""
    found = asked[0] if isinstance(asked, tuple) else asked if asked is not None else ""
    return found.decode("ascii", "replace") if isinstance(found, bytes) else str(found)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in _ASKS or getattr(arguments[0], "family", None) == socket.AF_UNIX:
        return
    host = _host(arguments[_ASKS[event]])
    if host in ("", "localhost", "::1", socket.gethostname()) or host.startswith("127."):
        return
    if "TL_REFUSED" in os.environ:
        with Path(os.environ["TL_REFUSED"]).open("a", encoding="utf-8") as file:
            file.write(f"{event} {host}\n")
    raise PermissionError(f"a test asked the network for {host}")


sys.addaudithook(_refuse)
