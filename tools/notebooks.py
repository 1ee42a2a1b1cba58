"""The one place that finds, reads and writes notebooks, and that runs cells of theirs by id."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers.files import write_whole

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
ENGLISH = NOTEBOOKS / "en"


# ---- finding ---------------------------------------------------------------------------------------------


def natural_key(path: str | Path) -> list:
    """Sort key under which `2_math` comes before `10_more`, and `1a_nets` before `2_convolution`."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", Path(path).as_posix())]


def find_notebooks(names: Iterable[str | Path] = (), folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks below `folder` in chapter order; with names, only those.

    A name is a path to a notebook or to a folder of some, or the beginning of a part of one: `6_vision`,
    `6_vision/1` (with its parts 1a, 1b), `1a_pic`. Raises ValueError, with the list of what there is, for a
    name that fits nothing.
    """
    folder = Path(folder).resolve()
    everything = _below(folder)
    if not names:
        return everything
    chosen = set()
    for name in names:
        path = Path(name)
        if path.suffix == ".ipynb" and path.is_file():
            fitting = {path.resolve()}
        elif path.is_dir() and path.resolve() != ROOT:
            fitting = set(_below(path.resolve()))
        else:
            beginning = (
                re.compile(rf"(^|/){re.escape(path.as_posix())}(?!\d)") if str(name) else re.compile("$.")
            )
            fitting = {p for p in everything if beginning.search(p.relative_to(folder).as_posix())}
        if not fitting:
            there = "\n  ".join(p.relative_to(folder).as_posix() for p in everything) or "(none)"
            raise ValueError(f"no notebook is called {str(name)!r}; there are:\n  {there}")
        chosen |= fitting
    return sorted(chosen, key=natural_key)


def _below(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    return sorted(found, key=natural_key)


def short_name(path: str | Path) -> str:
    """`notebooks/en/2_math/1b_svd.ipynb` -> `2_math/1b_svd`; elsewhere the bare name."""
    path = Path(path).resolve()
    try:
        inside = path.relative_to(NOTEBOOKS.resolve())
    except ValueError:
        return path.stem
    return "/".join(inside.with_suffix("").parts[1:])  # without the folder of the language


# ---- reading and writing ---------------------------------------------------------------------------------


def read_notebook(path: str | Path) -> NotebookNode:
    """A notebook exactly as its file has it: nbformat.read would mend missing and duplicate ids.

    Raises ValueError, which names the file, for one that is no notebook of nbformat 4.
    """
    text = Path(path).read_text(encoding="utf-8")
    try:
        notebook = nbformat.v4.reads(text)
        if notebook.nbformat != 4 or not isinstance(notebook.cells, list):
            raise ValueError(f"nbformat {notebook.nbformat}")
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is no notebook of nbformat 4 ({error}); save it again in JupyterLab"
        ) from error
    return notebook


def write_notebook(notebook: NotebookNode, path: str | Path) -> bool:
    """Write all of a notebook or nothing, if that changes the file. Whether it did."""
    path, text = Path(path), nbformat.writes(notebook)
    if not text.endswith("\n"):
        text += "\n"
    if path.exists() and path.read_bytes() == text.encode():
        return False
    write_whole(path, text)
    return True


# ---- cells -----------------------------------------------------------------------------------------------


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags_of(cell: NotebookNode) -> list[str]:
    """The tags of a cell; empty if it has none."""
    return cell.metadata.get("tags", [])


def is_exercise(cell: NotebookNode) -> bool:
    """Whether a cell belongs to an exercise: `ex-6-1-4-text`, `-answer`, `-check`."""
    return cell.get("id", "").startswith("ex-")


def cells_of(path: str | Path, *ids: str) -> list[NotebookNode]:
    """The code cells of a notebook with these ids, in this order; without ids, all but those of exercises.

    Raises ValueError for an id that no code cell has.
    """
    cells = code_cells(read_notebook(path))
    if not ids:
        return [cell for cell in cells if not is_exercise(cell)]
    by_id = {cell.get("id"): cell for cell in cells}
    if missing := [name for name in ids if name not in by_id]:
        there = ", ".join(map(str, by_id))
        raise ValueError(f"{path} has no code cell {', '.join(map(repr, missing))}; there are {there}")
    return [by_id[name] for name in ids]


def statements(source: str) -> ast.Module:
    """The syntax tree of a cell, without its magics (`%time`, `!ls`)."""
    lines = source.splitlines()
    return ast.parse("\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines))


def define(
    path: str | Path, ids: Iterable[str] = (), namespace: dict | None = None, *, whole: Iterable[str] = ()
) -> dict:
    """Run in `namespace` what cells of a notebook define, and return it.

    Of the cells `ids` (none: all but the exercises) only imports, functions, classes, methods that are hung
    on a class (`GPT.forward = …`) and constants (`N_TRACKS, LAG = …`) are run, so nothing is printed, drawn
    or trained; of those in `whole`, which need not stand in `ids` again, every statement. The order is that
    of the notebook. Raises ValueError for an id that no code cell has.
    """
    namespace = {"__name__": Path(path).stem} if namespace is None else namespace
    whole, chosen = set(whole), {cell.id for cell in cells_of(path, *ids)}
    chosen |= {cell.id for cell in cells_of(path, *whole)} if whole else set()
    for cell in code_cells(read_notebook(path)):
        if cell.id in chosen:
            tree = statements(cell.source)
            if cell.id not in whole:
                tree.body = [part for part in tree.body if _defines(part)]
            exec(compile(tree, cell.id, "exec"), namespace)
    return namespace


def _defines(part: ast.stmt) -> bool:
    if isinstance(part, ast.Assign):
        place = part.targets[0]
        if isinstance(place, ast.Attribute):  # a method that is hung on a class
            owner = place.value
            return isinstance(part.value, ast.Name) and isinstance(owner, ast.Name) and owner.id[0].isupper()
        return all(name.id.isupper() for target in part.targets for name in _names(target))
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return isinstance(part, kinds)


def _names(target: ast.AST) -> list[ast.Name]:
    return [node for node in ast.walk(target) if isinstance(node, ast.Name)]


def name_of_call(call: ast.Call) -> str:
    """`check_close(…)` and `helpers.check_close(…)` -> `check_close`."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def called(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """(name, call) of every call below a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield name_of_call(node), node
