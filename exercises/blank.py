"""Whether an answer is still the stub that was handed out."""

import ast
import inspect
import textwrap
from collections.abc import Callable


def is_blank(function: Callable, error: BaseException | None) -> bool:
    """Whether a function that raised this error is the stub: nothing in it but NotImplementedError."""
    if not _is_of_the_stub(error):
        return False
    body = _statements(function)
    return body is None or (len(body) == 1 and _raises_not_implemented(body[0]))


def is_still_there(function: Callable, error: BaseException | None) -> bool:
    """Whether the line of the stub stands below, or among, what the learner wrote."""
    body = _statements(function) or []
    return _is_of_the_stub(error) and any(
        _raises_not_implemented(node) for part in body for node in ast.walk(part)
    )


def _is_of_the_stub(error: BaseException | None) -> bool:
    """A library raises NotImplementedError too, with words of its own."""
    return isinstance(error, NotImplementedError) and (not str(error) or str(error).startswith("exercise"))


def _statements(function: Callable) -> list[ast.stmt] | None:
    """The statements of a function without docstring, `pass` and `...`; None when its source is unknown."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):  # typed into a prompt, no Python, part of a line
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    return [
        part
        for part in tree.body
        if not isinstance(part, ast.Pass)
        and not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
    ]


def _raises_not_implemented(node: ast.AST) -> bool:
    raised = node.exc if isinstance(node, ast.Raise) else None
    raised = raised.func if isinstance(raised, ast.Call) else raised
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
