"""Make a course directory for nbgrader from the notebooks of the course.

    python -m tools.nbgrader_course ~/my-course 6_vision/1a
    cd ~/my-course
    nbgrader generate_assignment 6_1a_pictures_and_filters

A section is named by its chapter folder and number (`6_vision/1`: all its parts; `6_vision/1a`: one
part), or by the path of a notebook. Written: `nbgrader_config.py` and `source/<assignment>/<notebook>.ipynb`,
one assignment for each notebook. What is there already is never overwritten, unless --replace says so, and
then only the notebooks.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from helpers.files import write_whole
from tools.notebooks import ENGLISH, find_notebooks, read_notebook
from tools.sync_exercises import sync

CONFIG = '''\
# Configuration of nbgrader for this course. Run every nbgrader command in this folder.
import os

from nbclient.output_widget import OutputWidget
from nbgrader import converters, preprocessors
from nbgrader.nbgraderformat import MetadataValidator

# What a widget printed is not sent back to the kernel: grading can hang on it (nbclient issue 312).
OutputWidget.sync_state = lambda self: None


class ClearMarkedSolutions(preprocessors.ClearSolutions):
    """Clears what stands between BEGIN SOLUTION and END SOLUTION, and leaves cells without these marks alone.

    The course's stubs are blank already; nbgrader's own version would replace them, signature and all.
    """

    def preprocess_cell(self, cell, resources, cell_index):
        if self.begin_solution_delimeter in cell.source:
            return super().preprocess_cell(cell, resources, cell_index)
        return cell, resources


class OneCellOfEachName(preprocessors.DeduplicateIds):
    """Of a cell that a learner has copied the last one counts; the others run and are not graded.

    Nor is a cell whose grading data were edited. nbgrader's own version leaves empty grading data behind,
    takes them for those of an old nbgrader and stops: nobody after that learner is graded.
    """

    def preprocess_cell(self, cell, resources, cell_index):
        if "nbgrader" not in cell.metadata:
            return cell, resources
        learner = resources["nbgrader"]["student"]
        try:
            MetadataValidator().validate_cell(cell)
        except Exception as error:  # as many kinds as there are ways to edit
            wrong = str(error).partition("\\n")[0]
            self.log.warning("%s changed the grading data of %s, not graded: %s", learner, cell.id, wrong)
            del cell.metadata["nbgrader"]
            return cell, resources
        name = cell.metadata["nbgrader"]["grade_id"]
        if name in self.grade_ids:
            self.log.warning("%s copied cell %s: the last one counts", learner, name)
            del cell.metadata["nbgrader"]
        self.grade_ids.add(name)
        return cell, resources


def with_ours(steps, theirs, ours):
    return [ours if step is theirs else step for step in steps.default_args[0]]


c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {course_id!r}
c.GenerateAssignment.preprocessors = with_ours(
    converters.GenerateAssignment.preprocessors, preprocessors.ClearSolutions, ClearMarkedSolutions
)
c.Autograde.sanitize_preprocessors = with_ours(
    converters.Autograde.sanitize_preprocessors, preprocessors.DeduplicateIds, OneCellOfEachName
)

# Only the kernels that nbgrader starts know that they grade: a blank answer is an error there.
grading = {{"COURSE_GRADING": "1", "COURSE_PROFILE": "quick", "CI": "true"}}
c.Execute.extra_arguments = [f"--IPKernelApp.exec_lines=import os; os.environ.update({{grading}})"]
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads sleep: faster beside other work
c.Execute.timeout = 300  # seconds for one cell; then it is interrupted and counts as failed
c.Execute.startup_timeout = 120  # seconds for a kernel to start
'''


def assignment_name(notebook: Path) -> str:
    """6_vision/1a_pictures_and_filters.ipynb -> 6_1a_pictures_and_filters."""
    chapter = re.match(r"\d+", notebook.resolve().parent.name)
    return f"{chapter[0]}_{notebook.stem}" if chapter else notebook.stem


def make_course(
    course_dir: str | Path,
    sections: Iterable[str],
    *,
    course_id: str | None = None,
    replace: bool = False,
    notebooks: Path = ENGLISH,
) -> list[str]:
    """Write the configuration and the assignments; returns what was done, one sentence each.

    Everything is looked at before anything is written. Raises ValueError for a section that does not exist
    and for a notebook without (up-to-date) exercises, FileExistsError for one that differs.
    """
    course_dir = Path(course_dir)
    if course_dir.exists() and not course_dir.is_dir():
        raise FileExistsError(f"{course_dir} is a file; name a folder, new or empty or an existing course")
    config = course_dir / "nbgrader_config.py"
    copies = []
    for notebook in find_notebooks(sections, notebooks):
        _require_exercises(notebook)
        copy = course_dir / "source" / assignment_name(notebook) / notebook.name
        if copy.exists() and copy.read_bytes() != notebook.read_bytes() and not replace:
            raise FileExistsError(f"{copy} exists and differs; keep it, or write over it with --replace")
        copies.append((notebook, copy))
    done = []
    if config.exists():
        done.append(f"kept     {config}")
    else:
        name = course_id or re.sub(r"\W+", "-", course_dir.resolve().name).strip("-")
        write_whole(config, CONFIG.format(course_id=name))
        done.append(f"written  {config}")
    for notebook, copy in copies:
        same = copy.exists() and copy.read_bytes() == notebook.read_bytes()
        if not same:
            write_whole(copy, notebook.read_bytes())
        done.append(f"{'kept   ' if same else 'written'}  {copy}")
    return done


def _require_exercises(notebook: Path) -> None:
    content = read_notebook(notebook)
    if not any(cell.metadata.get("nbgrader", {}).get("grade") for cell in content.cells):
        raise ValueError(f"{notebook} has no cell that nbgrader could grade: it has no exercises")
    changed, broken = sync(content)
    if changed or broken:
        raise ValueError(
            f"{notebook}: {(broken + changed)[0]}; run python -m tools.sync_exercises {notebook}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command: say what was written, or end with what was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.nbgrader_course", description=__doc__.splitlines()[0]
    )
    parser.add_argument("course_dir", help="folder of the course, made when it does not exist")
    parser.add_argument(
        "sections", nargs="+", metavar="section", help="like 6_vision/1, or a notebook's path"
    )
    parser.add_argument("--course-id", help="nbgrader's name for the course; default: the folder's name")
    parser.add_argument(
        "--replace", action="store_true", help="write over notebooks that differ from the course's"
    )
    options = parser.parse_args(arguments)
    try:
        done = make_course(
            options.course_dir, options.sections, course_id=options.course_id, replace=options.replace
        )
    except (FileExistsError, ValueError) as error:
        parser.error(str(error))
    print("\n".join(done))
    if shutil.which("nbgrader") is None:
        print("nbgrader is not on the path: activate the course's virtual environment first")


if __name__ == "__main__":
    sys.exit(main())
