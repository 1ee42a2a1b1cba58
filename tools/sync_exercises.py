"""Write the exercises of a section into a notebook, from their one source in `exercises/`.

    python -m tools.sync_exercises notebooks/en/6_vision/1a_pictures_and_filters.ipynb
    python -m tools.sync_exercises --check notebooks/en     # only reports

A notebook takes part when it has cells whose ids begin with `ex-`. For exercise 6.1.1 it must have
`ex-6-1-1-text` (Markdown), `ex-6-1-1-answer` and `ex-6-1-1-check` (code), in this order; a design exercise
has no check. The exercises of a notebook stand in the order of their numbers. Numbers may be left out: a new
exercise gets the next free one of its section, wherever it stands. Their source and their nbgrader metadata
are written, nothing else is touched, and no cell is made. Exit status: 0 when source and notebook agree, 1
when they differed (--check) or cells are missing.
"""

import argparse
import re
import sys
from collections.abc import Sequence

from nbformat import NotebookNode

from exercises.exercise import Exercise
from exercises.finding import find, section_exercises
from exercises.texts import words
from tools.notebooks import find_notebooks, read_notebook, write_notebook

CELL_ID = re.compile(r"ex-(\d+)-(\d+)-(\d+)-(text|answer|check)")


def cell_id(number: str, part: str) -> str:
    """("6.1.3", "answer") -> "ex-6-1-3-answer"."""
    return f"ex-{number.replace('.', '-')}-{part}"


def text_source(exercise: Exercise) -> str:
    """The Markdown of an exercise: heading, statement, one fold per hint."""
    level = "●" * exercise.level + "○" * (5 - exercise.level)
    said = words(exercise.number)
    heading = f"### Exercise {exercise.number} · {said.title} · {level} · {exercise.minutes} min"
    folds = [
        f"<details><summary>{question}</summary>\n\n{help_text}\n\n</details>"
        for question, help_text in said.hints
    ]
    return "\n\n".join([heading, said.statement, *folds])


def check_source(exercise: Exercise) -> str:
    """The notebook goes on with what `check` gives back: the right answer, or the course's for a blank."""
    return f'{exercise.answer_name} = check("{exercise.number}", {exercise.answer_name})'


def nbgrader_metadata(exercise: Exercise, part: str) -> dict | None:
    """The cell metadata of nbgrader's schema 3; None for cells that nbgrader is not told about."""
    if part == "text" or exercise.kind == "design":
        return None
    graded = part == "check"
    metadata = {
        "grade": graded,
        "grade_id": cell_id(exercise.number, part),
        "locked": graded,
        "schema_version": 3,
        "solution": not graded,
        "task": False,
    }
    return {**metadata, "points": exercise.points} if graded else metadata


def parts(exercise: Exercise) -> list[tuple[str, str, str]]:
    """[(part, cell type, source)] of an exercise, in the order of the notebook."""
    cells = [("text", "markdown", text_source(exercise)), ("answer", "code", exercise.stub)]
    return cells if exercise.kind == "design" else [*cells, ("check", "code", check_source(exercise))]


def sync(notebook: NotebookNode) -> tuple[list[str], list[str]]:
    """Write the exercises into a notebook in memory: (what was changed, what cannot be mended), sentences."""
    changed, broken = [], []
    places = {cell.get("id"): place for place, cell in enumerate(notebook.cells)}
    numbers = set()
    for name in places:
        if name and name.startswith("ex-"):
            match = CELL_ID.fullmatch(name)
            if match is None:
                broken.append(
                    f"cell id {name!r}: an exercise's cells are called like ex-6-1-1-text, -answer, -check"
                )
            else:
                numbers.add(".".join(match.groups()[:3]))
    for number in sorted(numbers):
        try:
            find(number)
        except ValueError as error:
            broken.append(str(error))
    sections = {number.rpartition(".")[0] for number in numbers}
    last_place = -1
    for exercise in (e for section in sorted(sections) for e in _known(section) if e.number in numbers):
        for part, cell_type, source in parts(exercise):
            name = cell_id(exercise.number, part)
            if name not in places:
                broken.append(f"cell {name} is missing")
                continue
            cell = notebook.cells[places[name]]
            if cell.cell_type != cell_type:
                broken.append(f"cell {name} is a {cell.cell_type} cell, must be {cell_type}")
                continue
            if places[name] < last_place:
                broken.append(
                    f"cell {name} stands too early: the order is 6.1.1, 6.1.2 …, each text, answer, check"
                )
            last_place = places[name]
            metadata = nbgrader_metadata(exercise, part)
            if cell.source != source:
                changed.append(f"{name}: source")
                cell.source = source
            if cell.metadata.get("nbgrader") != metadata:
                changed.append(f"{name}: nbgrader metadata")
                if metadata is None:
                    del cell.metadata["nbgrader"]
                else:
                    cell.metadata["nbgrader"] = metadata
    return changed, broken


def _known(section: str) -> list[Exercise]:
    try:
        return section_exercises(section)
    except ValueError:
        return []  # said already, exercise by exercise


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.sync_exercises", description=__doc__.splitlines()[0]
    )
    parser.add_argument("paths", nargs="+", metavar="notebook", help="notebooks, or folders of notebooks")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something differs")
    options = parser.parse_args(arguments)
    failed = False
    try:
        paths = find_notebooks(options.paths)
    except ValueError as error:
        parser.error(str(error))
    for path in paths:
        notebook = read_notebook(path)
        changed, broken = sync(notebook)
        for line in broken:
            print(f"{path}: {line}")
        for line in changed:
            print(f"{path}: {line} {'differs' if options.check else 'written'}")
        if changed and not options.check:
            write_notebook(notebook, path)
            print(f"{path}: run the notebook again, so that its outputs belong to its code")
        failed |= bool(broken) or (options.check and bool(changed))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
