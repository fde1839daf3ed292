"""The laws of the architecture, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tl.recipe.registry import GROUPS, RECIPES

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tl"
FLOORS: dict[int, tuple[str, ...]] = {
    0: (
        "errors",
        "space",
        "recipe",
        "batch",
    ),
    1: (
        *("functional", "metrics", "run"),
        *(
            "rows",
            "rng",
        ),
    ),
    2: ("components",),
    5: (
        "items",
        "streams",
        "phases",
        "cursor",
        "cache",
        "prefix",
        "filling",
        "activations",
        "work",
        "keeping",
        "pictures",
        "workers",
        "step",
        "holding",
        "sharding",
    ),
    6: (
        "job",
        "numerics",
        "trainer",
        "supply",
        "evaluate",
        "finder",
        "contact_sheet",
        "signals",
        "trackers",
        "capacity",
    ),
    7: (
        "assemble",
        "anatomy",
        "preflight",
        "forecast",
        "timing",
        "doctor",
        "reference",
        "history",
        "outcome",
        "report",
        "finetune",
        "score",
        "predict",
        "features",
        "launch",
        "again",
        "prepared",
        "replay",
    ),
    8: ("cli", "__main__"),
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}
TORCH = {"torch", "torchvision", "transformers", "accelerate", "hydra", "omegaconf", "sklearn", "scipy", "datasets"}
LIGHT = {name for floor in (0, 1) for name in FLOORS[floor]} - {"batch", "functional"} | set()
FILES = sorted(SOURCE.rglob("*.py"))


def home(path: Path) -> str:
    """The room a file belongs to: its package below tl, or its own name."""
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ([node.module] if node.module != "tl" else [f"tl.{alias.name}" for alias in node.names])
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def at_start(tree: ast.Module) -> Iterator[str]:
    """What importing the module imports; not what its functions or type checking do."""
    for statement in tree.body:
        if not (isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)):
            shallow = ast.Module([n for n in ast.walk(statement) if isinstance(n, (ast.Import, ast.ImportFrom))], [])
            if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                yield from imports(shallow)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down_and_siblings_are_strangers(path: Path) -> None:
    room = home(path)
    if path.name == "__init__.py":
        assert path.read_text().count("\n") <= 1, "a wing's __init__ is its one sentence, a group's is empty"
        return
    assert room in FLOOR, f"{room} is on no floor: add it to FLOORS"
    for module in imports(ast.parse(path.read_text())):
        parts = module.split(".")
        if parts[0] != "tl" or len(parts) == 1:
            continue
        other = parts[1]
        assert FLOOR[other] <= FLOOR[room], f"{module} is above {room}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_light_rooms_import_nothing_heavy_at_start(path: Path) -> None:
    if home(path) in LIGHT or (home(path) == "cli" and path.stem in ("app", "train", "answer", "recipes", "runs")):
        heavy = {module.split(".")[0] for module in at_start(ast.parse(path.read_text()))} & TORCH
        assert not heavy


@pytest.mark.parametrize("group", GROUPS)
def test_a_yaml_folder_is_a_package(group: str) -> None:
    yaml = {path.stem for path in (RECIPES / group).glob("[!_]*.yaml")}
    final = {p.stem for p in (SOURCE / "components" / group).glob("*.py") if "\n@final\nclass" in p.read_text()}
    assert yaml == final


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, node.name


def test_no_drawers() -> None:
    assert not {path.stem for path in FILES} & {"utils", "common", "helpers", "misc"}


def test_only_one_file_prints_and_tables_come_from_one_class() -> None:
    for path in FILES:
        called = {
            n.func.id
            for n in ast.walk(ast.parse(path.read_text()))
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }
        assert "print" not in called or path == SOURCE / "cli" / "terminal.py", path
        assert "Console" not in called, path


def test_options_have_no_python_defaults() -> None:
    for group in GROUPS:
        for path in (SOURCE / "components" / group).glob("*.py"):
            for cls in (n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ClassDef)):
                if any(ast.unparse(d) == "final" for d in cls.decorator_list):
                    inits = [n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
                    assert not any(d for init in inits for d in (*init.args.defaults, *init.args.kw_defaults)), path
