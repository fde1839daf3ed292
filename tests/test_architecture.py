"""The laws of the architecture, read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median
from typing import get_args

import pytest

from tl.recipe.registry import GROUPS, RECIPES
from tl.space import Kind

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tl"
WINGS = {
    "boundary": 1, "disk": 2, "recipe": 2, "metrics": 2, "report": 2, "run": 3, "components": 4, "inputs": 5,
    "training": 6, "evaluation": 6, "commands": 7, "cli": 8,
}  # fmt: skip
ANYONES = ("errors", "batch", "space", "family", "place", "rng", "functional")
# Storeys within components/: columns, what a sample is, the groups, the task (which knows the data's targets), the
# model they make, what knows the model.
COMPONENTS = {
    "columns": 0, "sample": 1, "picture": 2, "preprocess": 2, "preprocess_file": 3, "overlay": 3, "anchored": 3,
    **dict.fromkeys(GROUPS, 4), "task": 5, "model": 6, "method": 7, "checksum": 7,
}  # fmt: skip
HEAVY = {
    "torch",
    "torchvision",
    "transformers",
    "accelerate",
    "hydra",
    "omegaconf",
    "sklearn",
    "scipy",
    "datasets",
    "jinja2",
}
# What `tl check`, `tl show` and the like import: quick, so nothing heavy at the top of the file.
LIGHT = (
    *("errors", "space", "family", "rng", "boundary/", "disk/", "recipe/", "metrics/", "run/", "report/"),
    "components/task/",
    *("components/columns", "components/sample", "components/picture", "components/preprocess"),
    *("components/data/", "components/freeze/", "components/optimizer/"),
    *(
        f"commands/{name}"
        for name in ("check", "doctor", "explain", "fix", "forecast", "kinds", "launch", "parts", "runs", "words")
    ),
    *(f"commands/{name}" for name in ("chosen_task", "collector", "doubts", "fit", "forms", "machine", "warmup")),
    "components/backbone/published",
    "cli/",
)
FILES = sorted(SOURCE.rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def at_start(tree: ast.Module) -> Iterator[str]:
    """What importing the module imports; not what its functions or type checking do."""
    for statement in tree.body:
        if not (isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)):
            shallow = ast.Module([n for n in ast.walk(statement) if isinstance(n, (ast.Import, ast.ImportFrom))], [])
            if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                yield from imports(shallow)


def floor(module: str) -> int:
    """The floor of a module below tl, such as inputs.cache; AssertionError for one that is in no wing."""
    first = module.partition(".")[0]
    where = f"src/tl/{first}.py is in no wing: move it into the wing whose sentence fits (src/tl/README.md)"
    assert first in WINGS or first in ANYONES or first == "__main__", where
    return WINGS.get(first, 9 if first == "__main__" else 1)


def named(path: Path) -> str:
    """A file's module below tl: inputs/cache.py is inputs.cache, metrics/__init__.py is metrics."""
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def own_imports(path: Path) -> set[str]:
    """The modules below tl that a file imports, at its top or within functions."""
    found = {name.removeprefix("tl.") for name in imports(ast.parse(path.read_text())) if name.startswith("tl.")}
    return {
        name for name in found if any((SOURCE / name.replace(".", "/")).with_suffix(s).exists() for s in ("", ".py"))
    }


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_point_down_and_siblings_are_strangers(path: Path) -> None:
    here = named(path)
    for other in own_imports(path):
        wing, theirs = here.partition(".")[0], other.partition(".")[0]
        upwards = (
            f"{here} imports {other}, which is on a higher floor (src/tl/README.md): "
            f"let the caller pass in what {here} needs, or move that code of {here} up"
        )
        assert floor(other) <= floor(here), upwards
        siblings = f"{here} imports {other}, a wing of the same floor: move what both need one floor down"
        assert floor(other) < floor(here) or wing == theirs or floor(here) == 1, siblings
        if wing == theirs == "components":
            mine, its = here.split(".")[1], other.split(".")[1]
            message = f"{here} imports {other}: groups are strangers, and what they make of each other is above them"
            assert COMPONENTS[its] < COMPONENTS[mine] or its == mine, message


def circle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """The files of one circle of imports, the first one also last; empty where there is none."""
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_no_file_imports_itself_through_others() -> None:
    """Also within functions: a circle that is hidden there is one all the same."""
    graph = {named(path): own_imports(path) for path in FILES if path.name != "__init__.py"}
    circle = circle_in(graph)
    assert not circle, f"These files import each other in a circle: {' <- '.join(circle)}: split one of them."


def test_a_circle_is_found() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == {"b", "c"}


def test_every_wing_has_tests_in_a_folder_of_its_name() -> None:
    tested = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").rglob("test_*.py")}
    assert WINGS.keys() <= tested, "a wing has no tests of its own: write them in tests/<wing>/"


def test_the_listing_is_the_table_of_wings() -> None:
    listed = {path.name for path in SOURCE.iterdir() if path.name not in ("__pycache__", "recipes")}
    loose = {name for name in listed if name.endswith(".py")}
    assert loose == {f"{name}.py" for name in (*ANYONES, "__init__", "__main__")}, "a file belongs in a wing"
    assert len(loose) <= 9, "at most seven files are everyone's (with __init__ and __main__, nine)"
    assert listed - loose == {*WINGS, "README.md", "py.typed", "mistakes.toml"}
    readme = (SOURCE / "README.md").read_text()
    for wing in WINGS:
        sentence = ast.get_docstring(ast.parse((SOURCE / wing / "__init__.py").read_text())) or ""
        assert f"`{wing}/` | {sentence}" in readme, f"src/tl/README.md does not say what {wing}/__init__.py says"


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "__init__.py"], ids=named)
def test_a_wings_init_is_its_one_sentence_and_a_groups_is_empty(path: Path) -> None:
    body = ast.parse(path.read_text()).body
    if path.parent.parent == SOURCE:
        assert [type(node) for node in body] == [ast.Expr], "a wing's __init__.py holds its sentence, and no code"
    else:
        assert not body, "importing a group must import nothing: leave its __init__.py empty"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_light_files_import_nothing_heavy_at_the_top(path: Path) -> None:
    if str(path.relative_to(SOURCE)).startswith(LIGHT):
        heavy = {module.split(".")[0] for module in at_start(ast.parse(path.read_text()))} & HEAVY
        assert not heavy, f"import {', '.join(heavy)} inside the function that needs it: tl check must stay quick"


@pytest.mark.parametrize("group", GROUPS)
def test_a_yaml_folder_is_a_package(group: str) -> None:
    yaml = {path.stem for path in (RECIPES / group).glob("[!_]*.yaml")}
    final = {p.stem for p in (SOURCE / "components" / group).glob("*.py") if "\n@final\nclass" in p.read_text()}
    assert yaml == final


@pytest.mark.parametrize("group", [group for group in GROUPS if group != "method"])
def test_every_option_has_tests_of_its_own(group: str) -> None:
    """Methods are tested in the one trainer: tests/training/test_trainer.py finds them."""
    folder = ROOT / "tests" / "components" / group
    missing = [
        yaml.stem for yaml in (RECIPES / group).glob("[!_]*.yaml") if not (folder / f"test_{yaml.stem}.py").is_file()
    ]
    assert not missing, (
        f"write {folder}/test_{missing[0]}.py: what only this option does, held to an independent result"
    )


def test_the_median_file_has_at_most_a_hundred_lines() -> None:
    assert median(path.read_text().count("\n") for path in FILES if path.name != "__init__.py") <= 100


@pytest.mark.parametrize("path", FILES, ids=named)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 300, "split the file by noun"
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
        assert "print" not in called or path == SOURCE / "cli" / "printing" / "terminal.py", path
        assert "Console" not in called, path


KINDS = set(get_args(Kind))


@pytest.mark.parametrize("path", [p for p in FILES if named(p).startswith(("report.", "cli."))], ids=named)
def test_the_report_and_the_terminal_ask_for_no_kind_and_name_no_task(path: Path) -> None:
    """They draw and print what they are given: a new task changes nothing there."""
    tasks = {one.stem for one in (RECIPES / "task").glob("[!_]*.yaml")} - {"auto"}
    words = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
    known = words & (KINDS | tasks)
    assert not known, f"{named(path)} knows {', '.join(map(str, known))}: let the task give plain data"


BROAD = {"Exception", "BaseException"}


def broad_catches(tree: ast.AST) -> Iterator[int]:
    """The lines that catch whatever is raised: `except:`, `except Exception`, `suppress(Exception)`.

    Who ends with a bare `raise` only tidies up.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            if ast.unparse(node.body[-1]) == "raise":
                continue
            caught = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else BROAD
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = {n.id for argument in node.args for n in ast.walk(argument) if isinstance(n, ast.Name)}
        else:
            continue
        if caught & BROAD:
            yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=named)
def test_only_the_boundary_catches_whatever_is_raised(path: Path) -> None:
    tree = ast.parse(path.read_text())
    broad = [*broad_catches(tree)]
    instead = (
        f"{path}: lines {broad} catch whatever is raised: put `reading` of boundary.foreign around the library's call"
    )
    assert len(broad) == (1 if path == SOURCE / "boundary" / "foreign.py" else 0), instead
    handlers = [node.type for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    listed = [h for h in handlers if isinstance(h, ast.Tuple) and len(h.elts) > 4]
    assert not listed, f"{path}: a list of {ast.unparse(listed[0])} lacks one more: use `reading` of boundary.foreign"


def test_a_broad_catch_is_found() -> None:
    texts = ["try: x\nexcept: y", "try: x\nexcept (KeyError, Exception): y", "try: x\nexcept* BaseException: y"]
    texts += ["with contextlib.suppress(Exception): x"]
    assert [len([*broad_catches(ast.parse(text))]) for text in texts] == [1, 1, 1, 1]
    for fine in ("except (KeyError, OSError): y", "except BaseException:\n    y\n    raise"):
        assert not [*broad_catches(ast.parse(f"try: x\n{fine}"))]


def test_options_have_no_python_defaults() -> None:
    for group in GROUPS:
        for path in (SOURCE / "components" / group).glob("*.py"):
            for cls in (n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ClassDef)):
                if any(ast.unparse(d) == "final" for d in cls.decorator_list):
                    inits = [n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
                    assert not any(d for init in inits for d in (*init.args.defaults, *init.args.kw_defaults)), path
