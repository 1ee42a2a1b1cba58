"""What can be said of a notebook without running it: a list of what is wrong.

    python -m tools.hygiene [notebook ...]      (default: all of notebooks/)

Also a pre-commit hook, and tests/sections/test_notebooks.py. Exit status 1 if anything is wrong.
"""

import ast
import base64
import copy
import io
import re
import sys
from pathlib import Path

import nbformat

from tools.kernel import NOTEBOOKS, find_notebooks
from tools.nbval_tolerance import KNOWN_TAGS, rtol_of
from tools.normalise import normalise

MAX_BYTES = 1_000_000
MAX_LINES = 25
MAX_IGNORED = 0.15  # of the code cells; one is always allowed
MAX_BUDGET = {"seconds": 60, "ram_mb": 2000}  # of the quick profile
MAX_SECONDS = {
    "2_language_models.ipynb": 90,
    "3_bert_fine_tuning.ipynb": 90,
}  # the only ones that may take longer

# The sections of the course, written or not yet: a link or a `needs` may point to any of them.
SECTIONS = [
    "0_start_here",
    "1_overview/1_what_is_a_large_model",
    "1_overview/2_compression",
    "2_math/1_linear_algebra",
    "2_math/2_probability_and_statistics",
    "2_math/3_optimisation",
    "3_architectures/1_neural_networks",
    "3_architectures/2_convolution",
    "3_architectures/3_recurrence",
    "3_architectures/4_attention_and_transformers",
    "4_training/1_training_well",
    "4_training/2_fine_tuning",
    "4_training/3_efficiency",
    "4_training/4_distributed",
    "5_language/1_word_vectors",
    "5_language/2_language_models",
    "5_language/3_bert_fine_tuning",
    "5_language/4_named_entities",
    "5_language/5_translation",
    "5_language/6_question_answering",
    "5_language/7_speech",
    "6_vision/1_image_classification",
    "6_vision/2_detection",
    "6_vision/3_segmentation",
    "6_vision/4_generation",
    "6_vision/5_faces",
    "6_vision/6_video_and_tracking",
    "7_recommenders/1_collaborative_filtering",
    "7_recommenders/2_content_and_hybrid",
    "7_recommenders/3_deep_recommenders",
    "8_project/1_train_resnet",
    "8_project/2_deploy_resnet",
]

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{12})?|[0-9a-f]{32}")
_ABSOLUTE = re.compile(r"(?<![\w.:/~-])/(?:home|root|Users|work|tmp)\b|(?<!\w)[A-Z]:\\+(?:Users\b|\w+\\)")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PICTURES = ("image/png", "image/jpeg", "image/svg+xml")


def problems(notebook, path):
    """Everything that is wrong with a notebook (a NotebookNode), read from `path`: a list of sentences."""
    path = Path(path)
    return [
        *wrong_in_file(notebook, path),
        *wrong_course_metadata(notebook, path),
        *wrong_ids(notebook),
        *wrong_execution(notebook),
        *wrong_tags(notebook),
        *absolute_paths(notebook),
        *wrong_pictures(notebook),
        *dead_links(notebook, path),
    ]


def read_as_stored(path):
    """A notebook exactly as its file has it: nbformat.read would mend missing and duplicate ids."""
    return nbformat.v4.reads(Path(path).read_text(encoding="utf-8"))


def wrong_in_file(notebook, path):
    if path.stat().st_size > MAX_BYTES:
        yield f"{path.stat().st_size:,} bytes; at most {MAX_BYTES:,}: fewer or smaller pictures"
    first = notebook.cells[0] if notebook.cells else None
    if not first or first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "the first cell must be prose that begins with a title, `# …`"
    if normalise(copy.deepcopy(notebook)) != notebook:
        yield "not normalised: run `python -m tools.normalise`"
    for cell in _code_cells(notebook):
        lines = len(cell.source.splitlines())
        if not lines:
            yield f"cell {_name(cell)}: empty"
        if lines > MAX_LINES:
            yield f"cell {_name(cell)}: {lines} lines; at most {MAX_LINES}: split it"


def wrong_course_metadata(notebook, path):
    course = notebook.metadata.get("course")
    wanted = {"title": str, "minutes": int, "needs": list, "frameworks": list, "budget": dict}
    if not isinstance(course, dict):
        yield f"no metadata.course; it holds {', '.join(wanted)}"
        return
    for name, kind in wanted.items():
        value = course.get(name)
        if not isinstance(value, kind) or isinstance(value, bool) or value in ("", 0):
            yield f"metadata.course.{name} is {value!r}; it must be of type {kind.__name__}, not empty"
        elif kind is list and not all(isinstance(item, str) and item for item in value):
            yield f"metadata.course.{name} is {value!r}; it must be a list of names"
    for name in set(course) - set(wanted):
        yield f"metadata.course.{name} means nothing; known are {', '.join(wanted)}"
    budget = course.get("budget")
    limits = MAX_BUDGET | {"seconds": MAX_SECONDS.get(path.name, MAX_BUDGET["seconds"])}
    for name, most in limits.items():
        value = budget.get(name) if isinstance(budget, dict) else None
        if type(value) is not int or not 0 < value <= most:
            yield f"metadata.course.budget.{name} is {value!r}; it must be a whole number from 1 to {most}"
    for name in course.get("needs") if isinstance(course.get("needs"), list) else []:
        if str(name).removesuffix(".ipynb") not in SECTIONS:
            yield f"metadata.course.needs: {name!r} is no section; one is called {SECTIONS[1]!r}"


def wrong_ids(notebook):
    seen = set()
    for cell in notebook.cells:
        name = cell.get("id", "")
        if name in seen:
            yield f"cell id {name!r} is used twice"
        seen.add(name)
        if not _SLUG.fullmatch(name) or _RANDOM_ID.fullmatch(name):
            yield f"cell id {name!r} says nothing: give it a readable one such as conv-size-check"


def wrong_execution(notebook):
    for place, cell in enumerate(_code_cells(notebook), 1):
        if cell.get("execution_count") != place:
            count = cell.get("execution_count")
            yield f"cell {_name(cell)}: code cell {place} has the count {count}: run `make notebooks`"
            break  # the ones after it are wrong for the same reason
    for cell in _code_cells(notebook):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        expected = "raises-exception" in _tags(cell)
        if errors and not expected:
            yield f"cell {_name(cell)}: holds an error, {errors[0].ename}, without the tag raises-exception"
        if expected and not errors:
            yield f"cell {_name(cell)}: tagged raises-exception, but holds no error"
        if any(output.output_type == "stream" and output.name == "stderr" for output in cell.outputs):
            yield f"cell {_name(cell)}: holds output to stderr"


def wrong_tags(notebook):
    for cell in notebook.cells:
        for tag in _tags(cell):
            if tag.startswith("rtol="):
                try:
                    rtol_of([tag])
                except ValueError as error:
                    yield f"cell {_name(cell)}: {error}"
            elif tag not in KNOWN_TAGS:
                yield f"cell {_name(cell)}: unknown tag {tag!r}; known are {', '.join(KNOWN_TAGS)}, rtol=…"
        if cell.cell_type == "code" and re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source):
            yield f"cell {_name(cell)}: steers nbval by a comment; use a tag"
    code = _code_cells(notebook)
    ignored = [cell for cell in code if "nbval-ignore-output" in _tags(cell)]
    if len(ignored) > max(1, MAX_IGNORED * len(code)):
        share = len(ignored) / len(code)
        yield f"{len(ignored)} of {len(code)} code cells are ignored ({share:.0%}); at most {MAX_IGNORED:.0%}"
    for cell in ignored:
        if carries_claim(cell.source):
            yield f"cell {_name(cell)}: its output is ignored, but it ends in a claim: give that its own cell"


def carries_claim(source):
    """Whether code ends in a claim: a comparison, an `assert`, or a call of check…() or assert…()."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    try:
        statements = ast.parse("\n".join(lines)).body
    except SyntaxError:
        return True  # code that cannot be read cannot be let off
    if not statements:
        return False
    last = statements[-1]
    simple = not hasattr(last, "body")  # a comparison that steers a loop is no claim
    for node in ast.walk(last):
        if isinstance(node, ast.Assert) or (simple and isinstance(node, ast.Compare)):
            return True
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called.startswith(("check", "assert")):
                return True
    return False


def absolute_paths(notebook):
    for cell in notebook.cells:
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts += [output.get("text", ""), output.get("evalue", "")]
            texts += [str(value) for kind, value in output.get("data", {}).items() if kind not in _PICTURES]
            texts += [line.replace("~/", "/home/") for line in output.get("traceback", [])]
        for text in texts:
            if found := _ABSOLUTE.search(_ANSI.sub("", text)):
                around = _ANSI.sub("", text)[found.start() : found.start() + 40].splitlines()[0]
                yield f"cell {_name(cell)}: a path of one machine: {around!r}"
                break


def wrong_pictures(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for alt in re.findall(r"!\[([^\]]*)\]\(", _without_code(cell.source)):
                if not alt.strip():
                    yield f"cell {_name(cell)}: a picture without words; ![what it shows](…)"
            for tag in re.findall(r"<img\b[^>]*>", cell.source):
                if not re.search(r"\balt=['\"]\s*[^\s'\"]", tag):
                    yield f'cell {_name(cell)}: a picture without words; <img alt="what it shows" …>'
        for output in cell.get("outputs", []):
            kinds = [kind for kind in _PICTURES if kind in output.get("data", {})]
            alt = cell.metadata.get("alt")
            if kinds and not (isinstance(alt, str) and alt.strip()):
                yield f"cell {_name(cell)}: its picture needs words: metadata.alt, one sentence"
            if "image/png" in kinds and is_blank(output.data["image/png"]):
                yield f"cell {_name(cell)}: its picture is of one colour"


def is_blank(png):
    """Whether all pixels of a base64-encoded PNG are alike (or there are none that can be read)."""
    from matplotlib.image import imread  # slow to import

    try:
        pixels = imread(io.BytesIO(base64.b64decode(png)), format="png")
    except (ValueError, OSError, SyntaxError):
        return True
    pixels = pixels.reshape(pixels.shape[0] * pixels.shape[1], -1)
    return bool((pixels == pixels[0]).all())


def dead_links(notebook, path):
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\(<?([^)\s>]+)", _without_code(cell.source)):
            file = target.split("#")[0]
            if not file or re.match(r"[a-z]+:", file):
                continue
            if not (path.parent / file).exists() and not _is_section(path.parent / file):
                yield f"cell {_name(cell)}: link to {target!r}, which is not there"


def _is_section(path):
    """Whether a path is the place of a planned notebook, e.g. notebooks/en/2_math/1_linear_algebra.ipynb."""
    path = path.resolve()
    try:
        inside = path.relative_to(NOTEBOOKS.resolve()).with_suffix("")
    except ValueError:
        return False
    return path.suffix == ".ipynb" and "/".join(inside.parts[1:]) in SECTIONS


def _without_code(markdown):
    markdown = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`|\$\$.*?\$\$|\$[^$\n]+\$", "", markdown, flags=re.DOTALL)


def _code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _tags(cell):
    return cell.metadata.get("tags", [])


def _name(cell):
    return cell.get("id") or repr(cell.source[:30])


def main(arguments):
    count = 0
    for path in [Path(name) for name in arguments] or find_notebooks():
        for problem in problems(read_as_stored(path), path):
            print(f"{path}: {problem}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
