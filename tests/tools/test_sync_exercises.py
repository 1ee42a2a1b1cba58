"""The exercises' cells in a notebook are written from their source, and nothing else is touched."""

import nbformat
import pytest

from exercises import finding
from tools.sync_exercises import cell_id, main, nbgrader_metadata, parts, sync


def new_cells(exercise):
    """The cells of an exercise, as they stand in a notebook."""
    cells = []
    for part, cell_type, source in parts(exercise):
        new_cell = nbformat.v4.new_code_cell if cell_type == "code" else nbformat.v4.new_markdown_cell
        metadata = nbgrader_metadata(exercise, part)
        name = cell_id(exercise.number, part)
        cells.append(new_cell(source, id=name, metadata={"nbgrader": metadata} if metadata else {}))
    return cells


@pytest.fixture
def notebook():
    """A notebook with the exercises of 6.1, as they are generated, and cells of its own."""
    cells = [nbformat.v4.new_markdown_cell("# 6.1", id="title")]
    for exercise in finding.section_exercises("6.1"):
        cells += new_cells(exercise)
    return nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell("1 + 1", id="own")])


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


def test_generated_cells_agree_and_are_valid_for_nbformat_and_nbgrader(notebook):
    validator = pytest.importorskip("nbgrader.nbgraderformat").MetadataValidator
    assert sync(notebook) == ([], [])
    nbformat.validate(notebook)
    validator().validate_nb(notebook)


def test_the_cells_of_an_exercise_look_as_agreed(notebook):
    cells = by_id(notebook)
    text = cells["ex-6-1-1-text"].source
    assert text.startswith("### Exercise 6.1.1 · The shapes of a network · ●●○○○ · 10 min\n\n")
    assert text.count("<details><summary>") == text.count("</details>") == 3
    assert cells["ex-6-1-1-answer"].source.startswith("def layer_shapes(layers, shape):")
    assert cells["ex-6-1-1-answer"].source.endswith('\n    raise NotImplementedError("exercise 6.1.1")')
    assert cells["ex-6-1-1-check"].source == 'layer_shapes = check("6.1.1", layer_shapes)'
    assert cells["ex-6-1-2-answer"].source == "prediction = ..."
    assert cells["ex-6-1-1-answer"].metadata.nbgrader == {
        "grade": False,
        "grade_id": "ex-6-1-1-answer",
        "locked": False,
        "schema_version": 3,
        "solution": True,
        "task": False,
    }
    assert cells["ex-6-1-1-check"].metadata.nbgrader.points == 2
    assert cells["ex-6-1-5-answer"].source == "# exercise 6.1.5: your experiment"
    assert "nbgrader" not in cells["ex-6-1-5-text"].metadata
    assert "nbgrader" not in cells["ex-6-1-5-answer"].metadata
    assert "ex-6-1-5-check" not in cells


def test_sync_mends_what_differs_and_touches_nothing_else(notebook):
    wanted = nbformat.from_dict(notebook)
    before = nbformat.writes(wanted)
    cells = by_id(notebook)
    cells["ex-6-1-1-text"].source = "old"
    cells["ex-6-1-2-answer"].source = "prediction = 1922"
    cells["ex-6-1-3-check"].metadata = {"tags": ["x"], "nbgrader": {"grade": True}}
    cells["ex-6-1-4-text"].metadata = {"nbgrader": {}}
    changed, broken = sync(notebook)
    assert broken == []
    assert changed == [
        "ex-6-1-1-text: source",
        "ex-6-1-2-answer: source",
        "ex-6-1-3-check: nbgrader metadata",
        "ex-6-1-4-text: nbgrader metadata",
    ]
    assert cells["ex-6-1-3-check"].metadata.pop("tags") == ["x"]
    assert nbformat.writes(notebook) == before


def test_check_reports_and_writes_nothing_and_without_it_the_file_is_written_once(notebook, tmp_path, capsys):
    path = tmp_path / "1.ipynb"
    by_id(notebook)["ex-6-1-1-answer"].source += "\n# solved"
    nbformat.write(notebook, path)
    before = path.read_bytes()
    assert main(["--check", str(tmp_path)]) == 1
    assert "ex-6-1-1-answer: source differs" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert main([str(path)]) == 0
    assert "ex-6-1-1-answer: source written" in capsys.readouterr().out
    assert main(["--check", str(path)]) == 0
    assert capsys.readouterr().out == ""


def remove(notebook, name):
    notebook.cells.remove(by_id(notebook)[name])


def swap(notebook, first, second):
    places = [cell.id for cell in notebook.cells]
    i, j = places.index(first), places.index(second)
    notebook.cells[i], notebook.cells[j] = notebook.cells[j], notebook.cells[i]


def swap_exercises(notebook, first, second):
    for part in ("text", "answer", "check"):
        swap(notebook, f"ex-{first}-{part}", f"ex-{second}-{part}")


def rename(notebook, name, new_name):
    by_id(notebook)[name].id = new_name


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda n: remove(n, "ex-6-1-3-check"), "cell ex-6-1-3-check is missing"),
        (lambda n: remove(n, "ex-6-1-4-text"), "cell ex-6-1-4-text is missing"),
        (lambda n: remove(n, "ex-6-1-5-answer"), "cell ex-6-1-5-answer is missing"),
        (lambda n: swap(n, "ex-6-1-1-answer", "ex-6-1-1-check"), "ex-6-1-1-check stands too early"),
        (lambda n: swap_exercises(n, "6-1-3", "6-1-4"), "ex-6-1-4-text stands too early"),
        (lambda n: rename(n, "own", "ex-6-1-1-extra"), "'ex-6-1-1-extra'"),
        (lambda n: rename(n, "own", "ex-6-1-99-check"), "there is no exercise '6.1.99'"),
        (lambda n: rename(n, "own", "ex-9-9-9-check"), "there is no section '9.9'"),
        (lambda n: by_id(n)["ex-6-1-1-text"].update(cell_type="code"), "is a code cell, must be markdown"),
    ],
)
def test_sync_says_what_it_cannot_mend(notebook, spoil, said):
    spoil(notebook)
    _, broken = sync(notebook)
    assert any(said in line for line in broken), broken


def test_sync_leaves_a_notebook_without_exercises_alone_and_refuses_what_is_no_notebook(tmp_path, capsys):
    path = tmp_path / "plain.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", id="one")]), path)
    before = path.read_bytes()
    assert main([str(path)]) == 0
    assert path.read_bytes() == before
    with pytest.raises(SystemExit):
        main([str(tmp_path / "nowhere")])
    assert "no notebook is called" in capsys.readouterr().err


def test_every_cell_of_the_course_has_its_own_id():
    names = [
        cell_id(exercise.number, part)
        for section in finding.sections()
        for exercise in finding.section_exercises(section)
        for part, _, _ in parts(exercise)
    ]
    assert len(names) == len(set(names))


def test_a_part_of_a_section_has_some_of_its_exercises(notebook):
    sync(notebook)
    for number in ("6-1-1", "6-1-4"):  # they stand in other parts
        for part in ("text", "answer", "check"):
            remove(notebook, f"ex-{number}-{part}")
    assert sync(notebook) == ([], [])
