"""What a helper repeats from a notebook must be the notebook's, word for word."""

import ast
import inspect
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from tools.notebooks import code_cells, read_notebook, statements


def assert_same_code(notebook: Path, module: ModuleType, names: Iterable[str]) -> None:
    """The functions and classes ``names`` of the module and of the notebook have the same code.

    Docstrings and annotations do not count: a helper has more of them.
    """
    cells = [statements(cell.source) for cell in code_cells(read_notebook(notebook))]
    ours, theirs = _definitions(cells), _definitions([ast.parse(inspect.getsource(module))])
    for name in names:
        assert ours[name] == theirs[name], f"{name} of {module.__name__} is not that of {notebook.name}"


def _definitions(trees: list[ast.Module]) -> dict[str, str]:
    kinds = (ast.FunctionDef, ast.ClassDef)
    found = [part for tree in trees for part in tree.body if isinstance(part, kinds)]
    return {part.name: ast.unparse(_Plain().visit(part)) for part in found}


class _Plain(ast.NodeTransformer):
    """Takes docstrings and annotations away."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns, node.body = None, _without_docstring(node.body)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = _without_docstring(node.body)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str)
    return body[1:] if is_text else body
