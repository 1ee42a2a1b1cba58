"""The maps are true: what README, CONTRIBUTING and 0_start_here name is there, and what is there is named."""

import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks" / "en"
START = NOTEBOOKS / "0_start_here.ipynb"
SECTION = re.compile(r"\b(\d\.\d) [A-Z]")


def tracked() -> set[Path]:
    """The files of the course, without what a reader has made beside them."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("needs a git checkout, to tell the files of the course from others")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return {ROOT / name for name in listed.decode().split("\0") if name}


def text_of(path: Path) -> str:
    """A Markdown file, or the Markdown cells of a notebook."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return path.read_text(encoding="utf-8")


def links(text: str) -> set[str]:
    """Targets of Markdown links that lead to files of the course."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return {target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)}


def rows_of_chapters(text: str) -> list[list[str]]:
    """The rows of the table "chapter | here | planned", as cells."""
    table = text.partition("| chapter | here | planned |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def named_in_tree(text: str) -> set[str]:
    """The paths in the README's tree: a folder ends in "/", what it holds is indented by two."""
    tree = text.partition("## The files")[2].split("```")[1]
    paths, folders = set(), []
    for line in tree.strip("\n").splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        folders = folders[:depth]
        if name.endswith("/"):
            folders.append(name)
        paths.add("".join(folders) + ("" if name.endswith("/") else name))
    return paths


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", "data/README.md", "notebooks/en/0_start_here.ipynb"]
)
def test_every_link_to_a_file_leads_to_one(name):
    page = ROOT / name
    dead = [target for target in sorted(links(text_of(page))) if not (page.parent / target).exists()]
    assert dead == []


@pytest.mark.parametrize("page", [ROOT / "README.md", START], ids=["README", "0_start_here"])
def test_the_table_of_chapters_links_every_notebook_there_is_and_no_other(page):
    linked = {
        (page.parent / link).resolve() for row in rows_of_chapters(text_of(page)) for link in links(row[1])
    }
    there = {path for path in tracked() if path.suffix == ".ipynb" and path.is_relative_to(NOTEBOOKS)}
    assert linked | {START} == there


def test_readme_and_0_start_here_know_the_same_sections_each_either_here_or_planned():
    readme, start = (rows_of_chapters(text_of(page)) for page in (ROOT / "README.md", START))
    assert [[SECTION.findall(cell) for cell in row[1:]] for row in readme[1:]] == [
        [SECTION.findall(cell) for cell in row[1:]] for row in start
    ]
    numbers = [number for row in start for cell in row[1:] for number in SECTION.findall(cell)]
    assert len(numbers) == len(set(numbers)) == 31


def test_the_tree_in_the_readme_names_only_what_is_there():
    missing = [
        path for path in sorted(named_in_tree(text_of(ROOT / "README.md"))) if not (ROOT / path).exists()
    ]
    assert missing == []


def test_every_module_and_every_file_at_the_top_has_its_phrase_in_the_tree():
    named = named_in_tree(text_of(ROOT / "README.md"))
    modules = {ROOT / "helpers", ROOT / "exercises", ROOT / "tools", ROOT / "tests", ROOT}
    files = {path for path in tracked() if path.parent in modules and path.name != "__init__.py"}
    unnamed = {path.relative_to(ROOT).as_posix() for path in files} - named
    assert unnamed == set()


def test_every_variable_that_the_code_reads_is_explained_in_the_readme():
    sources = [path for folder in ("helpers", "exercises", "tools") for path in ROOT.glob(f"{folder}/*.py")]
    read = {name for path in sources for name in re.findall(r"\bCOURSE_[A-Z_]+\b", path.read_text("utf-8"))}
    explained = set(re.findall(r"^\| `(\w+)`", text_of(ROOT / "README.md"), re.MULTILINE))
    assert read - explained == set()
    assert {name for name in explained if name.startswith("COURSE_")} - read == set()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(name):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", text_of(ROOT / name).replace("and make,", ""))) <= targets
