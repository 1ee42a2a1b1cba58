"""The sections of the course, as course.toml lists them: what README, 0_start_here and hygiene read.

python -m tools.course             the sections, and how many notebooks are written
python -m tools.course --count     what each notebook holds; exit status 1 where course.toml says otherwise
python -m tools.course --table     the table of chapters, as the README has it
python -m tools.course --write     write the counts into course.toml, the table into README and 0_start_here
"""

import argparse
import ast
import hashlib
import importlib.metadata
import json
import re
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import ascii_lowercase

from nbformat import NotebookNode

from helpers.files import write_whole
from tools.notebooks import (
    ENGLISH,
    ROOT,
    code_cells,
    find_notebooks,
    is_exercise,
    name_of_call,
    read_notebook,
    short_name,
    statements,
    tags_of,
    write_notebook,
)

COURSE = ROOT / "course.toml"
START = ENGLISH / "0_start_here.ipynb"
PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
HEAD = "| chapter | here | planned |"
TAGS_WITH_TOLERANCE = ("rtol=", "picture=")
AXIS_TEXTS = ("xlabel", "ylabel", "title", "suptitle")
COUNTED = ("cells", "exercises", "checks", "claims", "pictures", "drawings", "ignored")

_PLACE = re.compile(r"(?:(\d+|appendix)(?:_\w+)?/)?(\d+)([a-z]?)_[a-z0-9_]+")


@dataclass(frozen=True)
class Part:
    """One notebook, written or planned."""

    notebook: str  # "3_architectures/1a_perceptron_and_mlp"
    number: str  # "3.1a"
    title: str
    section: str  # "3_architectures/1_neural_networks"
    seconds: int | None = None  # its budget, if it is not the usual one
    ram_mb: int | None = None  # likewise
    alone: bool = False  # under test, nothing else is to run beside it
    requirements: str = ""  # a file of packages that it needs beside those of requirements.txt
    counts: dict | None = None  # None: planned

    @property
    def path(self) -> Path:
        """Where its notebook stands, or will stand."""
        return ENGLISH / f"{self.notebook}.ipynb"


@dataclass(frozen=True)
class Section:
    """One section: its place (`2_math/1_linear_algebra`), number (`2.1`), title and parts."""

    place: str
    number: str
    title: str
    chapter: str  # the folder, "" for 0_start_here
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Tolerance:
    """A cell with a tag that allows more than others may: how much, and why."""

    cell: str  # "5_language/3i_mistakes_and_attention#attention-test"
    reason: str
    rtol: float = 0.0  # decimals
    picture: float = 0.0  # grey values, on average


@dataclass(frozen=True)
class Course:
    """All of course.toml."""

    chapters: dict[str, str]  # folder -> title
    sections: tuple[Section, ...]
    tolerances: tuple[Tolerance, ...] = ()

    @property
    def parts(self) -> list[Part]:
        """The parts of all sections, in order."""
        return [part for section in self.sections for part in section.parts]

    def part_of(self, notebook: str | Path) -> Part | None:
        """The part whose notebook this is: a path, or `2_math/1a_products_and_shapes`."""
        name = short_name(notebook) if Path(notebook).suffix == ".ipynb" else str(notebook)
        return next((part for part in self.parts if part.notebook == name), None)

    def places(self) -> list[str]:
        """What `needs` may name: every section and every part, written or not, in order."""
        names = (name for s in self.sections for name in (s.place, *(part.notebook for part in s.parts)))
        return list(dict.fromkeys(names))


def number_of(place: str) -> str:
    """`5_language/2b_gpt` -> `5.2b`, `appendix/3_formula_sheet` -> `A.3`, `0_start_here` -> `0`.

    Raises ValueError for a place of another form.
    """
    match = _PLACE.fullmatch(place)
    if not match:
        raise ValueError(
            f"{place!r} is no place of a section; it looks like 2_math/1_linear_algebra, in parts 1a_…, 1b_…"
        )
    chapter, section, part = match.groups()
    return f"{'A' if chapter == 'appendix' else chapter}.{section}{part}" if chapter else section + part


def course(path: Path | None = None) -> Course:
    """course.toml, checked. Raises ValueError that names what is wrong in it."""
    return _read(path or COURSE)


@cache
def _read(path: Path) -> Course:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return _course(data)
    except (tomllib.TOMLDecodeError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path.name}: {f'{error} is missing' if isinstance(error, KeyError) else error}"
        ) from None


def _course(data: dict) -> Course:
    _only(data, ("chapters", "section", "tolerance"), "the file")
    chapters, sections = data["chapters"], []
    for given in data["section"]:
        place = given["place"]
        _only(given, ("place", "title", "part"), place)
        chapter = place.rpartition("/")[0]
        if chapter and chapter not in chapters:
            raise ValueError(f"{place!r} stands in no chapter; there are {', '.join(chapters)}")
        number = number_of(place)
        parts = tuple(_part(part, given, number) for part in given.get("part", ()))
        if len(parts) > 1 and not all("title" in part for part in given["part"]):
            raise ValueError(f"{place!r} has several parts: each needs a title")
        sections.append(Section(place, number, given["title"], chapter, parts))
    names = [s.place for s in sections] + [
        p.notebook for s in sections for p in s.parts if p.notebook != s.place
    ]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{', '.join(sorted(twice))} stands there twice")
    for given in data.get("tolerance", ()):
        _only(given, ("cell", "rtol", "picture", "reason"), given.get("cell", "a tolerance"))
    return Course(chapters, tuple(sections), tuple(Tolerance(**given) for given in data.get("tolerance", ())))


def _part(given: dict, section: dict, number: str) -> Part:
    name = given["notebook"]
    _only(given, ("notebook", "title", "seconds", "ram_mb", "alone", "requirements", "counts"), name)
    if (
        name.rpartition("/")[0] != section["place"].rpartition("/")[0]
        or number_of(name).rstrip(ascii_lowercase) != number
    ):
        raise ValueError(f"{name!r} is no part of {section['place']!r}: the folder or the number is another")
    _only(given.get("counts", {}), COUNTED, f"counts of {name}")
    given = {"title": section["title"], **given}
    return Part(number=number_of(name), section=section["place"], **given)


def missing_for(part: Part | None, folder: Path = ROOT) -> str:
    """Why a part cannot run in this environment, with the command that helps; "" if it can."""
    if part is None or not part.requirements:
        return ""
    text = (folder / part.requirements).read_text(encoding="utf-8")
    installed = {name_of(distribution.name or "") for distribution in importlib.metadata.distributions()}
    names = [name_of(name) for name in re.findall(r"^[A-Za-z][\w.-]*", text, re.MULTILINE)]
    missing = [name for name in names if name not in installed]
    return f"needs {', '.join(missing)}: python -m pip install -r {part.requirements}" if missing else ""


def name_of(package: str) -> str:
    """The name under which pip knows a package, however it is written."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _only(given: dict, known: tuple[str, ...], where: str) -> None:
    if unknown := set(given) - set(known):
        raise ValueError(f"{where}: {', '.join(sorted(unknown))} means nothing; known are {', '.join(known)}")


# ---- counting --------------------------------------------------------------------------------------------


def count(notebook: NotebookNode) -> dict[str, int | str]:
    """What a notebook holds, so that a deleted check or a widened bound is a visible line in a diff.

    `cells` of all kinds; `exercises`; `checks`: the calls of check…() and the asserts outside exercises;
    `claims`: a digest of what `claims_of` lists; `pictures` among the outputs; `drawings`: Mermaid diagrams
    and pictures whose code is hidden; `ignored`: cells that are not compared.
    """
    code, claims = code_cells(notebook), claims_of(notebook)
    texts = [re.sub(r"\s+", "", claim) for claim in claims]
    return {
        "cells": len(notebook.cells),
        "exercises": len({c.id for c in notebook.cells if re.fullmatch(r"ex-[\d-]+-text", c.get("id", ""))}),
        "checks": sum(len(checks_of(cell.source)) for cell in code if not is_exercise(cell)),
        "claims": hashlib.sha256("\n".join(texts).encode()).hexdigest()[:8],
        "pictures": sum(pictures_of(cell) for cell in code),
        "drawings": drawings(notebook),
        "ignored": sum("nbval-ignore-output" in tags_of(cell) for cell in code),
    }


def claims_of(notebook: NotebookNode) -> list[str]:
    """What a notebook promises: needs and budget, order of cells, constants, checks as written, tolerances.

    And of its pictures what is said of them and written on their axes; that answers are folded away.
    """
    order = " ".join(cell.get("id", "") for cell in notebook.cells)
    claims = [json.dumps(notebook.metadata.get("course", {}), sort_keys=True), order]
    for cell in code_cells(notebook):
        claims += [f"{cell.get('id')} {cell.metadata.alt}"] if "alt" in cell.metadata else []
        claims += (
            [f"{cell.get('id')} folded"] if cell.metadata.get("jupyter", {}).get("outputs_hidden") else []
        )
        claims += sorted(tag for tag in tags_of(cell) if tag.startswith(TAGS_WITH_TOLERANCE))
        if not is_exercise(cell):
            claims += [*checks_of(cell.source), *_constants(cell.source), *_labels(cell.source)]
            claims += _bounds(cell.source)
    return claims


def checks_of(source: str) -> list[str]:
    """The checks of a cell as they are written: calls of check…() and asserts, in order."""
    return _as_written(source, _is_check)


def _constants(source: str) -> list[str]:
    """What a cell says of names in capitals, such as `CLAIM = profile(quick=0.90, full=0.935)`."""
    return _as_written(source, _sets_constant)


def _bounds(source: str) -> list[str]:
    """The numbers that a cell names beside a check, such as `at_most = (np.sqrt(2) / 4) ** 19`."""
    return _as_written(source, _sets_number) if checks_of(source) else []


def _labels(source: str) -> list[str]:
    """What a cell writes on the axes of its pictures: `xlabel="step"`, `plt.ylabel("loss")`."""
    return _as_written(source, _names_axis)


def _is_check(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and name_of_call(node).startswith("check")
    return called or isinstance(node, ast.Assert)


def _sets_constant(node: ast.AST) -> bool:
    if not isinstance(node, ast.Assign):
        return False
    names = [name for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return any(name.id.isupper() for name in names)


def _sets_number(node: ast.AST) -> bool:
    """Whether a statement gives a name a value that is made of numbers alone, and of functions of modules."""
    if not isinstance(node, ast.Assign) or _sets_constant(node):
        return False
    parts = list(ast.walk(node.value))
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    numbers = [part for part in parts if isinstance(part, ast.Constant) and type(part.value) in (int, float)]
    return bool(numbers) and names <= {"math", "np", "torch"}


def _names_axis(node: ast.AST) -> bool:
    called = name_of_call(node).removeprefix("set_") if isinstance(node, ast.Call) else ""
    return called in AXIS_TEXTS or (isinstance(node, ast.keyword) and node.arg in AXIS_TEXTS)


def _as_written(source: str, wanted: Callable[[ast.AST], bool]) -> list[str]:
    """The parts of a cell's syntax that are wanted, as they are written, in order."""
    try:
        tree = statements(source)
    except SyntaxError:
        return []
    nodes = sorted(filter(wanted, ast.walk(tree)), key=lambda node: (node.lineno, node.col_offset))
    lines = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    return [ast.get_source_segment(lines, node) for node in nodes]


def pictures_of(cell: NotebookNode) -> int:
    """How many pictures the stored outputs of a code cell hold."""
    return sum(any(kind in output.get("data", {}) for kind in PICTURES) for output in cell.get("outputs", []))


def drawings(notebook: NotebookNode) -> int:
    """Mermaid diagrams in the prose, and pictures drawn by code that is hidden."""
    mermaid = sum(
        len(re.findall(r"^```mermaid\b", cell.source, re.MULTILINE))
        for cell in notebook.cells
        if cell.cell_type == "markdown"
    )
    hidden = (cell for cell in code_cells(notebook) if cell.metadata.get("jupyter", {}).get("source_hidden"))
    return mermaid + sum(pictures_of(cell) for cell in hidden)


def differences() -> list[str]:
    """Where course.toml and the notebooks differ: a list of sentences, empty if they agree."""
    the_course, found = course(), []
    there = {short_name(path): path for path in find_notebooks(folder=ENGLISH)}
    for part in the_course.parts:
        if part.counts is None and part.notebook in there:
            found.append(f"{part.notebook}: has no counts in course.toml")
        if part.counts is None or part.notebook not in there:
            continue
        now = count(read_notebook(part.path))
        found += [
            f"{part.notebook}: {name} {now[name]}, course.toml says {part.counts.get(name, 'nothing')}"
            for name in COUNTED
            if part.counts.get(name) != now[name]
        ]
    listed = {part.notebook for part in the_course.parts}
    found += [f"{name}: course.toml lists no such part" for name in there if name not in listed]
    found += [
        f"{part.notebook}: course.toml has counts of it, but there is no such notebook"
        for part in the_course.parts
        if part.counts is not None and part.notebook not in there
    ]
    return found


# ---- writing ---------------------------------------------------------------------------------------------


def table(the_course: Course | None = None, links: str = "notebooks/en/") -> str:
    """The table of chapters in Markdown, without a newline at its end; `links` stands before each place."""
    the_course = the_course or course()
    rows = [HEAD, "|---|---|---|"]
    for chapter in [*([""] if links else []), *the_course.chapters]:  # 0_start_here does not list itself
        sections = [section for section in the_course.sections if section.chapter == chapter]
        here = [entry for section in sections if (entry := _written(section, links))]
        planned = [_planned(section) for section in sections if not any(p.counts for p in section.parts)]
        digit = chapter.partition("_")[0]
        name = (
            f"{digit} {the_course.chapters[chapter]}"
            if digit.isdigit()
            else the_course.chapters.get(chapter, "0")
        )
        rows.append(f"| {name} | {', '.join(here)} | {', '.join(planned)} |")
    return "\n".join(re.sub(r" +\|", " |", row) for row in rows)


def _written(section: Section, links: str) -> str:
    written = [part for part in section.parts if part.counts]
    if len(section.parts) == 1 and written:
        label = _planned(section)
        return f"[{label}]({links}{written[0].notebook}.ipynb)"
    parts = ", ".join(f"[{part.number[-1]} {part.title}]({links}{part.notebook}.ipynb)" for part in written)
    return f"{_planned(section)} ({parts})" if parts else ""


def _planned(section: Section) -> str:
    return section.title if section.number == "0" else f"{section.number} {section.title}"


def write_counts(path: Path | None = None) -> list[str]:
    """Write what the notebooks hold into course.toml, all else untouched; the parts that changed."""
    path = path or COURSE
    lines, changed = path.read_text(encoding="utf-8").splitlines(), []
    for part in course(path).parts:
        if not part.path.exists():
            continue
        now = count(read_notebook(part.path))
        if now == part.counts:
            continue
        values = ", ".join(f'{k} = "{v}"' if isinstance(v, str) else f"{k} = {v}" for k, v in now.items())
        first = next(
            i for i, line in enumerate(lines) if re.fullmatch(rf'notebook\s*=\s*"{part.notebook}".*', line)
        )
        end = first + 1
        while end < len(lines) and re.match(r"\w", lines[end]) and not lines[end].startswith("counts"):
            end += 1
        there = end < len(lines) and lines[end].startswith("counts")
        lines[end : end + there] = [f"counts = {{ {values} }}"]
        changed.append(part.notebook)
    if changed:
        write_whole(path, "\n".join(lines) + "\n")
        _read.cache_clear()
    return changed


def with_table(text: str, links: str) -> str:
    """A Markdown text with its table of chapters as course.toml has it. ValueError if it has no table."""
    rows = re.compile(rf"^{re.escape(HEAD)}\n(?:\|.*(?:\n|$))*", re.MULTILINE)
    if not rows.search(text):
        raise ValueError(f"no table of chapters: a line {HEAD!r}")
    end = "\n" if rows.search(text)[0].endswith("\n") else ""
    return rows.sub(lambda _: table(links=links) + end, text)


def write_tables() -> list[str]:
    """Write the table of chapters into README.md and 0_start_here.ipynb; the files that changed."""
    changed, readme = [], ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    if (new := with_table(text, "notebooks/en/")) != text:
        write_whole(readme, new)
        changed.append("README.md")
    start = read_notebook(START)
    for cell in start.cells:
        if cell.cell_type == "markdown" and HEAD in cell.source:
            cell.source = with_table(cell.source, "")
    return [*changed, START.name] if write_notebook(start, START) else changed


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.course", description=__doc__.split("\n")[0])
    parser.add_argument("--count", action="store_true", help="what each notebook holds, beside course.toml")
    parser.add_argument("--table", action="store_true", help="print the table of chapters of the README")
    parser.add_argument(
        "--write", action="store_true", help="write counts into course.toml, tables where they stand"
    )
    given = parser.parse_args(arguments)
    try:
        if given.write:
            for name in [*write_counts(), *write_tables()]:
                print(f"written: {name}")
            return 0
        if given.table:
            print(table())
            return 0
        written = [part for part in course().parts if part.path.exists()]
        if given.count:
            for part in written:
                now = count(read_notebook(part.path))
                print(f"{part.notebook:44}", ", ".join(f"{name} {value}" for name, value in now.items()))
            found = differences()
            print("\n".join(found))
            return int(bool(found))
    except ValueError as error:
        parser.error(str(error))
    print(f"{len(course().sections)} sections, {len(written)} notebooks")
    for section in course().sections:
        print(f"{section.number:5} {section.title}")
        for part in section.parts:
            print(f"      {part.notebook}{'' if part.path.exists() else ' (planned)'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
