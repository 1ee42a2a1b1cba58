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

# A path, absolute or below the home folder, where a word begins or a colour of the terminal ends; and what is
# kept of it: a library's own part, or the course's.
_PATH = re.compile(r"(^|\x1b\[[\d;]*m|[^\w.~/\\-])((?:[A-Za-z]:)?~?[/\\][^'\"\n\x1b:]*)", re.MULTILINE)
_KEPT = (
    (re.compile(r"[/\\](?=site-packages[/\\])"), ""),
    (re.compile(r"[/\\](?=(?:helpers|exercises|service|tools)(?:[/\\]\w+){1,3}\.py\b)"), ""),
    (re.compile(r"[/\\][Ll]ib[/\\]python3\.\d+[/\\]"), "python/"),
)


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
        cell.outputs = merged_streams(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "error":
                output.traceback = [_without_folders(line) for line in output.traceback]
            elif WIDGET in output.get("data", {}):  # its model lived in a kernel that is gone
                widgets += 1
                output.data[WIDGET]["model_id"] = f"widget-{widgets}"
    return notebook


def merged_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Adjacent pieces of the same stream become one, as a console would show it."""
    merged, pieces = [], []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            pieces[-1].append(output.text)
        else:
            merged.append(output)
            pieces.append([output.get("text", "")])
    for output, texts in zip(merged, pieces, strict=True):
        if output.output_type == "stream":
            output.text = last_written("".join(texts))
    return merged


def last_written(text: str) -> str:
    """What a console shows of a text: of each line that which follows its last carriage return."""
    if "\r" not in text:
        return text
    lines = text.split("\n")
    kept = [line.rstrip("\r") for line in lines]
    return "\n".join(
        part.rpartition("\r")[2] + line[len(part) :] for line, part in zip(lines, kept, strict=True)
    )


def _without_folders(text: str) -> str:
    """`/somewhere/site-packages/torch/nn.py` -> `site-packages/torch/nn.py`; files of the course likewise."""
    return _PATH.sub(lambda match: match[1] + _short_path(match[2]), text)


def _short_path(path: str) -> str:
    for place, instead in _KEPT:
        if found := list(place.finditer(path)):
            return instead + path[found[-1].end() :]
    return path


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
