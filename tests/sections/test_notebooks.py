"""Every notebook as it is stored. Whether its outputs are still true, the run of notebooks/ itself tells."""

import pytest

from tools.course import course, differences, table, with_table
from tools.hygiene import loosest, problems
from tools.notebooks import ENGLISH, NOTEBOOKS, ROOT, cells_of, find_notebooks, read_notebook, short_name


@pytest.mark.parametrize("path", find_notebooks(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_a_notebook_is_clean(path):
    found = problems(read_notebook(path), path)
    assert not found, "\n".join(found)


def test_each_notebook_holds_what_course_toml_says():
    found = differences()
    assert not found, "\n".join([*found, "if that is meant: python -m tools.course --write"])


def test_every_part_that_is_written_is_there_and_nothing_else_is():
    written = {part.notebook for part in course().parts if part.counts}
    assert {short_name(path) for path in find_notebooks(folder=ENGLISH)} == written
    assert len(written) >= 11


def test_every_tolerance_of_course_toml_is_one_that_its_cell_asks_for():
    for tolerance in course().tolerances:
        notebook, _, cell = tolerance.cell.partition("#")
        asked = loosest(*cells_of(ENGLISH / f"{notebook}.ipynb", cell))
        for name, listed in (("rtol", tolerance.rtol), ("picture", tolerance.picture)):
            assert not listed or asked[name] == listed, tolerance.cell
        assert tolerance.rtol or tolerance.picture, tolerance.cell
        assert len(tolerance.reason.split()) >= 5, tolerance.cell


@pytest.mark.parametrize(("name", "links"), [("README.md", "notebooks/en/"), ("0_start_here.ipynb", "")])
def test_the_table_of_chapters_is_that_of_course_toml(name, links):
    if name == "README.md":
        text = (ROOT / name).read_text(encoding="utf-8")
    else:
        text = next(cell.source for cell in read_notebook(ENGLISH / name).cells if cell.id == "map-table")
    assert with_table(text, links) == text, "python -m tools.course --write"
    assert table(links=links).count(".ipynb)") == len(find_notebooks(folder=ENGLISH)) - (links == "")
