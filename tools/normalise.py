"""Strip from notebooks what differs from run to run or from editor to editor; keep outputs and counts.

    python -m tools.normalise [notebook ...]      (default: all of notebooks/)

Also the pre-commit hook: it exits with 1 when it has changed something.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat

from tools.kernel import find_notebooks

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
KEPT_CELL_METADATA = ("tags", "nbgrader", "alt")
WIDGET = "application/vnd.jupyter.widget-view+json"

_FOLDER = r"(?:[A-Za-z]:)?~?(?:[/\\][^'\"\n\x1b/\\:]+)*?[/\\]"  # absolute, or below the home folder


def normalise(notebook):
    """Bring a notebook (a NotebookNode, changed in place) to the form in which it is committed; return it.

    Kept: sources, ids, outputs, execution counts, the `course` metadata, the tags, nbgrader and alt of cells.
    Gone: timings, widget state, editor settings, versions, the folders in tracebacks.
    """
    kept = {"kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}
    if "course" in notebook.metadata:
        kept["course"] = notebook.metadata["course"]
    notebook.metadata = nbformat.from_dict(kept)
    notebook.nbformat, notebook.nbformat_minor = 4, 5

    widgets = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {name: cell.metadata[name] for name in KEPT_CELL_METADATA if name in cell.metadata}
        )
        if cell.cell_type != "code":
            continue
        cell.outputs = _merged_streams(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "error":
                output.traceback = [_without_folders(line) for line in output.traceback]
            elif WIDGET in output.get("data", {}):  # its model lived in a kernel that is gone
                widgets += 1
                output.data[WIDGET]["model_id"] = f"widget-{widgets}"
    return notebook


def _merged_streams(outputs):
    """Adjacent pieces of the same stream become one."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _without_folders(text):
    """`/somewhere/site-packages/torch/nn.py` -> `site-packages/torch/nn.py`; files of the course likewise."""
    text = re.sub(_FOLDER + r"(?=site-packages[/\\])", "", text)
    text = re.sub(_FOLDER + r"(?=(?:helpers|exercises)[/\\]\w+\.py)", "", text)
    return re.sub(_FOLDER + r"[Ll]ib[/\\]python3\.\d+[/\\]", "python/", text)


def read_notebook(path):
    return nbformat.read(path, as_version=4)


def write_notebook(notebook, path):
    """Write all of the notebook or nothing: a neighbour file first, then one rename. True if it changed."""
    path = Path(path)
    text = nbformat.writes(notebook)
    if not text.endswith("\n"):
        text += "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, path.stat().st_mode if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return True


def main(arguments):
    changed = 0
    for path in [Path(name) for name in arguments] or find_notebooks():
        if write_notebook(normalise(read_notebook(path)), path):
            print(f"normalised {path}")
            changed += 1
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
