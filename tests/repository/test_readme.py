"""The maps are true: what README, CONTRIBUTING and 0_start_here name is there, and what is there is named."""

import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from tools.course import with_table

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks" / "en"
START = NOTEBOOKS / "0_start_here.ipynb"
PAGES_OF_DOCS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md"))


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


def named_in_tree(text: str) -> dict[str, str]:
    """{path: its phrase} of the README's tree: a folder ends in "/", what it holds is indented by two."""
    tree = text.partition("## The files")[2].split("```")[1]
    phrases, folders = {}, []
    for line in tree.strip("\n").splitlines():
        name, _, phrase = line.strip().partition(" ")
        folders = folders[: (len(line) - len(line.lstrip())) // 2]
        if name.endswith("/"):
            folders.append(name)
        path = "".join(folders) + ("" if name.endswith("/") else name)
        phrases[path.removesuffix("/")] = phrase.strip()
    return phrases


def folders_of_the_course() -> set[str]:
    """The folders that hold files of the course, without those of single chapters (2_math, ch2)."""
    folders = {folder for path in tracked() for folder in path.relative_to(ROOT).parents}
    return {folder.as_posix() for folder in folders if not re.search(r"(^|/)(ch)?\d", folder.as_posix())} - {
        "."
    }


@pytest.mark.parametrize(
    "page",
    [*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/README.md"), *ROOT.glob("docs/*.md"), START],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_every_link_to_a_file_leads_to_one(page):
    dead = [target for target in sorted(links(text_of(page))) if not (page.parent / target).exists()]
    assert dead == []


def test_the_readme_is_a_map_of_at_most_150_lines():
    assert len(text_of(ROOT / "README.md").splitlines()) <= 150


def test_every_page_of_docs_is_linked_in_the_readme():
    linked = {target for target in links(text_of(ROOT / "README.md")) if target.startswith("docs/")}
    assert linked == {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*")}


@pytest.mark.parametrize("page", [ROOT / "README.md", START], ids=["README", "0_start_here"])
def test_the_table_of_chapters_links_every_notebook_there_is_and_no_other(page):
    linked = {
        (page.parent / link).resolve() for row in rows_of_chapters(text_of(page)) for link in links(row[1])
    }
    there = {path for path in tracked() if path.suffix == ".ipynb" and path.is_relative_to(NOTEBOOKS)}
    assert linked | {START} == there


@pytest.mark.parametrize(
    ("page", "links"), [(ROOT / "README.md", "notebooks/en/"), (START, "")], ids=["README", "0_start_here"]
)
def test_the_table_of_chapters_says_what_course_toml_says(page, links):
    text = text_of(page)
    assert with_table(text, links) == text, "python -m tools.course --write writes both tables"


def test_the_tree_in_the_readme_names_only_what_is_there_and_says_what_it_is():
    phrases = named_in_tree(text_of(ROOT / "README.md"))
    assert [path for path in phrases if not (ROOT / path).exists()] == []
    within = {Path(path).parent.as_posix() for path in phrases}
    # a folder may leave the word to what it holds
    assert [path for path, phrase in phrases.items() if not phrase and path not in within] == []


def test_every_folder_and_every_file_at_the_top_has_its_phrase_in_the_tree():
    named = set(named_in_tree(text_of(ROOT / "README.md")))
    at_the_top = {path.name for path in tracked() if path.parent == ROOT}
    assert (folders_of_the_course() | at_the_top) - named == set()


def test_every_variable_that_the_code_reads_is_explained_and_no_other():
    rooms = {"helpers", "exercises", "tools"}  # those of the service stand in its own README
    sources = [p for p in tracked() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in rooms]
    read = {name for path in sources for name in re.findall(r"\bCOURSE_[A-Z_]+\b", path.read_text("utf-8"))}
    explained = set(re.findall(r"^\| `(\w+)`", text_of(ROOT / "docs" / "set_up.md"), re.MULTILINE))
    assert read - explained == set()
    assert {name for name in explained if name.startswith("COURSE_")} - read == set()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", *PAGES_OF_DOCS])
def test_every_make_target_that_is_named_exists(name):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", text_of(ROOT / name).replace("and make,", ""))) <= targets
