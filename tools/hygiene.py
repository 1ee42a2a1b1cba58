"""What can be said of a notebook without running it: a list of what is wrong.

    python -m tools.hygiene [notebook ...]      (default: all of notebooks/)

Also a pre-commit hook, and tests/sections/test_notebooks.py. Exit status 1 if anything is wrong.
"""

import argparse
import ast
import base64
import copy
import io
import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbformat import NotebookNode

from tools.course import PICTURES, TAGS_WITH_TOLERANCE, Part, course, drawings, pictures_of
from tools.nbval_tolerance import KNOWN_TAGS, tolerance_of
from tools.normalise import WIDGET, normalise
from tools.notebooks import (
    NOTEBOOKS,
    called,
    code_cells,
    find_notebooks,
    is_exercise,
    read_notebook,
    statements,
    tags_of,
)

MAX_BYTES = 1_000_000
MAX_IGNORED = 0.15  # of the code cells; one is always allowed
MAX_BUDGET = {
    "seconds": 60,
    "ram_mb": 2000,
}  # of the quick profile; course.toml allows some parts more
MAX_TOLERANCE = {"rtol": 0.1, "picture": 0.015}  # without a reason in course.toml

# One part is one sitting.
MAX_CELLS = 60
MAX_LINES = 15  # of a code cell
MAX_MEDIAN = 8  # lines: half of the code cells have at most so many
MAX_CODE = 250  # lines
MAX_WORDS = 2600
MAX_MINUTES = 90
MIN_DRAWINGS = 2

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{12})?|[0-9a-f]{32}")
_ABSOLUTE = re.compile(r"(?<![\w.:/~-])/(?:home|root|Users|work|tmp)\b|(?<!\w)[A-Z]:\\+(?:Users\b|\w+\\)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def problems(notebook: NotebookNode, path: Path) -> list[str]:
    """Everything that is wrong with a notebook (a NotebookNode), read from `path`: a list of sentences."""
    path = Path(path)
    part = course().part_of(path)
    return [
        *wrong_in_file(notebook, path),
        *wrong_place(notebook, path, part),
        *wrong_course_metadata(notebook, part),
        *wrong_needs(notebook, part),
        *wrong_size(notebook),
        *wrong_ids(notebook),
        *wrong_execution(notebook),
        *wrong_tags(notebook),
        *wrong_tolerances(notebook, part),
        *wrong_end(notebook, part),
        *open_predictions(notebook),
        *absolute_paths(notebook),
        *wrong_pictures(notebook),
        *dead_links(notebook, path),
        *shadowed_names(notebook),
    ]


def wrong_in_file(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """The file: its size, its title, its form, no empty cell."""
    if path.stat().st_size > MAX_BYTES:
        yield f"{path.stat().st_size:,} bytes; at most {MAX_BYTES:,}: fewer or smaller pictures"
    first = notebook.cells[0] if notebook.cells else None
    if not first or first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "the first cell must be prose that begins with a title, `# …`"
    if normalise(copy.deepcopy(notebook)) != notebook:
        yield "not normalised: run `python -m tools.normalise`"
    for cell in code_cells(notebook):
        if not cell.source.strip():
            yield f"cell {_name(cell)}: empty"


def wrong_place(notebook: NotebookNode, path: Path, part: Part | None) -> Iterator[str]:
    """A notebook of the course stands in course.toml, and calls itself as it is called there."""
    if part is None:
        if path.resolve().is_relative_to(NOTEBOOKS.resolve()):
            yield "course.toml lists no such part: add [[section.part]] with notebook = … to its section"
        return
    title = notebook.metadata.get("course", {}).get("title")
    if title != part.title:
        yield f"metadata.course.title is {title!r}; course.toml says {part.title!r}"
    heading = f"# {part.number} · {part.title}"
    if notebook.cells and notebook.cells[0].source.splitlines()[:1] != [heading]:
        yield f"the first line must be {heading!r}, as course.toml has number and title"


# ---- one sitting -----------------------------------------------------------------------------------------


def wrong_size(notebook: NotebookNode) -> Iterator[str]:
    """The limits of one sitting: cells, lines, words, minutes, drawings."""
    sizes = [len(cell.source.splitlines()) for cell in code_cells(notebook)]
    words = words_of(notebook)
    if len(notebook.cells) > MAX_CELLS:
        yield f"{len(notebook.cells)} cells; at most {MAX_CELLS}: make two parts of it"
    for cell in code_cells(notebook):
        if (lines := len(cell.source.splitlines())) > MAX_LINES:
            yield f"cell {_name(cell)}: {lines} lines; at most {MAX_LINES}: split it"
    if sizes and (median := sorted(sizes)[len(sizes) // 2]) > MAX_MEDIAN:
        yield f"half of the code cells have {median} lines or more; at most {MAX_MEDIAN}"
    if sum(sizes) > MAX_CODE:
        yield f"{sum(sizes)} lines of code; at most {MAX_CODE}: make two parts of it"
    if words > MAX_WORDS:
        yield f"{words:,} words of prose; at most {MAX_WORDS:,}: make two parts of it"
    for cell in notebook.cells:
        if re.fullmatch(r"ex-[\d-]+-text", _name(cell)) and not _minutes_of_exercise(cell):
            yield f"cell {_name(cell)}: its heading does not end in the minutes it takes, `· 10 min`"
    minutes = minutes_of(notebook)
    declared = notebook.metadata.get("course", {}).get("minutes")
    if minutes > MAX_MINUTES:
        yield f"{minutes} minutes by the rule of one sitting; at most {MAX_MINUTES}: make two parts of it"
    elif declared != minutes:
        yield f"metadata.course.minutes is {declared!r}; words / 180 + lines / 4 + exercises give {minutes}"
    said = re.search(r"\bTime: (?:about )?(\d+) min", notebook.cells[0].source) if notebook.cells else None
    if said and int(said[1]) != minutes:
        yield f"the first cell says {said[0]!r}; words / 180 + lines / 4 + exercises give {minutes}"
    if (drawn := drawings(notebook)) < MIN_DRAWINGS:
        yield (
            f"{drawn} drawings; at least {MIN_DRAWINGS}: Mermaid, or a picture of a cell with the metadata "
            'jupyter: {"source_hidden": true}'
        )


def words_of(notebook: NotebookNode) -> int:
    """The words of all prose, formulas and links included."""
    return sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")


def minutes_of(notebook: NotebookNode) -> int:
    """What a new learner takes: words / 180 + code lines / 4 + the exercises' minutes, up to a full five."""
    lines = sum(len(cell.source.splitlines()) for cell in code_cells(notebook))
    exercises = sum(_minutes_of_exercise(cell) for cell in notebook.cells)
    return 5 * math.ceil((words_of(notebook) / 180 + lines / 4 + exercises) / 5)


def _minutes_of_exercise(cell: NotebookNode) -> int:
    if cell.cell_type != "markdown" or not is_exercise(cell):
        return 0
    found = re.search(r"^#+ .* (\d+) min$", cell.source, re.MULTILINE)
    return int(found[1]) if found else 0


# ---- what it says of itself ------------------------------------------------------------------------------


def wrong_course_metadata(notebook: NotebookNode, part: Part | None = None) -> Iterator[str]:
    """metadata.course holds all that it must, and budgets within the limits."""
    course_data = notebook.metadata.get("course")
    wanted = {"title": str, "minutes": int, "needs": list, "frameworks": list, "budget": dict}
    if not isinstance(course_data, dict):
        yield f"no metadata.course; it holds {', '.join(wanted)}"
        return
    for name, kind in wanted.items():
        value = course_data.get(name)
        if not isinstance(value, kind) or isinstance(value, bool) or value in ("", 0):
            yield f"metadata.course.{name} is {value!r}; it must be of type {kind.__name__}, not empty"
        elif kind is list and not all(isinstance(item, str) and item for item in value):
            yield f"metadata.course.{name} is {value!r}; it must be a list of names"
    for name in set(course_data) - set(wanted):
        yield f"metadata.course.{name} means nothing; known are {', '.join(wanted)}"
    budget = course_data.get("budget")
    allowed = {"seconds": part.seconds, "ram_mb": part.ram_mb} if part else {}
    limits = MAX_BUDGET | {name: value for name, value in allowed.items() if value}
    for name, most in limits.items():
        value = budget.get(name) if isinstance(budget, dict) else None
        if type(value) is not int or not 0 < value <= most:
            yield f"metadata.course.budget.{name} is {value!r}; it must be a whole number from 1 to {most}"


def wrong_needs(notebook: NotebookNode, part: Part | None = None) -> Iterator[str]:
    """`needs` names sections or parts of the course, and only such as come before."""
    needs = notebook.metadata.get("course", {}).get("needs")
    places = course().places()
    for name in needs if isinstance(needs, list) else []:
        place = str(name)
        if place not in places:
            yield f"metadata.course.needs: {name!r} is no section; one is called {places[1]!r}"
        elif part and places.index(place) >= places.index(part.notebook):
            yield f"metadata.course.needs: {name!r} comes later in the course"


def wrong_ids(notebook: NotebookNode) -> Iterator[str]:
    """Every cell has an id of its own that says what it is."""
    seen = set()
    for cell in notebook.cells:
        name = cell.get("id", "")
        if name in seen:
            yield f"cell id {name!r} is used twice"
        seen.add(name)
        if not _SLUG.fullmatch(name) or _RANDOM_ID.fullmatch(name):
            yield f"cell id {name!r} says nothing: give it a readable one such as conv-size-check"


def wrong_execution(notebook: NotebookNode) -> Iterator[str]:
    """Executed from the first cell to the last, without a stray error or output to stderr."""
    for place, cell in enumerate(code_cells(notebook), 1):
        if cell.get("execution_count") != place:
            count = cell.get("execution_count")
            yield f"cell {_name(cell)}: code cell {place} has the count {count}: run `make notebooks`"
            break  # the ones after it are wrong for the same reason
    for cell in code_cells(notebook):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        expected = "raises-exception" in tags_of(cell)
        if errors and not expected:
            yield f"cell {_name(cell)}: holds an error, {errors[0].ename}, without the tag raises-exception"
        if expected and not errors:
            yield f"cell {_name(cell)}: tagged raises-exception, but holds no error"
        if any(output.output_type == "stream" and output.name == "stderr" for output in cell.outputs):
            yield f"cell {_name(cell)}: holds output to stderr"


def wrong_tags(notebook: NotebookNode) -> Iterator[str]:
    """Known tags only, few ignored cells, and none of these carries a claim."""
    for cell in notebook.cells:
        for tag in tags_of(cell):
            if tag.startswith(TAGS_WITH_TOLERANCE):
                try:
                    tolerance_of([tag], tag.partition("=")[0], 0)
                except ValueError as error:
                    yield f"cell {_name(cell)}: {error}"
            elif tag not in KNOWN_TAGS:
                known = ", ".join((*KNOWN_TAGS, *(f"{name}…" for name in TAGS_WITH_TOLERANCE)))
                yield f"cell {_name(cell)}: unknown tag {tag!r}; known are {known}"
        if cell.cell_type == "code" and re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source):
            yield f"cell {_name(cell)}: steers nbval by a comment; use a tag"
    code = code_cells(notebook)
    ignored = [cell for cell in code if "nbval-ignore-output" in tags_of(cell)]
    if len(ignored) > max(1, MAX_IGNORED * len(code)):
        share = len(ignored) / len(code)
        yield f"{len(ignored)} of {len(code)} code cells are ignored ({share:.0%}); at most {MAX_IGNORED:.0%}"
    for cell in ignored:
        if carries_claim(cell.source):
            yield f"cell {_name(cell)}: its output is ignored, but it ends in a claim: give that its own cell"


def wrong_tolerances(notebook: NotebookNode, part: Part | None = None) -> Iterator[str]:
    """A cell may differ by much only where course.toml lists it, with the reason."""
    for cell in code_cells(notebook):
        place = f"{part.notebook if part else ''}#{_name(cell)}"
        listed = next((t for t in course().tolerances if t.cell == place), None)
        for name, asked in loosest(cell).items():
            most = max(MAX_TOLERANCE[name], getattr(listed, name, 0))
            if asked > most:
                yield (
                    f"cell {_name(cell)}: {name}={asked:g} is more than {most:g}; show less that varies, "
                    f'or list [[tolerance]] cell = "{place}" with its reason in course.toml'
                )


def loosest(cell: NotebookNode) -> dict[str, float]:
    """The largest tolerances that tags and checks of a code cell name: {"rtol": …, "picture": …}."""
    asked = {"rtol": 0.0, "picture": 0.0}
    for name in asked:
        try:
            asked[name] = tolerance_of(tags_of(cell), name, 0.0)
        except ValueError:
            continue  # said by wrong_tags
    try:
        calls = list(called(statements(cell.source)))
    except SyntaxError:
        return asked
    for name, call in calls:
        if name.startswith(("check", "assert", "allclose", "isclose")):
            for word in call.keywords:
                if word.arg in ("rtol", "rel_tol") and isinstance(word.value, ast.Constant):
                    asked["rtol"] = max(asked["rtol"], word.value.value)
    return asked


def wrong_end(notebook: NotebookNode, part: Part | None) -> Iterator[str]:
    """A notebook with exercises lists at its end which are open: one of several parts only its own."""
    found = [re.match(r"ex-(\d+)-(\d+)-(\d+)-", cell.id) for cell in notebook.cells if is_exercise(cell)]
    numbers = list(dict.fromkeys(".".join(match.groups()) for match in found if match))
    if not numbers:
        return
    if part is None or part.number[-1].isdigit():
        numbers = [numbers[0].rpartition(".")[0]]
    listed = ", ".join(f'"{number}"' for number in numbers)
    end = f"still_open({listed})"
    code = code_cells(notebook)
    if not (code and code[-1].source.rstrip().endswith(end)):
        yield f"the last line of code must be {end}"


def open_predictions(notebook: NotebookNode) -> Iterator[str]:
    """What stands under "Predict" must not be seen before it is run; a knob is turned, not looked up."""
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown" or not re.search(r"\*\*Predict\b", cell.source):
            continue
        after = [later for later in notebook.cells[place + 1 :] if later.cell_type == "code"][:3]
        if not any(_is_folded(later) or _has_widget(later) for later in after):
            yield (
                f"cell {_name(cell)}: asks for a prediction, but the answer is in sight: fold it away by "
                'jupyter: {"outputs_hidden": true} in the metadata of the cell that gives it'
            )


def _is_folded(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("jupyter", {}).get("outputs_hidden"))


def _has_widget(cell: NotebookNode) -> bool:
    return any(WIDGET in output.get("data", {}) for output in cell.outputs)


def carries_claim(source: str) -> bool:
    """Whether code ends in a claim: a comparison, an `assert`, or a call of check…() or assert…()."""
    try:
        body = statements(source).body
    except SyntaxError:
        return True  # code that cannot be read cannot be let off
    if not body:
        return False
    last = body[-1]
    simple = not hasattr(last, "body")  # a comparison that steers a loop is no claim
    for node in ast.walk(last):
        if isinstance(node, ast.Assert) or (simple and isinstance(node, ast.Compare)):
            return True
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called.startswith(("check", "assert")):
                return True
    return False


def absolute_paths(notebook: NotebookNode) -> Iterator[str]:
    """No source and no output names a folder of one machine."""
    for cell in notebook.cells:
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts += [output.get("text", ""), output.get("evalue", "")]
            texts += [str(value) for kind, value in output.get("data", {}).items() if kind not in PICTURES]
            texts += [line.replace("~/", "/home/") for line in output.get("traceback", [])]
        for text in texts:
            if found := _ABSOLUTE.search(_ANSI.sub("", text)):
                around = _ANSI.sub("", text)[found.start() : found.start() + 40].splitlines()[0]
                yield f"cell {_name(cell)}: a path of one machine: {around!r}"
                break


def wrong_pictures(notebook: NotebookNode) -> Iterator[str]:
    """Every picture has words of its own, and shows something."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for alt in re.findall(r"!\[([^\]]*)\]\(", _without_code(cell.source)):
                if not alt.strip():
                    yield f"cell {_name(cell)}: a picture without words; ![what it shows](…)"
            for tag in re.findall(r"<img\b[^>]*>", cell.source):
                if not re.search(r"\balt=['\"]\s*[^\s'\"]", tag):
                    yield f'cell {_name(cell)}: a picture without words; <img alt="what it shows" …>'
        alt, count = cell.metadata.get("alt"), pictures_of(cell)
        if count and not (isinstance(alt, str) and alt.strip()):
            yield f"cell {_name(cell)}: its picture needs words: metadata.alt, one sentence"
        if alt and not count and not _has_widget(cell):
            yield f"cell {_name(cell)}: metadata.alt describes a picture, and there is none"
        if count > 1:
            yield f"cell {_name(cell)}: {count} pictures share one alt: draw one figure, or in a cell each"
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}) and is_blank(output.data["image/png"]):
                yield f"cell {_name(cell)}: its picture is of one colour"
    alts = Counter(
        str(cell.metadata.get("alt")).strip() for cell in code_cells(notebook) if pictures_of(cell)
    )
    for alt, count in alts.items():
        if count > 1 and alt not in ("", "None"):
            yield f"{count} pictures have the same words: {alt[:60]!r}"


def is_blank(png: str) -> bool:
    """Whether all pixels of a base64-encoded PNG are alike (or there are none that can be read)."""
    from matplotlib.image import imread  # slow to import

    try:
        pixels = imread(io.BytesIO(base64.b64decode(png)), format="png")
    except (ValueError, OSError, SyntaxError):
        return True
    pixels = pixels.reshape(pixels.shape[0] * pixels.shape[1], -1)
    return bool((pixels == pixels[0]).all())


def dead_links(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Links lead to files that are there, or to notebooks that are planned."""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\(<?([^)\s>]+)", _without_code(cell.source)):
            file = target.split("#")[0]
            if not file or re.match(r"[a-z]+:", file):
                continue
            if not (path.parent / file).exists() and not _is_planned(path.parent / file):
                yield f"cell {_name(cell)}: link to {target!r}, which is not there"


def _is_planned(path: Path) -> bool:
    """Whether a path is where a notebook is planned: a part, or a section of which no part is written."""
    path = path.resolve()
    try:
        inside = path.relative_to(NOTEBOOKS.resolve()).with_suffix("")
    except ValueError:
        return False
    place = "/".join(inside.parts[1:])
    planned = {part.notebook for part in course().parts if not part.counts}
    planned |= {section.place for section in course().sections if not any(p.counts for p in section.parts)}
    return path.suffix == ".ipynb" and place in planned


def _without_code(markdown: str) -> str:
    markdown = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`|\$\$.*?\$\$|\$[^$\n]+\$", "", markdown, flags=re.DOTALL)


def shadowed_names(notebook: NotebookNode) -> Iterator[str]:
    """An exercise whose function is called like something that the notebook imports."""
    trees = {_name(cell): _tree(cell) for cell in code_cells(notebook)}
    imports = [
        node
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    imported = {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}
    for name, tree in trees.items():
        for part in tree.body if name.startswith("ex-") else ():
            if isinstance(part, ast.FunctionDef) and part.name in imported:
                yield f"cell {name}: {part.name!r} is imported in this notebook; choose another name"


def _tree(cell: NotebookNode) -> ast.Module:
    """The syntax tree of a cell; an empty one where it cannot be read."""
    try:
        return statements(cell.source)
    except SyntaxError:
        return ast.Module([], [])


def _name(cell: NotebookNode) -> str:
    return cell.get("id") or repr(cell.source[:30])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.hygiene", description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", help="paths, or names like 6_vision/1 (default: all)")
    given = parser.parse_args(arguments)
    try:
        paths = find_notebooks(given.notebooks)
    except ValueError as error:
        parser.error(str(error))
    count = 0
    for path in paths:
        try:
            found = problems(read_notebook(path), path)
        except ValueError as error:
            found = [str(error)]
        for problem in found:
            print(f"{path}: {problem}")
        count += len(found)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
