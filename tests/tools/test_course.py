"""course.toml is read, counted, written and shown; what is wrong in it is said by name."""

import re
import shutil

import nbformat
import pytest

from tools import course as course_module
from tools.course import (
    COUNTED,
    Course,
    checks_of,
    count,
    course,
    differences,
    drawings,
    main,
    missing_for,
    number_of,
    table,
    with_table,
    write_counts,
)
from tools.notebooks import ENGLISH, find_notebooks, read_notebook, short_name, write_notebook

SMALL = """# a comment that stays

[chapters]
1_one = "One"
2_two = "Two"

[[section]]
place = "0_start"
title = "Start"

[[section.part]]
notebook = "0_start"

[[section]]
place = "1_one/1_alpha"
title = "Alpha"

[[section.part]]
notebook = "1_one/1a_left"
title = "Left"
seconds = 90

[[section.part]]
notebook = "1_one/1b_right"
title = "Right"

[[section]]
place = "1_one/2_beta"
title = "Beta"

[[section]]
place = "2_two/1_gamma"
title = "Gamma"

[[section.part]]
notebook = "2_two/1_gamma"
alone = true
ram_mb = 3000
requirements = "requirements-more.txt"

[[tolerance]]
cell = "2_two/1_gamma#draw"
picture = 0.05
reason = "shows what a training found"
"""


def read(text, tmp_path) -> Course:
    path = tmp_path / "course.toml"
    path.write_text(text, encoding="utf-8")
    return course(path)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The small course, with notebooks for 0 and 1.1a, as if it were the course itself."""
    path = tmp_path / "course.toml"
    path.write_text(SMALL, encoding="utf-8")
    english = tmp_path / "notebooks" / "en"
    monkeypatch.setattr("tools.notebooks.NOTEBOOKS", english.parent)
    monkeypatch.setattr(course_module, "ENGLISH", english)
    monkeypatch.setattr(course_module, "COURSE", path)
    write_notebook(book(), english / "0_start.ipynb")
    write_notebook(book(), english / "1_one" / "1a_left.ipynb")
    return path


def cell(name, source, tags=(), outputs=(), **metadata):
    metadata |= {"tags": list(tags)} if tags else {}
    return nbformat.v4.new_code_cell(source, id=name, outputs=list(outputs), metadata=metadata)


def drawn():
    return nbformat.v4.new_output("display_data", {"image/png": "AAAA", "text/plain": "Figure"})


def book(*changes):
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\n```mermaid\nflowchart LR\n```\n\n`mermaid`", id="title"),
        cell(
            "checks",
            "most = np.sqrt(2) ** 19\n"
            "check_close('a', 1, 1)\nif x:\n    assert x > 0.9\n%time\nhelpers.check_true('b', x < 2)",
        ),
        cell("drawing", "draw()", outputs=[drawn()], jupyter={"source_hidden": True}, alt="a line"),
        cell("picture", "plot(xlabel='step')\nax.set_ylabel('loss')", outputs=[drawn()], alt="dots"),
        cell("constants", "EPOCHS = profile(quick=3, full=30)\nCLAIM, _ = 0.9, 1\nsmall = 5"),
        cell("answer", "f(2)", jupyter={"outputs_hidden": True}),
        cell("log", "train()", tags=["nbval-ignore-output"]),
        cell("loose", "0.5", tags=["rtol=0.05"]),
        nbformat.v4.new_markdown_cell("### Exercise 1.1.1 · Sums · ●○○○○ · 10 min", id="ex-1-1-1-text"),
        cell("ex-1-1-1-answer", "def f(): ..."),
        cell("ex-1-1-1-check", "check('1.1.1', f)"),
    ]
    metadata = {"course": {"needs": ["2_math/1_linear_algebra"], "budget": {"seconds": 30, "ram_mb": 300}}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    for change in changes:
        change({cell.id: cell for cell in notebook.cells}, notebook)
    return notebook


# ---- reading -----------------------------------------------------------------------------------------------


def test_numbers_titles_and_parts_follow_from_the_file(tmp_path):
    small = read(SMALL, tmp_path)
    assert [(s.number, s.title, s.chapter) for s in small.sections] == [
        ("0", "Start", ""),
        ("1.1", "Alpha", "1_one"),
        ("1.2", "Beta", "1_one"),
        ("2.1", "Gamma", "2_two"),
    ]
    assert [(p.number, p.title, p.section) for p in small.parts] == [
        ("0", "Start", "0_start"),
        ("1.1a", "Left", "1_one/1_alpha"),
        ("1.1b", "Right", "1_one/1_alpha"),
        ("2.1", "Gamma", "2_two/1_gamma"),
    ]
    assert [p.seconds for p in small.parts] == [None, 90, None, None]
    assert [p.alone for p in small.parts] == [False, False, False, True]
    assert [p.ram_mb for p in small.parts] == [None, None, None, 3000]
    assert small.places() == [
        "0_start", "1_one/1_alpha", "1_one/1a_left", "1_one/1b_right", "1_one/2_beta", "2_two/1_gamma",
    ]  # fmt: skip
    assert small.tolerances[0].cell == "2_two/1_gamma#draw"
    assert (small.tolerances[0].rtol, small.tolerances[0].picture) == (0, 0.05)


def test_a_part_is_found_by_its_path_in_any_language_or_by_its_name():
    name = "1a_products_and_shapes"
    part = course().part_of(f"2_math/{name}")
    assert part.number == "2.1a"
    assert course().part_of(ENGLISH / "2_math" / f"{name}.ipynb") is part
    assert course().part_of(ENGLISH.parent / "zh" / "2_math" / f"{name}.ipynb") is part
    assert course().part_of("2_math/9_nothing") is None
    assert course().part_of(ENGLISH.parents[1] / "elsewhere" / f"{name}.ipynb") is None


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("0_start_here", "0"),
        ("2_math/1_linear_algebra", "2.1"),
        ("3_architectures/1b_backpropagation", "3.1b"),
        ("10_more/12_things", "10.12"),
        ("appendix/3_formula_sheet", "A.3"),
    ],
)
def test_a_number_follows_from_a_place(place, number):
    assert number_of(place) == number


@pytest.mark.parametrize(
    "place", ["", "math", "2_math", "2_math/linear", "2_math/1_Linear", "2_math/1_a/1_b"]
)
def test_what_is_no_place_is_refused(place):
    if place == "2_math":  # a section without a chapter, as 0_start_here is
        assert number_of(place) == "2"
        return
    with pytest.raises(ValueError, match=rf"'{place}' is no place of a section; it looks like 2_math/1_"):
        number_of(place)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('title = "Beta"', 'titel = "Beta"', "1_one/2_beta: titel means nothing; known are place, tit"),
        ('title = "Beta"\n', "", "'title' is missing"),
        ('"1_one/2_beta"', '"3_three/2_beta"', "'3_three/2_beta' stands in no chapter; there are 1_one, "),
        ('"1_one/2_beta"', '"1_one/1_alpha"', "1_one/1_alpha stands there twice"),
        ('"1_one/1b_right"', '"1_one/1a_left"', "1_one/1a_left stands there twice"),
        ('"1_one/1b_right"', '"1_one/2b_right"', "'1_one/2b_right' is no part of '1_one/1_alpha'"),
        ('"1_one/1b_right"', '"2_two/1b_right"', "'2_two/1b_right' is no part of '1_one/1_alpha'"),
        ('title = "Right"\n', "", "'1_one/1_alpha' has several parts: each needs a title"),
        ("seconds = 90", "second = 90", "1_one/1a_left: second means nothing; known are notebook, tit"),
        ("alone = true", "counts = { exercise = 1 }", "counts of 2_two/1_gamma: exercise means nothing"),
        ("picture = 0.05", "picure = 0.05", "2_two/1_gamma#draw: picure means nothing"),
        ("[chapters]", "[chapter]", "the file: chapter means nothing; known are chapters"),
        ("[chapters]", "[chapters", "Expected ']'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_by_name(tmp_path, old, new, says):
    assert old in SMALL
    with pytest.raises(ValueError, match=r"^course\.toml: ") as raised:
        read(SMALL.replace(old, new), tmp_path)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("listed", "says"),
    [
        ("# more\nnumpy==1.0\nScikit_Learn[x]>=0\n", ""),
        (
            "numpy\nno-such-package[x]==1.0\n",
            "needs no-such-package: python -m pip install -r requirements-",
        ),
    ],
)
def test_a_part_that_needs_more_packages_says_which_are_missing_and_how_to_get_them(tmp_path, listed, says):
    (tmp_path / "requirements-more.txt").write_text(listed, encoding="utf-8")
    plain, *_, more = read(SMALL, tmp_path).parts
    assert missing_for(plain, tmp_path) == missing_for(None, tmp_path) == ""
    reason = missing_for(more, tmp_path)
    assert reason.startswith(says)
    assert bool(reason) == bool(says)


def test_the_course_has_every_section_and_chapter():
    numbers = [section.number for section in course().sections]
    assert len(numbers) == len(set(numbers)) >= 35
    for chapter, sections in {"2": 3, "3": 4, "4": 4, "5": 8, "6": 7, "7": 3, "8": 2}.items():
        assert {f"{chapter}.{n}" for n in range(1, sections + 1)} <= set(numbers)


# ---- counting ----------------------------------------------------------------------------------------------


def test_a_notebook_is_counted():
    counted = count(book())
    assert counted["cells"] == 11
    assert counted["exercises"] == 1
    assert counted["checks"] == 3
    assert counted["pictures"] == 2
    assert counted["drawings"] == drawings(book()) == 2
    assert counted["ignored"] == 1
    assert re.fullmatch(r"[0-9a-f]{8}", counted["claims"])
    assert tuple(counted) == COUNTED


def test_the_checks_of_a_cell_are_read_as_they_are_written():
    source = "%time f()\nassert a > 1\ncheck_close('x', check(y), 1,\n            rtol=0.1)\nmy_check(2)"
    assert checks_of(source) == [
        "assert a > 1",
        "check_close('x', check(y), 1,\n            rtol=0.1)",
        "check(y)",
    ]
    assert checks_of("not python (") == []


def _source(name, old, new):
    def change(cells, notebook):
        assert old in cells[name].source
        cells[name].source = cells[name].source.replace(old, new)

    return change


def _gone(name):
    return lambda cells, notebook: notebook.cells.remove(cells[name])


def _course(**changes):
    return lambda cells, notebook: notebook.metadata.course.update(changes)


def _exchanged(one, other):
    def exchange(cells, notebook):
        first, second = (notebook.cells.index(cells[name]) for name in (one, other))
        notebook.cells[first], notebook.cells[second] = notebook.cells[second], notebook.cells[first]

    return exchange


def _metadata(name, **metadata):
    return lambda cells, notebook: cells[name].metadata.update(metadata)


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (_source("checks", "0.9", "0.1"), {"claims"}),
        (_source("checks", "** 19", "** 20"), {"claims"}),
        (_source("checks", "'a', 1, 1", "'a', 1, 1, rtol=0.9"), {"claims"}),
        (_source("checks", "\nhelpers.check_true('b', x < 2)", ""), {"checks", "claims"}),
        (_gone("checks"), {"cells", "checks", "claims"}),
        (_gone("title"), {"cells", "drawings", "claims"}),
        (_exchanged("loose", "log"), {"claims"}),
        (_source("constants", "30", "4"), {"claims"}),
        (_source("constants", "0.9", "0.2"), {"claims"}),
        (_metadata("answer", jupyter={}), {"claims"}),
        (_course(needs=[]), {"claims"}),
        (_course(budget={"seconds": 60, "ram_mb": 300}), {"claims"}),
        (_metadata("loose", tags=["rtol=0.09"]), {"claims"}),
        (_metadata("loose", tags=[]), {"claims"}),
        (_metadata("picture", tags=["picture=0.01"]), {"claims"}),
        (_metadata("picture", alt="a line"), {"claims"}),
        (_source("picture", "xlabel='step'", ""), {"claims"}),
        (_source("picture", "'loss'", "'accuracy'"), {"claims"}),
        (_metadata("checks", tags=["nbval-ignore-output"]), {"ignored"}),
        (_gone("ex-1-1-1-text"), {"cells", "exercises", "claims"}),
        (_gone("picture"), {"cells", "pictures", "claims"}),
        (_gone("drawing"), {"cells", "pictures", "drawings", "claims"}),
        (_metadata("drawing", jupyter={}), {"drawings"}),
        (_source("title", "```mermaid", "```text"), {"drawings"}),
    ],
)
def test_what_is_loosened_or_deleted_changes_the_counts(change, changed):
    before, after = count(book()), count(book(change))
    assert {name for name in COUNTED if before[name] != after[name]} == changed


@pytest.mark.parametrize(
    "change",
    [
        _source("checks", "'a', 1, 1", "'a',  1,\n  1"),
        _source("log", "train()", "train(epochs=3)"),
        _source("checks", "%time", "mean = x.mean() / 3"),
        _source("constants", "small = 5", "small = 6"),
        _source("ex-1-1-1-check", "f", "g"),
    ],
)
def test_layout_and_what_claims_nothing_do_not(change):
    assert count(book(change)) == count(book())


# ---- what is there, and writing ----------------------------------------------------------------------------


def test_what_differs_is_said_then_written_and_nothing_else_is_touched(small, capsys):
    assert differences() == [
        "0_start: has no counts in course.toml",
        "1_one/1a_left: has no counts in course.toml",
    ]
    assert main(["--count"]) == 1
    assert "1_one/1a_left: has no counts in course.toml" in capsys.readouterr().out
    assert write_counts() == ["0_start", "1_one/1a_left"]
    written = small.read_text(encoding="utf-8")
    assert re.sub(r"counts = .*\n", "", written) == SMALL
    line = 'counts = { cells = 11, exercises = 1, checks = 3, claims = "'
    assert f'notebook = "1_one/1a_left"\ntitle = "Left"\nseconds = 90\n{line}' in written
    assert differences() == []
    assert write_counts() == []
    assert main(["--count"]) == 0


def test_a_check_that_is_deleted_is_told_until_it_is_written(small):
    write_counts()
    write_notebook(book(_gone("checks")), small.parent / "notebooks" / "en" / "0_start.ipynb")
    told = differences()
    assert told[:2] == ["0_start: cells 10, course.toml says 11", "0_start: checks 0, course.toml says 3"]
    assert told[2].startswith("0_start: claims ")
    assert write_counts() == ["0_start"]
    assert small.read_text(encoding="utf-8").count("counts = ") == 2
    assert differences() == []


def test_a_notebook_that_is_renamed_is_missed_on_both_sides(small):
    write_counts()
    path = small.parent / "notebooks" / "en" / "1_one" / "1a_left.ipynb"
    shutil.move(path, path.with_name("1a_lefter.ipynb"))
    assert differences() == [
        "1_one/1a_lefter: course.toml lists no such part",
        "1_one/1a_left: course.toml has counts of it, but there is no such notebook",
    ]


def test_the_table_links_what_is_written_and_names_what_is_planned(small):
    write_counts()
    assert table(links="x/").splitlines() == [
        "| chapter | here | planned |",
        "|---|---|---|",
        "| 0 | [Start](x/0_start.ipynb) | |",
        "| 1 One | 1.1 Alpha ([a Left](x/1_one/1a_left.ipynb)) | 1.2 Beta |",
        "| 2 Two | | 2.1 Gamma |",
    ]
    assert "| 0 |" not in table(links="")


def test_a_table_is_replaced_and_what_stands_around_it_stays(small):
    write_counts()
    old = "before\n\n| chapter | here | planned |\n|---|---|---|\n| 9 | x | y |\n\n| other | table |\n"
    assert with_table(old, "") == f"before\n\n{table(links='')}\n\n| other | table |\n"
    assert with_table(with_table(old, ""), "") == with_table(old, "")
    with pytest.raises(ValueError, match="no table of chapters"):
        with_table("| chapter | nothing |", "")


def test_every_notebook_of_the_course_is_counted_as_its_cells_are():
    for path in find_notebooks(folder=ENGLISH):
        part = course().part_of(path)
        assert part is not None, short_name(path)
        assert part.path == path
        cells = read_notebook(path).cells
        assert part.counts["exercises"] == sum(
            c.id.startswith("ex-") and c.id.endswith("-text") for c in cells
        )
