"""The core of helpers is small: what one chapter uses stands in helpers/chapters/; growth is a decision."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "helpers"
CEILING = 1_720  # lines of code; the commit that raises it says which two chapters need more
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(source: str) -> int:
    """Lines that hold code: neither blank, nor a comment alone, nor a docstring."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_the_core_of_helpers_stays_below_its_ceiling():
    sizes = {path.name: code_lines(path.read_text(encoding="utf-8")) for path in CORE.glob("*.py")}
    assert len(sizes) > 10
    assert sum(sizes.values()) <= CEILING, sizes


def depth(node: ast.AST) -> int:
    """How many loops, branches and blocks lie inside each other at most."""
    opens = isinstance(node, ast.For | ast.While | ast.If | ast.With | ast.Try)
    return opens + max(map(depth, ast.iter_child_nodes(node)), default=0)


def test_the_loop_of_fit_can_be_read_at_one_look():
    tree = ast.parse((CORE / "training.py").read_text(encoding="utf-8"))
    (fit,) = (node for node in tree.body if getattr(node, "name", "") == "fit")
    body = fit.body[1:]  # without the docstring
    assert body[-1].end_lineno - body[0].lineno + 1 <= 60
    assert depth(fit) <= 4


@pytest.mark.parametrize(
    ("source", "levels"),
    [
        ("x = 1", 0),
        ("if x:\n    y = 1", 1),
        ("for x in y:\n while z:\n  with a:\n   try:\n    b()\n   finally:\n    c()", 4),
        ("if x:\n    pass\nif y:\n    pass", 1),
    ],
)
def test_levels_are_counted_inside_each_other_not_after(source, levels):
    assert depth(ast.parse(source)) == levels


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("", 0),
        ("# alone\n\n\nx = 1  # beside code\n", 1),
        ('"""A file,\n\ndescribed."""\n', 0),
        ('def two():\n    """The number."""\n    return 2\n', 2),
        ('class One:\n    """A thing."""\n\n    async def get(self):\n        """It."""\n', 2),
        ('text = """two\nlines"""\n', 2),
        ("pair = (\n    1,\n\n    # the second\n    2,\n)\n", 4),
        ('def f():\n    "Said."\n    "not a docstring"\n', 2),
    ],
)
def test_lines_of_code_are_counted_without_blanks_comments_and_docstrings(source, count):
    assert code_lines(source) == count
