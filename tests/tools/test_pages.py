"""Pages for reading, in a browser with the network off: all is drawn, nothing is fetched, folds are shut."""

import errno
import io
import os
import re
import shutil

import nbformat
import pytest

from tools import pages, run_notebooks
from tools.notebooks import ENGLISH, find_notebooks, read_notebook
from tools.pages import page_script, to_html, write_page

FORMULAS = [
    r"$\begin{bmatrix} 1 & 2\\ 3 & 4\end{bmatrix}^{\top}$",
    r"$$\operatorname*{arg\,max}_x \sqrt{\frac{p(1-p)}{n}}$$",
    r"\begin{aligned} \boldsymbol{x} &< 8\\ 3x &= \text{a few}\end{aligned}",
]
DIAGRAM = """```mermaid
flowchart LR
  x["x (B, 3)"] -- "W (3, 4)" --> h["h<br>ReLU"]
```"""
BROKEN = "```mermaid\nflowchart LR\n  x[[ --> <y>\n```"
RAW = re.compile(r"\$[^$]*[\\^_][^$]*\$|\\(?:begin|frac|sqrt|text|hat|sum|cdot|mathbb|top)\b")
ELSEWHERE = re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//[^"')\s]*\.(?:js|mjs|css|woff2?)""")


@pytest.fixture
def read(browser):
    """Open a page with the network off, wait until it is drawn; it complains of nothing, fetches nothing."""
    contexts, complaints, asked, own = [], [], [], []

    def open_page(path):
        context = browser.new_context(offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-drawn=yes]", timeout=60_000)
        own.extend(
            [path.as_uri(), (path.parent / "pages.js").as_uri(), (path.parent.parent / "pages.js").as_uri()]
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in asked if url not in own and not url.startswith(("data:", "blob:"))] == []


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def prose(text):
    return nbformat.v4.new_markdown_cell(text)


def code(source, printed="", **metadata):
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)] if printed else []
    return nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=1, metadata=metadata)


def drawn(page):
    """How many formulas and diagrams a page shows, and what it failed to draw."""
    undrawn = page.locator("pre.mermaid").all_text_contents()
    read_aloud = page.locator("mjx-assistive-mml").all_text_contents()
    return {
        "formulas": page.locator("mjx-container").count(),
        "diagrams": page.locator(".jp-Mermaid svg").count(),
        "undrawn": undrawn + [text for text in read_aloud if "\\" in text],  # a mistake is shown as LaTeX
    }


def prose_of(page):
    """The text of the prose as a reader sees it, without code."""
    script = """() => [...document.querySelectorAll(".jp-RenderedMarkdown")].map((element) => {
        const copy = element.cloneNode(true);
        copy.querySelectorAll("code, pre, mjx-container, svg").forEach((part) => part.remove());
        return copy.textContent;
    }).join("\\n")"""
    return page.evaluate(script)


def test_formulas_and_diagrams_are_drawn_without_a_network(read, tmp_path):
    book = notebook(*map(prose, FORMULAS), prose(DIAGRAM), prose("Five \\$ and `$x_1$` stay as they are."))
    book.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    page = read(write_page(book, tmp_path / "6_vision" / "1_a.html", folder=tmp_path, root=tmp_path))
    assert drawn(page) == {"formulas": 3, "diagrams": 1, "undrawn": []}
    assert not RAW.search(prose_of(page))
    assert {"x (B, 3)", "W (3, 4)"} <= set(page.locator(".jp-Mermaid svg p").all_text_contents())
    bold = page.locator("mjx-container").nth(2).locator(".TEX-BI")
    assert "MJXTEX-BI" in bold.first.evaluate("element => getComputedStyle(element).fontFamily")
    assert page.evaluate("document.fonts.check('16px MJXTEX-BI')")  # MathJax's font came along


def test_a_formula_or_diagram_with_a_mistake_is_noticed(read, tmp_path):
    book = notebook(prose(r"$\nosuchcommand{x}$"), prose(r"$\frac{1}$"), prose(BROKEN), prose(DIAGRAM))
    page = read(write_page(book, tmp_path / "a.html", folder=tmp_path, root=tmp_path))
    found = drawn(page)
    assert len(found["undrawn"]) == 3
    assert any(r"\nosuchcommand" in text for text in found["undrawn"])
    assert any("x[[ --> <y>" in text for text in found["undrawn"])  # the diagram stays there as text
    assert found["diagrams"] == page.locator("svg").count() == 1  # and does not stop the next one


def test_what_the_notebook_folds_away_is_shut_until_it_is_opened(read, tmp_path):
    book = notebook(
        code("print(6 * 7)", "42\n", jupyter={"outputs_hidden": True}),
        code("draw = 'forty lines'", "the picture\n", jupyter={"source_hidden": True}),
        code("print('in sight')", "plain\n", jupyter={"outputs_hidden": False}),
    )
    page = read(write_page(book, tmp_path / "a.html", folder=tmp_path, root=tmp_path))
    shown = [page.get_by_text(text, exact=True) for text in ("42", "the picture", "plain")]
    assert [text.is_visible() for text in shown] == [False, True, True]
    assert [page.get_by_text(text).is_visible() for text in ("print(6 * 7)", "forty lines", "in sight")] == [
        True,
        False,
        True,
    ]
    for summary in page.locator("details > summary").all():
        summary.click()
    assert all(text.is_visible() for text in shown)
    assert page.get_by_text("forty lines").is_visible()


def test_a_hint_is_shut_until_it_is_opened_and_its_formula_is_drawn(read, tmp_path):
    hint = "<details><summary>Where to begin?</summary>\n\nWith *two* of $x^2$.\n\n</details>\n\nAfter it."
    page = read(write_page(notebook(prose(hint)), tmp_path / "a.html", folder=tmp_path, root=tmp_path))
    inside, after = page.get_by_text("With two of"), page.get_by_text("After it.")
    assert [text.is_visible() for text in (page.get_by_text("Where to begin?"), inside, after)] == [
        True,
        False,
        True,
    ]
    page.locator("details > summary").click()
    assert inside.is_visible()
    assert page.locator("details mjx-container").count() == 1


def test_a_picture_in_html_is_carried_in_the_page(tmp_path):
    (tmp_path / "dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8")
    page = to_html(notebook(prose('<img alt="a dot" src="dot.svg">')), tmp_path, "a")
    assert re.search('<img alt="a dot" src="data:image/svg', page)


def test_a_page_names_no_script_style_or_font_of_another_host():
    book = notebook(prose(FORMULAS[0]), prose(DIAGRAM), code("1", "1"))
    assert ELSEWHERE.findall(to_html(book, ENGLISH, "a") + page_script()) == []
    assert ELSEWHERE.search('<script src="https://cdn.example.org/mathjax/latest.js?config=x">')
    assert ELSEWHERE.search('import("x"); url(//example.org/font.woff)')


def test_links_lead_from_page_to_page_and_to_the_web_as_they_are():
    book = notebook(
        prose("[a](../6_vision/1_a.ipynb#here) [b](https://example.org/b.ipynb) [c](../../README.md)")
    )
    links = re.findall(r'<a href="([^"#][^"]*)"', to_html(book, ENGLISH, "a"))
    assert links == ["../6_vision/1_a.html#here", "https://example.org/b.ipynb", "../../README.md"]


def test_every_formula_and_diagram_of_the_course_is_drawn(read, tmp_path):
    """All prose on one page; what cannot be drawn, or stays there as LaTeX, is shown by the failure."""
    books = [read_notebook(path) for path in find_notebooks()]
    texts = [cell.source for book in books for cell in book.cells if cell.cell_type == "markdown"]
    book = notebook(*(prose(re.sub(r"!\[.*?\]\(attachment:.*?\)", "", text)) for text in texts))
    page = read(write_page(book, tmp_path / "a.html", folder=ENGLISH, root=tmp_path))
    found = drawn(page)
    assert found["undrawn"] == []
    assert RAW.findall(prose_of(page)) == []
    assert found["diagrams"] == sum(text.count("```mermaid") for text in texts) > 0
    assert found["formulas"] > 500


# ---- the script --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["*.woff", "jlab_core.*", "2134.*"])
def test_another_jupyterlab_is_refused_in_words_and_nothing_is_written(tmp_path, monkeypatch, missing):
    static = tmp_path / "static"
    shutil.copytree(pages._installed(), static, ignore=shutil.ignore_patterns("*.map", missing))
    with pytest.raises(ValueError, match=r"differs too much from JupyterLab 4\.6"):
        page_script(static)
    monkeypatch.setattr(pages, "_installed", lambda: static)
    monkeypatch.setattr(pages, "page_script", lambda: page_script(static))
    with pytest.raises(ValueError, match="differs too much"):
        write_page(notebook(prose("$x$")), tmp_path / "a.html", folder=tmp_path, root=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["static"]


def test_without_jupyterlab_the_way_to_install_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(pages, "jupyter_path", lambda *parts: [str(tmp_path.joinpath(*parts))])
    with pytest.raises(FileNotFoundError, match=r"pip install -r requirements\.txt"):
        pages._installed()


def test_a_run_without_a_page_keeps_the_executed_copy_and_says_why(monkeypatch, tmp_path):
    def no_script():
        raise ValueError("no script today")

    monkeypatch.setattr(pages, "page_script", no_script)
    path = tmp_path / "a.ipynb"
    nbformat.write(notebook(code("6 * 7")), path)
    run = run_notebooks.run_one(path, "a.ipynb", build=tmp_path / "build")
    assert (run.error, run.notes) == ("", ("no page: no script today",))
    assert read_notebook(tmp_path / "build" / "a.ipynb").cells[0].outputs[0].data["text/plain"] == "42"


# ---- places that cannot be written to --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named", "way_on"),
    [
        (["--build", "{clone}/build"], "build", "name another place: --build"),
        (["--build", "{other}", "--in-place"], "clone", "run without --in-place"),
    ],
    ids=["build", "in place"],
)
def test_a_read_only_clone_is_named_before_anything_runs(
    tmp_path, monkeypatch, capsys, arguments, named, way_on
):
    clone, other = tmp_path / "clone", tmp_path / "other"
    clone.mkdir()

    def temporary_file(dir):
        if clone in (dir, dir.parent):  # to root, as whom CI runs, the mode of a folder says nothing
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return io.BytesIO()

    monkeypatch.setattr(run_notebooks.tempfile, "TemporaryFile", temporary_file)
    monkeypatch.setattr(run_notebooks, "run_all", lambda *_, **__: pytest.fail("something ran"))
    monkeypatch.setattr(run_notebooks, "find_notebooks", lambda names: [clone / "a.ipynb"])
    with pytest.raises(SystemExit) as stopped:
        run_notebooks.main([argument.format(clone=clone, other=other) for argument in arguments])
    assert stopped.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{clone / 'build' if named == 'build' else clone} cannot be written to (Read-only" in said
    assert way_on in said


def test_a_build_folder_below_a_file_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        run_notebooks.main(["0_start_here", "--build", str(tmp_path / "file" / "build")])
    assert "cannot be written to (Not a directory)" in capsys.readouterr().err
