"""Run one cell of a notebook, after what was defined before it."""

from pathlib import Path
from types import SimpleNamespace

from tools.notebooks import cells_of


def run_cell(notebook: Path, nb: SimpleNamespace, cell: str, **changed: object) -> SimpleNamespace:
    """Run a cell in a copy of the names ``nb``, some of them changed; what is there afterwards."""
    names = vars(nb) | changed
    exec(compile(cells_of(notebook, cell)[0].source, cell, "exec"), names)
    return SimpleNamespace(**names)
