"""The way of a class, by nbgrader itself: notebook, released assignment, submissions, grades, feedback.

Everything runs through nbgrader's own command line in a folder of its own, without network or exchange.
"""

import contextlib
import csv
import inspect
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from exercises.finding import section_exercises
from tests.tools.test_sync_exercises import new_cells
from tools.nbgrader_course import main, make_course
from tools.sync_exercises import check_source

ROOT = Path(__file__).resolve().parents[2]
REAL_NOTEBOOK = ROOT / "notebooks" / "en" / "6_vision" / "1a_pictures_and_filters.ipynb"
ASSIGNMENT = "6_1a_pictures_and_filters"
NOTEBOOK = "1a_pictures_and_filters.ipynb"
EXERCISES = {exercise.number: exercise for exercise in section_exercises("6.1")}
CHECKED = [number for number, exercise in EXERCISES.items() if exercise.kind != "design"]
FULL = sum(EXERCISES[number].points for number in CHECKED)
SHOW_ENVIRONMENT = "import os\n\nprint(os.environ['COURSE_GRADING'], os.environ['COURSE_PROFILE'])"


def small_notebook():
    """The exercises of section 6.1 and nothing else of it: what grading needs, without the training."""
    cells = [
        nbformat.v4.new_code_cell(
            "import numpy as np\nimport torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n"
            "from exercises import check, still_open",
            id="imports",
        )
    ]
    for exercise in EXERCISES.values():
        cells += new_cells(exercise)
    cells.append(nbformat.v4.new_code_cell('still_open("6.1")', id="still-open"))
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )


def nbgrader(course, *arguments, fails=False):
    """Run an nbgrader command in the course's folder; its standard output and error."""
    own = {name: str(course / "jupyter") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COURSE_")}
    # nbgrader calls the program `alembic` of its own environment, which need not be an activated one here
    inherited["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    process = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course,
        env={**inherited, **own, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert (process.returncode != 0) == fails, process.stdout + process.stderr
    return process.stdout + process.stderr


def solve(cells, *numbers):
    for number in numbers:
        exercise = EXERCISES[number]
        answer = cells[f"ex-{number.replace('.', '-')}-answer"]
        if exercise.kind == "predict":
            answer.source = f"prediction = {exercise.solution!r}"
        else:
            answer.source = inspect.getsource(exercise.solution)


def submit(course, student, change):
    """Put a student's work where nbgrader looks for it: the released notebook, changed."""
    notebook = nbformat.read(course / "release" / ASSIGNMENT / NOTEBOOK, as_version=4)
    change(notebook, {cell.id: cell for cell in notebook.cells})
    folder = course / "submitted" / student / ASSIGNMENT
    folder.mkdir(parents=True)
    (folder / NOTEBOOK).write_text(json.dumps(notebook), encoding="utf-8")  # nbformat would mend it first


def half_right(notebook, cells):
    """Two right, one wrong, one blank whose check was made to say ok, one right whose check was deleted."""
    solve(cells, "6.1.1", "6.1.4", "6.1.7")
    cells["ex-6-1-3-answer"].source = "def epoch_mean(losses, sizes):\n    return float(losses[-1])"
    cells["ex-6-1-5-answer"].source = SHOW_ENVIRONMENT
    cells["ex-6-1-6-check"].source = 'print("ok   6.1.6 A confusion matrix (8 cases)")'
    notebook.cells.remove(cells["ex-6-1-7-check"])


def copies(notebook, cells):
    """All right; an answer was copied as JupyterLab does it, a check together with its id."""
    solve(cells, *CHECKED)
    for name, new_id in (("ex-6-1-1-answer", "another-try"), ("ex-6-1-4-check", "ex-6-1-4-check")):
        place = notebook.cells.index(cells[name])
        notebook.cells.insert(place + 1, nbformat.from_dict({**cells[name], "id": new_id}))
    cells["ex-6-1-1-answer"].source = "def feature_map_size(): wrong, and mended in the copy"


def edits(notebook, cells):
    """All right, but the grading data of three cells were edited by hand."""
    solve(cells, *CHECKED)
    cells["ex-6-1-1-answer"].metadata.nbgrader = {}
    cells["ex-6-1-4-check"].metadata.nbgrader = nbformat.from_dict({"schema_version": 9, "grade": True})
    cells["ex-6-1-7-check"].metadata.nbgrader = []


def dies(notebook, cells):
    solve(cells, "6.1.1")
    cells["ex-6-1-2-answer"].source = "import os\n\nos._exit(1)"


def outputs(course, student):
    """{cell id: its output as text} of an autograded notebook."""
    notebook = nbformat.read(course / "autograded" / student / ASSIGNMENT / NOTEBOOK, as_version=4)
    texts = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            parts = [output.get("text") or "\n".join(output.get("traceback", "")) for output in cell.outputs]
            texts[cell.id] = "".join(parts)
    return texts


def add_own_exercise(path):
    """What a teacher adds to an assignment: a cell whose solution stands between nbgrader's marks."""
    notebook = nbformat.read(path, as_version=4)
    source = "def secret():\n    ### BEGIN SOLUTION\n    return 42\n    ### END SOLUTION"
    flags = {"grade": False, "grade_id": "own", "locked": False, "schema_version": 3, "solution": True}
    notebook.cells.append(nbformat.v4.new_code_cell(source, id="own", metadata={"nbgrader": flags}))
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course whose learners have been graded; grades.csv is exported, feedback is written."""
    folder = tmp_path_factory.mktemp("class")
    chapter = folder / "notebooks" / "6_vision"
    chapter.mkdir(parents=True)
    nbformat.write(small_notebook(), chapter / NOTEBOOK)
    course = folder / "course"
    make_course(course, ["6_vision/1"], notebooks=folder / "notebooks")
    add_own_exercise(course / "source" / ASSIGNMENT / NOTEBOOK)
    nbgrader(course, "generate_assignment", ASSIGNMENT)
    submit(course, "blank", lambda notebook, cells: None)
    submit(course, "copies", copies)
    submit(course, "edits", edits)
    submit(course, "half", half_right)
    submit(course, "solved", lambda notebook, cells: solve(cells, *CHECKED))
    log = nbgrader(course, "autograde", ASSIGNMENT)
    submit(course, "dies", dies)
    submit(course, "zoe", lambda notebook, cells: solve(cells, "6.1.1"))
    (course / "autograde.log").write_text(log + nbgrader(course, "autograde", ASSIGNMENT, fails=True))
    nbgrader(course, "export")
    nbgrader(course, "generate_feedback", ASSIGNMENT, "--student", "half")
    return course


@pytest.fixture(scope="module")
def grades(course):
    """{student: the row of grades.csv}"""
    with open(course / "grades.csv", newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def test_the_released_notebook_keeps_stubs_and_checks_and_holds_no_solution(course):
    released = {
        cell.id: cell
        for cell in nbformat.read(course / "release" / ASSIGNMENT / NOTEBOOK, as_version=4).cells
    }
    for number in CHECKED:
        exercise, place = EXERCISES[number], f"ex-{number.replace('.', '-')}"
        assert released[f"{place}-answer"].source == exercise.stub
        assert released[f"{place}-check"].source == check_source(exercise)
        assert released[f"{place}-check"].metadata.nbgrader.points == exercise.points
        assert released[f"{place}-check"].metadata.editable is False
    own = "def secret():\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    assert released["own"].source == own  # nbgrader's marks work as ever
    assert "np.pad" not in "".join(cell.source for cell in released.values())


def test_a_solved_submission_has_all_points(grades):
    assert (grades["solved"]["score"], grades["solved"]["max_score"]) == (f"{FULL:.1f}", f"{FULL:.1f}")


def test_a_blank_submission_has_none(grades, course):
    assert (grades["blank"]["score"], grades["blank"]["max_score"]) == ("0.0", f"{FULL:.1f}")
    assert outputs(course, "blank")["ex-6-1-1-check"].endswith("The shapes of a network: no answer yet")


def test_a_half_right_submission_has_the_points_of_its_right_answers(grades):
    right = EXERCISES["6.1.1"].points + EXERCISES["6.1.4"].points
    assert 0 < right < FULL
    assert grades["half"]["score"] == f"{right:.1f}"


def test_a_check_that_was_tampered_with_is_restored(course):
    assert (
        "Attribute 'checksum' for cell ex-6-1-6-check has changed" in (course / "autograde.log").read_text()
    )
    assert outputs(course, "half")["ex-6-1-6-check"].endswith("A confusion matrix: no answer yet")


def test_a_deleted_check_brings_no_points_and_asks_for_a_look_by_hand(course):
    question = """
        SELECT student_id, auto_score, needs_manual_grade FROM grade
        JOIN base_cell ON base_cell.id = grade.cell_id
        JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
        JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
        WHERE base_cell.name = 'ex-6-1-7-check' AND student_id IN ('half', 'solved') ORDER BY student_id"""
    with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as gradebook:
        found = gradebook.execute(question).fetchall()
    assert found == [("half", None, 1), ("solved", EXERCISES["6.1.7"].points, 0)]


def test_a_grading_kernel_knows_that_it_grades_in_the_quick_profile(course):
    assert outputs(course, "half")["ex-6-1-5-answer"] == "1 quick\n"


def test_a_wrong_answer_is_told_why_without_a_stack(course):
    told = outputs(course, "half")["ex-6-1-3-check"]
    for part in ("case ", "expected  0.875", "got       2.0", "hint 1 of 3"):
        assert part in told
    assert "Traceback" not in told
    assert "exercises/" not in told


def test_a_copied_cell_is_named_and_stops_nobody(grades, course):
    assert grades["copies"]["score"] == f"{FULL:.1f}"
    assert grades["half"]["score"] != "0.0"  # who comes after it in the alphabet
    log = (course / "autograde.log").read_text()
    assert "copies copied cell ex-6-1-1-answer: the last one counts" in log
    assert "copies copied cell ex-6-1-4-check: the last one counts" in log
    assert "old version" not in log


def test_edited_grading_data_cost_the_points_of_their_checks_and_stop_nobody(grades, course):
    lost = EXERCISES["6.1.4"].points + EXERCISES["6.1.7"].points
    assert grades["edits"]["score"] == f"{FULL - lost:.1f}"
    log = (course / "autograde.log").read_text()
    for name in ("ex-6-1-1-answer", "ex-6-1-4-check", "ex-6-1-7-check"):
        assert f"edits changed the grading data of {name}, not graded: " in log


def test_a_submission_that_kills_its_kernel_has_no_points_and_does_not_stop_the_others(grades, course):
    assert grades["dies"]["score"] == "0.0"
    assert "There was an error processing assignment" in (course / "autograde.log").read_text()
    assert not (course / "autograded" / "dies" / ASSIGNMENT).exists()
    assert grades["zoe"]["score"] == f"{EXERCISES['6.1.1'].points:.1f}"
    assert set(grades) == {"blank", "copies", "edits", "half", "solved", "dies", "zoe"}


def test_the_feedback_page_shows_score_and_hint(course):
    page = (course / "feedback" / "half" / ASSIGNMENT / NOTEBOOK).with_suffix(".html").read_text("utf-8")
    assert f"{EXERCISES['6.1.1'].points + EXERCISES['6.1.4'].points:.1f} / {FULL:.1f}" in page
    assert "hint 1 of 3" in page


def test_validate_tells_a_student_which_checks_fail(course):
    released = str(Path("release") / ASSIGNMENT / NOTEBOOK)
    solved = str(Path("submitted") / "solved" / ASSIGNMENT / NOTEBOOK)
    told = nbgrader(course, "validate", released, solved)
    assert told.count(f"VALIDATION FAILED ON {len(CHECKED)} CELL(S)") == 1
    assert told.count("Success! Your notebook passes all the tests.") == 1


def test_the_exercises_of_the_notebook_bring_all_points_with_the_imports_of_the_notebook(tmp_path):
    """The slower one: the real cells, without the training between them, which grading would repeat."""
    notebook = nbformat.read(REAL_NOTEBOOK, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id == "imports" or cell.id.startswith("ex-")]
    short = tmp_path / "6_vision" / NOTEBOOK
    short.parent.mkdir()
    nbformat.write(notebook, short)
    course = tmp_path / "course"
    make_course(course, [str(short)])
    nbgrader(course, "generate_assignment", ASSIGNMENT)
    numbers = [
        number
        for number in CHECKED
        if any(cell.id == f"ex-{number.replace('.', '-')}-check" for cell in notebook.cells)
    ]
    for student, solved in (("blank", []), ("half", numbers[:1]), ("solved", numbers)):
        submit(course, student, lambda notebook, cells, solved=solved: solve(cells, *solved))
    nbgrader(course, "autograde", ASSIGNMENT)
    nbgrader(course, "export")
    with open(course / "grades.csv", newline="") as file:
        scores = {row["student_id"]: (row["score"], row["max_score"]) for row in csv.DictReader(file)}
    assert scores == {
        "blank": ("0.0", "4.0"),
        "half": ("2.0", "4.0"),
        "solved": ("4.0", "4.0"),
    }  # docs/teaching.md


# the tool itself


@pytest.fixture
def notebooks(tmp_path):
    folder = tmp_path / "notebooks"
    (folder / "6_vision").mkdir(parents=True)
    nbformat.write(small_notebook(), folder / "6_vision" / NOTEBOOK)
    return folder


def test_a_section_has_an_assignment_for_each_part(notebooks, tmp_path):
    chapter = notebooks / "3_architectures"
    chapter.mkdir()
    for part in ("1a_perceptron", "1b_backpropagation", "2_convolution", "10_late"):
        nbformat.write(small_notebook(), chapter / f"{part}.ipynb")

    def assignments(name, *sections):
        make_course(tmp_path / name, sections, notebooks=notebooks)
        return sorted(path.name for path in (tmp_path / name / "source").iterdir())

    assert assignments("section", "3_architectures/1") == ["3_1a_perceptron", "3_1b_backpropagation"]
    assert assignments("part", "3_architectures/1b") == ["3_1b_backpropagation"]
    assert assignments("two", "3_architectures/2", "6_vision/1") == ["3_2_convolution", ASSIGNMENT]
    assert assignments("path", str(chapter / "10_late.ipynb")) == ["3_10_late"]


@pytest.mark.parametrize("section", ["6_vision/2", "6_visoin/1", "3_architectures/1c", "", "nowhere.ipynb"])
def test_an_unknown_section_is_refused_with_a_list_and_nothing_is_written(notebooks, tmp_path, section):
    with pytest.raises(
        ValueError, match=f"no notebook is called '{section}'; there are:\n  6_vision/{NOTEBOOK}"
    ):
        make_course(tmp_path / "course", ["6_vision/1", section], notebooks=notebooks)
    assert not (tmp_path / "course").exists()


def test_a_notebook_without_exercises_or_behind_its_source_is_refused(notebooks, tmp_path):
    path = notebooks / "6_vision" / NOTEBOOK
    notebook = small_notebook()
    notebook.cells[2].source += "\n# edited"
    nbformat.write(notebook, path)
    with pytest.raises(ValueError, match=r"tools\.sync_exercises"):
        make_course(tmp_path / "course", ["6_vision/1"], notebooks=notebooks)
    notebook.cells = notebook.cells[:1]
    nbformat.write(notebook, path)
    with pytest.raises(ValueError, match="no exercises"):
        make_course(tmp_path / "course", ["6_vision/1"], notebooks=notebooks)
    assert not (tmp_path / "course").exists()


def test_what_a_teacher_has_changed_is_kept(notebooks, tmp_path):
    course = tmp_path / "course"
    make_course(course, ["6_vision/1"], notebooks=notebooks)
    source = course / "source" / ASSIGNMENT / NOTEBOOK
    assert make_course(course, ["6_vision/1"], notebooks=notebooks)[1] == f"kept     {source}"
    source.write_text("{}")
    (course / "nbgrader_config.py").write_text("# mine")
    with pytest.raises(FileExistsError, match="--replace"):
        make_course(course, ["6_vision/1"], notebooks=notebooks)
    assert source.read_text() == "{}"
    make_course(course, ["6_vision/1"], notebooks=notebooks, replace=True)
    assert source.read_bytes() == (notebooks / "6_vision" / NOTEBOOK).read_bytes()
    assert (course / "nbgrader_config.py").read_text() == "# mine"


def test_the_command_says_what_it_wrote_and_refuses_in_one_line(notebooks, tmp_path, capsys):
    path = str(notebooks / "6_vision" / NOTEBOOK)
    assert main([str(tmp_path / "course"), path, "--course-id", "vision"]) is None
    assert "written" in capsys.readouterr().out
    assert (
        "c.CourseDirectory.course_id = 'vision'" in (tmp_path / "course" / "nbgrader_config.py").read_text()
    )
    with pytest.raises(SystemExit):
        main([str(tmp_path / "course"), "7_nothing/1"])
    assert "7_nothing/1" in capsys.readouterr().err
