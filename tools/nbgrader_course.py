"""Make a course directory for nbgrader from the notebooks of the course.

    python -m tools.nbgrader_course ~/my-course 6_vision/1
    cd ~/my-course
    nbgrader generate_assignment 6_1_image_classification

A section is named by its chapter folder and number (`6_vision/1`), or by the path of its notebook. Written:
`nbgrader_config.py` and `source/<assignment>/<notebook>.ipynb`. What is there already is never overwritten,
unless --replace says so, and then only the notebooks.
"""

import argparse
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat

from tools.sync_exercises import sync

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks" / "en"

CONFIG = '''\
# Configuration of nbgrader for this course. Run every nbgrader command in this folder.
import os

from nbclient.output_widget import OutputWidget
from nbgrader import converters, preprocessors

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


c = get_config()  # noqa: F821
c.CourseDirectory.course_id = {course_id!r}
c.GenerateAssignment.preprocessors = [
    ClearMarkedSolutions if step is preprocessors.ClearSolutions else step
    for step in converters.GenerateAssignment.preprocessors.default_args[0]
]

# Only the kernels that nbgrader starts know that they grade: a blank answer is an error there.
grading = {{"COURSE_GRADING": "1", "COURSE_PROFILE": "quick", "CI": "true"}}
c.Execute.extra_arguments = [f"--IPKernelApp.exec_lines=import os; os.environ.update({{grading}})"]
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads sleep: faster beside other work
c.Execute.timeout = 300  # seconds for one cell; then it is interrupted and counts as failed
c.Execute.startup_timeout = 120  # seconds for a kernel to start
'''


def find_notebook(section, notebooks=NOTEBOOKS):
    """The notebook of a section: "6_vision/1", or a path. Raises FileNotFoundError with what there is."""
    if section.endswith(".ipynb"):
        found = [Path(section)] if Path(section).is_file() else []
    else:
        chapter, _, number = section.rpartition("/")
        found = sorted(Path(notebooks, chapter).glob(f"{number}_*.ipynb")) if chapter and number else []
    if len(found) != 1:
        paths = Path(notebooks).rglob("[0-9]*.ipynb")
        known = sorted(path.relative_to(notebooks).as_posix() for path in paths)
        raise FileNotFoundError(
            f"{section!r} names {len(found) or 'no'} notebooks; name one like 6_vision/1. "
            f"There are: {', '.join(known) or 'none'}"
        )
    return found[0]


def assignment_name(notebook):
    """6_vision/1_image_classification.ipynb -> 6_1_image_classification."""
    chapter = re.match(r"\d+", notebook.resolve().parent.name)
    return f"{chapter[0]}_{notebook.stem}" if chapter else notebook.stem


def make_course(course_dir, sections, *, course_id=None, replace=False, notebooks=NOTEBOOKS):
    """Write the configuration and the assignments; returns what was done, one sentence each.

    Everything is looked at before anything is written. Raises FileNotFoundError for a section that does not
    exist, ValueError for a notebook without (up-to-date) exercises, FileExistsError for one that differs.
    """
    course_dir = Path(course_dir)
    if course_dir.exists() and not course_dir.is_dir():
        raise FileExistsError(f"{course_dir} is a file; name a folder, new or empty or an existing course")
    config = course_dir / "nbgrader_config.py"
    copies = []
    for notebook in [find_notebook(section, notebooks) for section in sections]:
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
        _write(config, CONFIG.format(course_id=name).encode())
        done.append(f"written  {config}")
    for notebook, copy in copies:
        same = copy.exists() and copy.read_bytes() == notebook.read_bytes()
        if not same:
            _write(copy, notebook.read_bytes())
        done.append(f"{'kept   ' if same else 'written'}  {copy}")
    return done


def _require_exercises(notebook):
    content = nbformat.read(notebook, as_version=4)
    if not any(cell.metadata.get("nbgrader", {}).get("grade") for cell in content.cells):
        raise ValueError(f"{notebook} has no cell that nbgrader could grade: it has no exercises")
    changed, broken = sync(content)
    if changed or broken:
        raise ValueError(
            f"{notebook}: {(broken + changed)[0]}; run python -m tools.sync_exercises {notebook}"
        )


def _write(path, content):
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def main(arguments=None):
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
    except (FileNotFoundError, FileExistsError, ValueError) as error:
        parser.error(str(error))
    print("\n".join(done))
    if shutil.which("nbgrader") is None:
        print("nbgrader is not on the path: activate the course's virtual environment first")


if __name__ == "__main__":
    sys.exit(main())
