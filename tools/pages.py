"""Pages for reading: a notebook as HTML that needs no network.

Formulas and Mermaid diagrams are drawn by the MathJax and the Mermaid of JupyterLab, which lie beside the
pages in one script: so a page shows what JupyterLab shows, nothing is downloaded, and no copy of them is kept
in the course. What a notebook folds away stays folded: the output of a prediction, the source of a drawing.
"""

import base64
import copy
import json
import os
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from fontTools.ttLib import TTFont
from jupyter_core.paths import jupyter_path
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from helpers.files import write_whole
from tools.normalise import WIDGET

SCRIPT = "pages.js"  # its name, here and beside the pages

# ---- a page ----------------------------------------------------------------------------------------------


class ReadableMarkdown(IPythonRenderer):
    """Markdown as nbconvert writes it, but `<` in a diagram is text, and links lead from page to page."""

    def block_mermaidjs(self, code: str) -> str:
        return super().block_mermaidjs(escape(code, quote=False))

    def block_html(self, html: str) -> str:
        # nbconvert closes every element of a block in which it looks for pictures: a fold that the next
        # blocks belong to would be shut before them, and empty.
        self.embed_images = "<img" in html
        try:
            return super().block_html(html)
        finally:
            self.embed_images = True

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if "://" not in url:
            url = re.sub(r"\.ipynb(?=#|$)", ".html", url)
        return super().link(text, url, title)


class ReadableCells(Preprocessor):
    """Pictures get the `alt` of their cell; a widget, dead on a page, is replaced by its first view."""

    def __init__(self, first_views: Mapping, **traits: Any) -> None:
        super().__init__(**traits)
        self.first_views = first_views

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        if cell.cell_type != "code":
            return cell, resources
        shown = []
        for output in cell.outputs:
            view = output.get("data", {}).get(WIDGET)
            shown += self.first_views.get(view["model_id"]) or [output] if view else [output]
        alt = escape(cell.metadata.get("alt", ""), quote=True)
        for output in shown:
            for kind in ("image/png", "image/jpeg"):
                picture = output.get("data", {}).get(kind)
                if picture and alt:
                    picture = picture if isinstance(picture, str) else base64.b64encode(picture).decode()
                    source = f"data:{kind};base64,{picture.strip()}"
                    output["data"] = {"text/html": f'<img alt="{alt}" src="{source}">'}
        cell.outputs = shown
        return cell, resources


class PageExporter(HTMLExporter):
    """nbconvert's HTML exporter with the Markdown of above."""

    def markdown2html(self, context: Any, source: str) -> str:
        path = context.get("resources", {}).get("metadata", {}).get("path", "")
        attachments = context.get("cell", {}).get("attachments", {})
        renderer = ReadableMarkdown(escape=False, attachments=attachments, embed_images=True, path=path)
        return MarkdownWithMath(renderer=renderer).render(source)

    markdown2html.jinja_pass_arg = HTMLExporter.markdown2html.jinja_pass_arg  # it is given the context


def to_html(
    notebook: NotebookNode, folder: Path, name: str, first_views: Mapping | None = None, script: str = SCRIPT
) -> str:
    """The notebook as one HTML page.

    Pictures that its prose links to are read from `folder`; `first_views` has the outputs that stand for a
    widget, by its model id; `script` is the address of the script, as seen from the page.
    """
    exporter = PageExporter(template_name="lab", template_file=str(Path(__file__).with_suffix(".html.j2")))
    exporter.register_preprocessor(ReadableCells(first_views or {}), enabled=True)
    resources = {"metadata": {"path": str(folder), "name": name}, "script": script}
    page, _ = exporter.from_notebook_node(copy.deepcopy(notebook), resources=resources)
    return page


def write_page(
    notebook: NotebookNode, path: Path, *, folder: Path, root: Path, first_views: Mapping | None = None
) -> Path:
    """Write the notebook's page to `path`, somewhere below `root`, and the script that draws it to `root`.

    `folder` and `first_views` as for `to_html`. Raises what `page_script` raises, before anything is written.
    """
    script = root / SCRIPT
    source = page_script()
    if not script.exists() or script.read_text(encoding="utf-8") != source:
        write_whole(script, source)
    address = Path(os.path.relpath(script, path.parent)).as_posix()
    return write_whole(path, to_html(notebook, folder, path.stem, first_views, address))


# ---- the script: MathJax and Mermaid, collected from JupyterLab's folder -----------------------------------

_PIECE = re.compile(r"\.e\((\d+)\)")  # a piece that has to be loaded: 2134.2f840b56d9546eb5.js
_MODULE = re.compile(r"\.bind\(\w+,(\d+)")  # a module that is used then
_DEFAULT_IMPORT = re.compile(
    r"await Promise\.all\(\[[^;]{1,200}?\]\)\.then\(\w+\.bind\(\w+,\d+\)\)\)\.default"
)
_MATHJAX_IMPORT = re.compile(r"\{AllPackages:.*?\]=await (Promise\.all\(\[.*?\]\));")
_SHARED = re.compile(r"(\d+):\{shareScope:[^{}]*?fallback:\(\)=>(.*?__webpack_require__\((\d+)\))\)")


@cache
def page_script(static: Path | None = None) -> str:
    """The script that draws formulas and diagrams: `pages.js` with the parts of JupyterLab that it uses.

    `static` is the folder `lab/static` of a JupyterLab; without it, the installed one. Raises
    FileNotFoundError if there is none, ValueError if its files are put together in another way than in 4.6.
    """
    static = static or _installed()
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(static.glob("*.js"))}
    pieces = {name.partition(".")[0]: text for name, text in texts.items() if name[0].isdigit()}
    others = "\n".join(text for name, text in texts.items() if not name[0].isdigit())
    holders = {number for number, text in pieces.items() if "mermaidAPI:" in text}
    imports = _DEFAULT_IMPORT.finditer(others)
    mermaid = next((found for found in imports if holders & set(_PIECE.findall(found[0]))), None)
    mathjax, fonts = _MATHJAX_IMPORT.search(others), _fonts(static)
    if not (mermaid and mathjax and fonts):
        raise ValueError(f"{static} differs too much from JupyterLab 4.6 for tools/pages.py to find its way")
    wanted = _PIECE.findall(mermaid[0]) + _PIECE.findall(mathjax[0])
    collected, shared = _collect(wanted, pieces, others)
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    for place, value in (
        ("{/* SHARED */}", json.dumps(shared)),
        ("{/* FONTS */}", json.dumps(fonts)),
        ("/* MATHJAX */", ", ".join(_MODULE.findall(mathjax[1]))),
        ("/* MERMAID */", _MODULE.findall(mermaid[0])[-1]),
    ):
        script = script.replace(place, value)
    return "\n".join([script, *collected])


def _installed() -> Path:
    folders = [Path(folder) for folder in jupyter_path("lab", "static")]
    for folder in folders:
        if any(folder.glob("main.*.js")):
            return folder
    looked = "\n  ".join(map(str, folders))
    raise FileNotFoundError(
        f"JupyterLab lies in none of these; python -m pip install -r requirements.txt\n  {looked}"
    )


def _collect(wanted: list[str], pieces: Mapping, others: str) -> tuple[list[str], dict[str, str]]:
    """The pieces that the wanted ones lead to, and which module stands for a shared one: {id: id}."""
    shared_by_all = {found[1]: (_PIECE.findall(found[2]), found[3]) for found in _SHARED.finditer(others)}
    collected, shared = {}, {}
    while wanted:
        number = wanted.pop()
        if number in collected or number not in pieces:  # a shared module has no file of its own
            continue
        collected[number] = pieces[number]
        wanted += _PIECE.findall(pieces[number])
        for module in shared_by_all.keys() & re.findall(r"\b\w\((\d+)\)", pieces[number]):
            needs, shared[module] = shared_by_all[module]
            wanted += needs
    return [collected[number] for number in sorted(collected, key=int)], dict(sorted(shared.items()))


def _fonts(static: Path) -> dict[str, str]:
    """MathJax's fonts, by the name of the file that MathJax asks for, as base64."""
    fonts = {}
    for path in sorted(static.glob("*.woff")):
        with TTFont(path, lazy=True) as font:
            name = font["name"].getDebugName(6)
        if name.startswith("MathJax_"):
            fonts[f"{name}.woff"] = base64.b64encode(path.read_bytes()).decode()
    return fonts
