"""What scripts/ import from tl, also in code that they hand to another process as a string, is there."""

from __future__ import annotations

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
IMPORT = re.compile(r"\bfrom (tl(?:\.\w+)*) import ([\w ,]+)")


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.py")), ids=lambda path: str(path.relative_to(SCRIPTS)))
def test_names_that_a_script_imports_from_tl_exist(path: Path) -> None:
    for module, names in IMPORT.findall(path.read_text(encoding="utf-8")):
        found = importlib.import_module(module)
        for name in (part.split()[0] for part in names.split(",") if part.strip()):
            known = hasattr(found, name) or (hasattr(found, "__path__") and find_spec(f"{module}.{name}"))
            assert known, f"{path.name} imports {name} from {module}, which has no such name: was it renamed?"
