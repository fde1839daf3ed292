"""JSON on standard output: valid in any encoding of the stream, because what only UTF-8 can hold is escaped."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from tl.cli.printing.terminal import say


def print_json(content: Any) -> None:
    """Indented JSON; a number that is not finite becomes null."""
    say(json.dumps(_finite(content), indent=2, ensure_ascii=not _is_utf8()))


def print_json_line(content: Any) -> None:
    """JSON on one line; a number that is not finite becomes null."""
    say(json.dumps(_finite(content), ensure_ascii=not _is_utf8()), flush=True)


def _is_utf8() -> bool:
    return str(sys.stdout.encoding).lower() in ("utf-8", "utf8")


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
