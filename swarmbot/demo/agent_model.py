"""The demo agent's "model": it knows one fault, a division by the length of something that may be empty."""

from __future__ import annotations

import ast
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

_SKIPPED_FOLDERS = frozenset({"tests", "test", "node_modules", "build", "dist", "venv", "__pycache__"})
_LARGEST_FILE = 200_000
_MOST_FILES = 2000

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Edit(NamedTuple):
    """One guard to put in."""

    path: Path
    function: str
    name: str
    """The variable whose length is divided by."""
    line: int
    """The lines are put before this one, counted from 0."""
    added: tuple[str, ...]

    @property
    def what(self) -> str:
        """Say in a few words what the edit does."""
        return f"Fixed {self.function} for empty input"


def find_edit(tree: Path, declined: Collection[Path] = ()) -> Edit | None:
    """Return the first fault in the Python files below ``tree``, those in ``declined`` and the tests left out."""
    for path in _python_files(tree):
        if path in declined:
            continue
        try:
            source = path.read_bytes().decode()
            module = ast.parse(source)
        except (OSError, ValueError, SyntaxError):
            continue
        for node in ast.walk(module):
            if isinstance(node, _Function) and (edit := _fault(node, path, source.split("\n"))):
                return edit
    return None


def apply(edit: Edit) -> None:
    """Write the edit to its file, with the line ends that the file has."""
    # Not splitlines(): Python counts no form feed as the end of a line.
    lines = edit.path.read_bytes().decode().split("\n")
    end = "\r" if lines[edit.line].endswith("\r") else ""
    lines[edit.line : edit.line] = [line + end for line in edit.added]
    edit.path.write_bytes("\n".join(lines).encode())


def diff_rows(edit: Edit, context: int = 2) -> list[str]:
    """Return the edit as rows with line numbers, the way agents show one."""
    lines = edit.path.read_bytes().decode().replace("\r", "").split("\n")
    before = range(max(0, edit.line - context), edit.line)
    after = range(edit.line, min(len(lines), edit.line + context))
    rows = [f"{n + 1:>4}   {lines[n]}" for n in before]
    rows += [f"{edit.line + n + 1:>4} + {line}" for n, line in enumerate(edit.added)]
    return rows + [f"{n + len(edit.added) + 1:>4}   {lines[n]}" for n in after]


def _python_files(tree: Path) -> Iterator[Path]:
    count = 0
    for folder, folders, files in os.walk(tree):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if not name.endswith(".py") or name.startswith(("test_", ".")) or path.is_symlink():
                continue
            count += 1
            if count > _MOST_FILES:
                return
            if path.stat().st_size <= _LARGEST_FILE:
                yield path


def _fault(function: _Function, path: Path, lines: list[str]) -> Edit | None:
    """Find the first statement of ``function`` that divides by ``len(name)`` with nothing asking about the name."""
    arguments = function.args
    bound = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    asked: set[str] = set()
    for statement in function.body:
        if isinstance(statement, _Function | ast.ClassDef):
            continue
        asked |= _asked_about(statement)
        name = _divided_by(statement)
        if name in bound - asked:
            indent = lines[statement.lineno - 1][: statement.col_offset]
            outer = lines[function.lineno - 1][: function.col_offset]
            if indent.strip() or indent == outer:
                return None  # the body stands on the line of the def
            step = indent.removeprefix(outer)
            guard = (f"{indent}if not {name}:", f"{indent}{step}return 0.0")
            return Edit(path, function.name, name, statement.lineno - 1, guard)
        if isinstance(statement, ast.Assign):
            bound |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return None


def _divided_by(statement: ast.stmt) -> str | None:
    for node in ast.walk(statement):
        match node:
            case ast.BinOp(
                op=ast.Div(), right=ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)], keywords=[])
            ):
                return name
    return None


def _asked_about(statement: ast.stmt) -> set[str]:
    tests = [node.test for node in ast.walk(statement) if isinstance(node, ast.If | ast.IfExp | ast.Assert | ast.While)]
    return {node.id for test in tests for node in ast.walk(test) if isinstance(node, ast.Name)}
