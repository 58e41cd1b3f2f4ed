"""Small changes of the functions of a file, and how one is made in a program that runs.

Which: those of mutmut (a 2 for a 1, a minus for a plus, an argument left out, ...), in functions
with decorators too. Left out is what no test can or should notice:

* the words of errors, whose tests ask for what a user needs of them: statements that raise;
* types: annotations, `cast`, and overloads, which do nothing when the program runs;
* `strict` of `zip`, and `assert`: checks of the program by itself, which pass whatever is given;
* `astype(None)` for `astype(float)`: numpy's word for the same type.
"""

from __future__ import annotations

import ast
import collections
import difflib
import functools
import gc
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import ChildReplacementTransformer, MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode


@dataclass(frozen=True)
class Change:
    """One change: of which function (its first line, its name), from and to which line, by which node."""

    path: Path
    function: str
    first: int
    lines: range
    module: cst.Module = field(repr=False)
    before: cst.CSTNode = field(repr=False)
    after: cst.CSTNode = field(repr=False)

    def source(self) -> str:
        """Return the changed file."""
        return self.module.visit(ChildReplacementTransformer(self.before, self.after)).code

    def __str__(self) -> str:
        lines = difflib.unified_diff(
            self.module.code.splitlines(), self.source().splitlines(), n=0, lineterm=""
        )
        changed = "\n".join(f"    {line}" for line in list(lines)[3:])
        return f"{self.path}:{self.lines.start} {self.function}\n{changed}"

    def make(self) -> None:
        """Change the function wherever it lives in this process, decorated or not, and those made in it."""
        source = self.source()
        whole = next(code for code in codes(compile(source, str(self.path), "exec")) if self.is_of(code))
        new = {(code.co_qualname, code.co_firstlineno): code for code in (whole, *codes(whole))}
        functions = [function for function in living()[str(self.path)] if place(function) in new]
        if not functions:
            raise LookupError(f"no function {self.function} of {self.path} lives")
        for function in functions:
            function.__code__ = new[place(function)]
        node = next(node for name, node in functions_of(ast.parse(source)) if first_line(node) == self.first)
        if self.lines.start < node.body[0].lineno:
            set_defaults([function for function in functions if self.is_of(function.__code__)], node.args)

    def is_of(self, code: types.CodeType) -> bool:
        """Return whether a code is that of the function."""
        return (code.co_filename, code.co_qualname, code.co_firstlineno) == (
            str(self.path),
            self.function,
            self.first,
        )


def place(function: types.FunctionType) -> tuple[str, int]:
    """Return the qualified name and the first line of a function."""
    return function.__code__.co_qualname, function.__code__.co_firstlineno


@functools.cache
def living() -> dict[str, list[types.FunctionType]]:
    """Return all functions that live, decorated or not, by their file; found once, before the forks."""
    found = collections.defaultdict(list)
    for thing in gc.get_objects():
        if type(thing) is types.FunctionType:  # isinstance asks the thing: one of torch warns when asked
            found[thing.__code__.co_filename].append(thing)
    return found


def set_defaults(functions: list[types.FunctionType], arguments: ast.arguments) -> None:
    """Give functions the defaults that their changed text has."""

    def value(node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), "<default>", "eval"), functions[0].__globals__)

    by_name = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for function in functions:
        function.__defaults__ = tuple(map(value, arguments.defaults)) or None
        function.__kwdefaults__ = {
            name.arg: value(node) for name, node in by_name if node is not None
        } or None


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the codes in a code."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from codes(constant)


class Visitor(MutationVisitor):
    """Collect the changes and where each is."""

    def __init__(self) -> None:
        super().__init__(mutation_operators, IgnoredCode(set(), set(), set()))
        self.lines: list[range] = []

    def _create_mutations(self, node: cst.CSTNode) -> None:
        super()._create_mutations(node)
        if len(self.mutations) > len(self.lines):
            place = self.get_metadata(PositionProvider, node)
            new = len(self.mutations) - len(self.lines)
            self.lines += [range(place.start.line, place.end.line + 1)] * new

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        match node:
            case cst.Raise() | cst.Assert() | cst.Decorator():
                return True
            case cst.Call(func=cst.Name("cast")):
                return True
            case cst.Arg(keyword=cst.Name("strict")):
                return True
            case cst.FunctionDef():
                return any(
                    isinstance(d.decorator, cst.Name) and d.decorator.value == "overload"
                    for d in node.decorators
                )
        return super()._skip_node_and_children(node)


def changes(path: Path) -> Iterator[Change]:
    """Yield all changes of a file."""
    source = path.read_text(encoding="utf-8")
    visitor = Visitor()
    module = MetadataWrapper(cst.parse_module(source)).visit(visitor)
    functions = list(functions_of(ast.parse(source)))
    for mutation, lines in zip(visitor.mutations, visitor.lines, strict=True):
        of = [(name, node) for name, node in functions if first_line(node) <= lines.start <= node.end_lineno]
        before, after = mutation.original_node, mutation.mutated_node
        if of and not (only_strict(before, after) or same_type(before, after)):
            name, node = of[0]
            yield Change(path, name, first_line(node), lines, module, before, after)


def only_strict(before: cst.CSTNode, after: cst.CSTNode) -> bool:
    """Return whether a change is only of `strict` in a call of `zip`."""

    def strict(node: cst.CSTNode) -> list[cst.Arg]:
        arguments = node.args if isinstance(node, cst.Call) else ()
        return [argument for argument in arguments if argument.keyword and argument.keyword.value == "strict"]

    return strict(before) != strict(after)


def same_type(before: cst.CSTNode, after: cst.CSTNode) -> bool:
    """Return whether a change is of `astype(float)` to `astype(None)`."""
    match before, after:
        case (
            cst.Call(func=cst.Attribute(attr=cst.Name("astype")), args=[cst.Arg(cst.Name("float"))]),
            cst.Call(args=[cst.Arg(cst.Name("None"))]),
        ):
            return True
    return False


def functions_of(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the functions of a module and of its classes, by their qualified names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from (
                (f"{node.name}.{child.name}", child)
                for child in node.body
                if isinstance(child, ast.FunctionDef)
            )


def first_line(node: ast.FunctionDef) -> int:
    """Return the line of a function's first decorator, or of its `def`."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def lines_that_tell(change: Change, tree: ast.Module) -> range:
    """Return the lines of which one is run where the changed statement is."""
    function = next(node for _, node in functions_of(tree) if first_line(node) == change.first)
    whole = range(function.body[0].lineno, function.end_lineno + 1)
    if change.lines.start < whole.start:
        return whole
    around = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.stmt)
        and node.lineno <= change.lines.start
        and change.lines.stop - 1 <= node.end_lineno
    ]
    inner = max(around, key=lambda node: (node.lineno, -node.end_lineno))
    body = getattr(inner, "body", None) or getattr(inner, "cases", None)
    last = body[0].lineno - 1 if isinstance(body, list) and hasattr(body[0], "lineno") else inner.end_lineno
    return range(inner.lineno, max(last, inner.lineno) + 1)
