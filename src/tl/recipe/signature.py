"""Constructor signatures read from source: what an option accepts is known without importing torch.

An option's module holds one class marked `@final`. Its keyword-only parameters are the keys of its YAML file; its
positional parameters are supplied by `assemble`. `**common: Unpack[Common]` takes in the keys of a TypedDict that the
options of a group share. Annotations may be int, float, bool, str, Path, Duration, Literal, tuple[T, ...],
Mapping[str, T], T | None, T | Literal, Annotated[T, "range in words"] (range.py) and frozen dataclasses of these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tl.recipe.former import present_name
from tl.recipe.range import Range
from tl.recipe.shape import Choice, Either, ListOf, MapOf, Maybe, Record, Scalar, Shape

_SCALARS = ("int", "float", "bool", "str", "Path", "Duration", "Weights")


@dataclass(frozen=True)
class Signature:
    """What an option's constructor takes: parameters that assembly supplies by name, and keys that come from YAML."""

    class_name: str
    supplied: tuple[str, ...]
    record: Record


@dataclass(frozen=True)
class _Source:
    tree: ast.Module

    def classes(self) -> Iterator[ast.ClassDef]:
        return (node for node in self.tree.body if isinstance(node, ast.ClassDef))

    def find(self, name: str) -> tuple[_Source, ast.ClassDef, str]:
        """The class of a name, followed through `from module import name`: its source, the class, and its module.

        The module is '' for a class that is defined in this source itself.
        """
        for node in self.classes():
            if node.name == name:
                return self, node, ""
        for statement in ast.walk(self.tree):
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    if (alias.asname or alias.name) == name:
                        module, present = present_name(statement.module or "", alias.name)
                        source, found, inner = _source(_file(module)).find(present)
                        return source, found, inner or module
        raise LookupError(f"'{name}' is neither defined here nor imported by its module's full name")


def _file(module: str) -> Path:
    """The file of a module, found without importing the module or its packages."""
    top, *rest = module.split(".")
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        raise LookupError(f"the module '{module}' cannot be found")
    return Path(spec.origin).parent.joinpath(*rest).with_suffix(".py")


@cache
def _source(path: Path) -> _Source:
    return _Source(ast.parse(path.read_text(encoding="utf-8"), str(path)))


@cache
def signature(path: Path, module: str) -> Signature:
    """The signature of the one final class in the module at `path`."""
    source = _source(path)
    final = [node for node in source.classes() if any(ast.unparse(d) == "final" for d in node.decorator_list)]
    if len(final) != 1:
        raise LookupError(f"{path} must hold exactly one class marked @final, not {len(final)}")
    init = next((n for n in final[0].body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if init is None:
        return Signature(final[0].name, (), Record({}, f"{module}:{final[0].name}"))
    fields = {arg.arg: _shape(arg.annotation, source, module) for arg in init.args.kwonlyargs}
    if init.args.kwarg is not None:
        unpack = init.args.kwarg.annotation
        assert isinstance(unpack, ast.Subscript), f"{path}: **{init.args.kwarg.arg} needs the annotation Unpack[...]"
        fields |= _record(unpack.slice, source, module).fields
    supplied = tuple(arg.arg for arg in init.args.args[1:])
    return Signature(final[0].name, supplied, Record(fields, f"{module}:{final[0].name}"))


def dataclass_shape(path: Path, module: str, name: str) -> Record:
    """The shape of a dataclass that is defined in the module at `path`."""
    return _record(ast.Name(name), _source(path), module)


def literal(path: Path, name: str) -> object:
    """The value of a class attribute that is written as a literal, read without importing the module at `path`."""
    for cls in _source(path).classes():
        for node in cls.body:
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == name and node.value is not None:
                return ast.literal_eval(node.value)
    raise LookupError(f"{path} has no class attribute '{name}' written as a literal")


def _shape(node: ast.expr | None, source: _Source, module: str) -> Shape:
    if isinstance(node, ast.Name):
        return Scalar(node.id) if node.id in _SCALARS else _record(node, source, module)
    if isinstance(node, ast.BinOp):
        parts = [node.left, node.right]
        inner = [part for part in parts if not (isinstance(part, ast.Constant) and part.value is None)]
        if len(inner) == 1:
            return Maybe(_shape(inner[0], source, module))
        match [_shape(part, source, module) for part in inner]:
            case [item, Choice() as choice]:
                return Either(item, choice)
    if isinstance(node, ast.Subscript):
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        match ast.unparse(node.value):
            case "Literal":
                return Choice(tuple(ast.literal_eval(item) for item in items))
            case "Annotated":
                return _ranged(_shape(items[0], source, module), Range.parse(ast.literal_eval(items[1])), module)
            case "tuple":
                return ListOf(_shape(items[0], source, module))
            case "Mapping" | "dict":
                return MapOf(_shape(items[1], source, module))
    raise LookupError(f"{module}: the annotation '{ast.unparse(node) if node else ''}' cannot be bound to YAML")


def _ranged(shape: Shape, values: Range, module: str) -> Shape:
    match shape:
        case Scalar("int" | "float" | "Duration") | ListOf():
            return replace(shape, range=values)
    raise LookupError(f"{module}: only numbers, durations and lists have a range, not {shape.description()}")


def _record(node: ast.expr, source: _Source, module: str) -> Record:
    found_in, found, elsewhere = source.find(ast.unparse(node))
    home = elsewhere or module
    fields = {
        ast.unparse(item.target): _shape(item.annotation, found_in, home)
        for item in found.body
        if isinstance(item, ast.AnnAssign) and not ast.unparse(item.annotation).startswith("ClassVar")
    }
    return Record(fields, f"{home}:{found.name}")
