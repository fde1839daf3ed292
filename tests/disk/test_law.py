"""The law of the writer, read from the sources: no other file of `tl` opens, renames or links a file to be written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import FILES, SOURCE

# What writes files elsewhere, and why.
EXCEPTIONS = {
    "disk/folder.py": "the writer",
    "disk/lock.py": "the locks",
    "cli/printing/output.py": "opens /dev/null in the place of a terminal that is gone",
}
_WRITES = {"write_text", "write_bytes", "symlink_to", "hardlink_to", "NamedTemporaryFile", "mkstemp", "savefig"}
_OS = {"rename", "replace", "renames", "link", "symlink", "truncate", "mkfifo", "mknod"}
_SHUTIL = {"copy", "copy2", "copyfile", "copytree", "move"}
_FLAGS = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC")
_TO_PATHS = {"save", "save_file", "savez", "savez_compressed", "write_table", "ParquetWriter", "imwrite"}
_FILES = {"file", "out", "buffer", "stream", "hashing"}  # names of open files, to which a library may write


def writes(tree: ast.AST) -> Iterator[str]:
    """The calls that write a file by its path."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        texts = [ast.unparse(value) for value in (*call.args, *(keyword.value for keyword in call.keywords))]
        if (
            (name == "open" and owner != "os" and set(_mode(call)) & set("wax+"))
            or (name == "open" and owner == "os" and any(flag in text for flag in _FLAGS for text in texts))
            or (name in _TO_PATHS and not set(texts) & _FILES and owner not in ("", "self", "writer"))
            or name in _WRITES
            or (owner == "os" and name in _OS)
            or (owner == "shutil" and name in _SHUTIL)
        ):
            yield f"line {call.lineno}: {ast.unparse(call.func)}"


def _mode(call: ast.Call) -> str:
    """The mode with which a file is opened: the second argument of `open`, the first one of a path's method."""
    place = 0 if isinstance(call.func, ast.Attribute) else 1
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] or call.args[place : place + 1]
    return next((str(value.value) for value in given if isinstance(value, ast.Constant)), "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_the_writer_writes(path: Path) -> None:
    where = str(path.relative_to(SOURCE))
    if where not in EXCEPTIONS:
        found = list(writes(ast.parse(path.read_text())))
        assert not found, f"{where} writes files by itself: let tl.disk.folder do it ({found})"


@pytest.mark.parametrize(
    "code",
    [
        "open('x', 'w')", "p.open('ab')", "p.open(mode='r+')", "p.write_text('x')", "os.open(p, os.O_RDWR)",
        "os.replace(a, b)", "torch.save(state, path)", "np.savez(to, a=1)", "image.save(to, 'PNG')",
        "shutil.copy(a, b)", "NamedTemporaryFile('wb')", "pyarrow.parquet.write_table(t, path)",
    ],
)  # fmt: skip
def test_what_writes_is_found(code: str) -> None:
    assert list(writes(ast.parse(code)))


@pytest.mark.parametrize("code", ["open('x')", "p.open('rb')", "os.open(p, os.O_RDONLY)", "image.save(out, 'PNG')"])
def test_what_reads_is_not(code: str) -> None:
    assert not list(writes(ast.parse(code)))
