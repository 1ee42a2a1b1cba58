"""The one place that finds, reads, writes and runs notebooks."""

import os

import nbformat
import pytest

from tools.notebooks import (
    ENGLISH,
    NOTEBOOKS,
    cells_of,
    define,
    find_notebooks,
    read_notebook,
    short_name,
    write_notebook,
)

CELLS = {
    "imports": "import math\nfrom pathlib import Path\nprint('imported')",
    "constants": "EPOCHS, (RATE, LAG) = 3, (0.1, 4)\nNAMES = ['a', 'b']\nsmall = 1",
    "block": "class Block:\n    pass\n\n\nprint('defined')\nraise RuntimeError('must not run')",
    "forward": "def run(self):\n    return EPOCHS\n\n\nBlock.run = run\nBlock.width = 3\nblock.run = run",
    "data": "%time\nvalues = [math.sqrt(RATE)]\n!ls",
    "ex-1-1-1-answer": "def answer():\n    return 1",
}


@pytest.fixture
def path(tmp_path):
    cells = [nbformat.v4.new_code_cell(source, id=name) for name, source in CELLS.items()]
    cells.insert(1, nbformat.v4.new_markdown_cell("text", id="text"))
    write_notebook(nbformat.v4.new_notebook(cells=cells), tmp_path / "1_small.ipynb")
    return tmp_path / "1_small.ipynb"


# ---- finding -----------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    names = (
        "2_math/1_a",
        "2_math/2_b",
        "2_math/10_c",
        "3_nets/1a_d",
        "3_nets/1b_e",
        "3_nets/11_f",
        "0_start",
    )
    for name in names:
        write_notebook(nbformat.v4.new_notebook(), tmp_path / "en" / f"{name}.ipynb")
    write_notebook(nbformat.v4.new_notebook(), tmp_path / "en" / ".ipynb_checkpoints" / "0_start.ipynb")
    return tmp_path


def found(tree, *names):
    return [path.relative_to(tree / "en").with_suffix("").as_posix() for path in find_notebooks(names, tree)]


def test_all_are_found_in_chapter_order_without_checkpoints(tree):
    assert found(tree) == [
        "0_start", "2_math/1_a", "2_math/2_b", "2_math/10_c", "3_nets/1a_d", "3_nets/1b_e", "3_nets/11_f",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["2_math"], ["2_math/1_a", "2_math/2_b", "2_math/10_c"]),
        (["2_math/1"], ["2_math/1_a"]),
        (["3_nets/1"], ["3_nets/1a_d", "3_nets/1b_e"]),
        (["3_nets/1b"], ["3_nets/1b_e"]),
        (["1b_e", "0_start", "3_nets/1b"], ["0_start", "3_nets/1b_e"]),
        (["0", "1_a"], ["0_start", "2_math/1_a"]),
    ],
)  # fmt: skip
def test_a_name_is_the_beginning_of_a_part(tree, names, expected):
    assert found(tree, *names) == expected


def test_a_path_to_a_notebook_or_a_folder_is_a_name_too(tree):
    assert found(tree, tree / "en" / "3_nets", str(tree / "en" / "0_start.ipynb")) == [
        "0_start", "3_nets/1a_d", "3_nets/1b_e", "3_nets/11_f",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["9_music", "2_math/3", "math", ""])
def test_an_unknown_name_is_refused_with_a_list(tree, name):
    with pytest.raises(ValueError, match=f"no notebook is called '{name}'; there are:\n  en/0_start.ipynb\n"):
        find_notebooks([name], tree)


def test_a_short_name_leaves_out_folder_language_and_ending():
    assert short_name(ENGLISH / "2_math" / "1a_products.ipynb") == "2_math/1a_products"
    assert short_name(NOTEBOOKS / "zh" / "0_start_here.ipynb") == "0_start_here"
    assert short_name("/elsewhere/2_math/1_x.ipynb") == "1_x"


# ---- reading and writing -----------------------------------------------------------------------------------


def test_what_is_read_is_what_is_stored_missing_and_double_ids_too(path):
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace('"id": "data"', '"id": "block"').replace('"id": "forward",\n', ""), encoding="utf-8"
    )
    ids = [cell.get("id") for cell in read_notebook(path).cells]
    assert ids == ["imports", "text", "constants", "block", None, "block", "ex-1-1-1-answer"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": [], "metadata": {}, "nbformat": 3, "nbformat_minor": 0}', "null"]
)
def test_what_is_no_notebook_is_refused_by_name(tmp_path, text):
    path = tmp_path / "broken.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"broken\.ipynb is no notebook of nbformat 4"):
        read_notebook(path)


def test_a_notebook_is_written_only_if_that_changes_it_and_ends_in_a_newline(path):
    path.chmod(0o640)
    before = path.stat().st_mtime_ns
    assert write_notebook(read_notebook(path), path) is False
    assert path.stat().st_mtime_ns == before
    notebook = read_notebook(path)
    notebook.cells[0].source = "print('数')"
    assert write_notebook(notebook, path) is True
    assert path.read_bytes().endswith(b"}\n")
    assert "数".encode() in path.read_bytes()
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o640
    assert read_notebook(path) == notebook


# ---- cells -------------------------------------------------------------------------------------------------


def test_cells_are_chosen_by_id_in_the_order_asked_for(path):
    assert [cell.id for cell in cells_of(path, "data", "imports")] == ["data", "imports"]
    assert [cell.id for cell in cells_of(path)] == ["imports", "constants", "block", "forward", "data"]
    with pytest.raises(ValueError, match="has no code cell 'text', 'gone'; there are imports, constants"):
        cells_of(path, "text", "imports", "gone")


def test_only_what_cells_define_is_run(path, capsys):
    names = define(path, ["imports", "constants", "block", "forward"])
    assert capsys.readouterr().out == ""
    assert (names["EPOCHS"], names["RATE"], names["LAG"], names["NAMES"]) == (3, 0.1, 4, ["a", "b"])
    assert names["Block"]().run() == 3
    assert not hasattr(names["Block"], "width")
    assert names["math"].sqrt(4) == 2
    assert names["__name__"] == "1_small"
    assert not {"small", "values", "answer"} & set(names)


def test_whole_cells_run_whole_in_the_order_of_the_notebook(path, capsys):
    names = define(path, ["constants"], whole=["data", "imports"])
    assert capsys.readouterr().out == "imported\n"
    assert names["values"] == [pytest.approx(0.1**0.5)]
    assert "Block" not in names


def test_without_ids_all_cells_but_the_exercises_are_defined_in_the_given_namespace(path):
    given = {"kept": 1}
    names = define(path, namespace=given, whole=["constants"])
    assert names is given
    assert (names["kept"], names["small"]) == (1, 1)
    assert "Block" in names
    assert "answer" not in names
    assert "values" not in names


@pytest.mark.parametrize("how", [{"ids": ["gone"]}, {"whole": ["gone"]}])
def test_an_unknown_cell_is_an_error(path, how):
    with pytest.raises(ValueError, match="no code cell 'gone'"):
        define(path, **how)
