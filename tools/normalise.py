"""Strip from notebooks what differs from run to run or from editor to editor; keep outputs and counts.

    python -m tools.normalise [notebook ...]      (default: all of notebooks/)

Also the pre-commit hook: it exits with 1 when it has changed something.
"""

import argparse
import re
import sys
from collections.abc import Sequence

import nbformat
from nbformat import NotebookNode

from tools.notebooks import find_notebooks, read_notebook, write_notebook

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
KEPT_CELL_METADATA = ("tags", "nbgrader", "alt")
HIDDEN = ("outputs_hidden", "source_hidden")  # what JupyterLab folds away
WIDGET = "application/vnd.jupyter.widget-view+json"

_FOLDER = r"(?:[A-Za-z]:)?~?(?:[/\\][^'\"\n\x1b/\\:]+)*?[/\\]"  # absolute, or below the home folder


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Bring a notebook (a NotebookNode, changed in place) to the form in which it is committed; return it.

    Kept: sources, ids, outputs, execution counts, the `course` metadata; of cells the tags, nbgrader, alt,
    and `jupyter: {outputs_hidden: true}` or `{source_hidden: true}`, by which JupyterLab folds them away.
    Gone: timings, widget state, editor settings, versions, the folders in tracebacks.
    """
    kept = {"kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}
    if "course" in notebook.metadata:
        kept["course"] = notebook.metadata["course"]
    notebook.metadata = nbformat.from_dict(kept)
    notebook.nbformat, notebook.nbformat_minor = 4, 5

    widgets = 0
    for cell in notebook.cells:
        kept = {name: cell.metadata[name] for name in KEPT_CELL_METADATA if name in cell.metadata}
        folded = {name: True for name in HIDDEN if cell.metadata.get("jupyter", {}).get(name) is True}
        cell.metadata = nbformat.from_dict(kept | ({"jupyter": folded} if folded else {}))
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


def _merged_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Adjacent pieces of the same stream become one."""
    merged = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def _without_folders(text: str) -> str:
    """`/somewhere/site-packages/torch/nn.py` -> `site-packages/torch/nn.py`; files of the course likewise."""
    text = re.sub(_FOLDER + r"(?=site-packages[/\\])", "", text)
    text = re.sub(_FOLDER + r"(?=(?:helpers|exercises)[/\\]\w+\.py)", "", text)
    return re.sub(_FOLDER + r"[Ll]ib[/\\]python3\.\d+[/\\]", "python/", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.normalise", description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", help="paths, or names like 6_vision/1 (default: all)")
    given = parser.parse_args(arguments)
    changed = 0
    try:
        for path in find_notebooks(given.notebooks):
            if write_notebook(normalise(read_notebook(path)), path):
                print(f"normalised {path}")
                changed += 1
    except ValueError as error:
        parser.error(str(error))
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
