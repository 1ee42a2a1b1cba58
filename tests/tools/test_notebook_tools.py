"""The tests of the tests: what a notebook may not do is done here, and must be noticed.

One pytest run, in its own process, over four small notebooks answers for the plug-in (fixture `verdicts`);
one run and one run in place answer for the runner (fixture `ran`). The hygiene checks need no kernel.
"""

import asyncio
import base64
import copy
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree
import zlib
from pathlib import Path

import nbformat
import pytest

from tools import hygiene, run_notebooks
from tools.course import Part, course
from tools.nbval_tolerance import budget_problems, differences, output_differences, rtol_of
from tools.normalise import WIDGET, normalise
from tools.normalise import main as normalise_main
from tools.notebooks import ROOT, find_notebooks, read_notebook, write_notebook

BUDGET = {"seconds": 60, "ram_mb": 2000}


# ---- small notebooks ---------------------------------------------------------------------------------------


def png(*grey):
    """A PNG of one row of grey pixels, base64-encoded."""

    def chunk(kind, content):
        length, checksum = struct.pack(">I", len(content)), struct.pack(">I", zlib.crc32(kind + content))
        return length + kind + content + checksum

    header = struct.pack(">IIBBBBB", len(grey), 1, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + bytes(grey))) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def stdout(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def result(**data):
    return nbformat.v4.new_output("execute_result", {k.replace("_", "/"): v for k, v in data.items()})


def display(**data):
    return nbformat.v4.new_output("display_data", {k.replace("_", "/"): v for k, v in data.items()})


def error(name, message="", traceback=()):
    return nbformat.v4.new_output("error", ename=name, evalue=message, traceback=[name, *traceback])


def code(name, source, *outputs, tags=(), **metadata):
    if tags:
        metadata["tags"] = list(tags)
    return nbformat.v4.new_code_cell(source, id=name, outputs=list(outputs), metadata=metadata)


def prose(name, source):
    return nbformat.v4.new_markdown_cell(source, id=name)


TITLE = "# Title\n\n```mermaid\nflowchart LR\n    a --> b\n```\n\n```mermaid\nflowchart LR\n    b --> a\n```"


def notebook(*cells, budget=BUDGET):
    """A clean notebook: a title with two drawings, the cells, executed in order."""
    course = {"title": "T", "minutes": 5, "needs": [], "frameworks": [], "budget": dict(budget)}
    book = nbformat.v4.new_notebook(cells=[prose("title", TITLE), *cells], metadata={"course": course})
    book.metadata.course.minutes = hygiene.minutes_of(book)
    counted = [cell for cell in cells if cell.cell_type == "code"]
    for count, cell in enumerate(counted, 1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    return normalise(book)


DRAW = "from IPython.display import Image, display\n_ = display(Image(data=b64decode('{}')))"

# (cell id, source, what is stored, tags, whether it must pass)
COMPARED = [
    ("imports", "import os, sys\nfrom base64 import b64decode", [], [], True),
    ("float-within", "print('accuracy', 0.9302)", [stdout("accuracy 0.93\n")], [], True),
    ("float-beyond", "print('accuracy', 0.94)", [stdout("accuracy 0.93\n")], [], False),
    ("integer-changed", "1_001", [result(text_plain="1000")], [], False),
    ("rtol-within", "0.93", [result(text_plain="0.90")], ["rtol=0.05"], True),
    ("rtol-beyond", "0.84", [result(text_plain="0.90")], ["rtol=0.05"], False),
    ("rtol-nonsense", "1.0", [result(text_plain="1.0")], ["rtol=wide"], False),
    ("word-changed", "print('True')", [stdout("False\n")], [], False),
    ("spaces-changed", "print('a   b', '\\n', 'c')", [stdout("a b c\n")], [], True),
    ("carriage-return", "print('1 %\\r2 %\\nend\\r')", [stdout("2 %\nend\r\n")], [], True),
    ("chunks", "for i in range(3): print(i, flush=True)", [stdout("0\n"), stdout("1\n2\n")], [], True),
    ("output-lost", "_ = 5", [result(text_plain="5")], [], False),
    ("output-new", "5", [], [], False),
    ("print-lost", "_ = 5", [stdout("5\n")], [], False),
    ("print-new", "print(5)", [], [], False),
    ("semicolon", "5;", [], [], True),
    ("html-changed", "from IPython.display import HTML\nHTML('<b>2</b>')",
     [result(text_html="<b>1</b>", text_plain="<IPython.core.display.HTML object>")], [], False),
    ("ignored", "print(os.getpid())", [stdout("1\n")], ["nbval-ignore-output"], True),
    ("ignored-raises", "1 / 0", [], ["nbval-ignore-output"], False),
    ("stderr", "print('!', file=sys.stderr)", [], [], False),
    ("stderr-stored", "print('!', file=sys.stderr)",
     [nbformat.v4.new_output("stream", name="stderr", text="!\n")], [], False),
    ("stderr-ignored", "print('!', file=sys.stderr)", [], ["nbval-ignore-output"], False),
    # ipykernel reads what C writes in a thread of its own, which a busy machine may keep waiting
    ("stderr-of-c", "import time\n_ = os.write(2, b'from a C library')\ntime.sleep(1)", [], [],
     sys.platform == "win32"),
    ("raises", "1 / 0", [error("ZeroDivisionError")], ["raises-exception"], True),
    ("raises-untagged", "1 / 0", [error("ZeroDivisionError")], [], False),
    ("raises-other", "[][1]", [error("ZeroDivisionError")], ["raises-exception"], False),
    ("raises-nothing", "print(1)", [stdout("1\n")], ["raises-exception"], False),
    ("raises-no-more", "print(1)", [error("ValueError")], ["raises-exception"], False),
    ("raises-ignored", "[][1]", [error("ValueError")], ["raises-exception", "nbval-ignore-output"], False),
    ("picture-same", DRAW.format(png(0, 9)),
     [display(image_png=png(0, 9), text_plain="<IPython.core.display.Image object>")], [], True),
    ("picture-exchanged", DRAW.format(png(0, 255)),
     [display(image_png=png(255, 0), text_plain="<IPython.core.display.Image object>")], [], False),
    ("picture-black", DRAW.format(png(0, 0, 0)),
     [display(image_png=png(0, 200, 255), text_plain="<IPython.core.display.Image object>")], [], False),
    ("picture-of-a-training", DRAW.format(png(*[0, 60] * 48)),
     [display(image_png=png(*[0, 60] * 47, 255, 0), text_plain="<IPython.core.display.Image object>")],
     ["picture=0.03"], True),
    ("picture-too-far", DRAW.format(png(*[0, 60] * 48)),
     [display(image_png=png(*[255, 0] * 48), text_plain="<IPython.core.display.Image object>")],
     ["picture=0.03"], False),
    ("picture-lost", "_ = display('x')",
     [display(image_png=png(0, 9), text_plain="'x'")], [], False),
    ("picture-new", DRAW.format(png(0, 9)),
     [display(text_plain="<IPython.core.display.Image object>")], [], False),
    ("cleared", "from IPython.display import clear_output\nprint(1)\nclear_output(wait=True)\nprint(2)",
     [stdout("2\n")], [], True),
    ("updated", "shown = display('a', display_id=True)\nshown.update('b')",
     [display(text_plain="'b'")], [], True),
    ("knob", "import ipywidgets\n_ = ipywidgets.interact(lambda x: print(x), x=3)",
     [display(**{WIDGET: {"model_id": "widget-1", "version_major": 2, "version_minor": 0},
                 "text_plain": "interactive(…)"})], [], True),
    ("knob-lost", "_ = display('x')",
     [display(**{WIDGET: {"model_id": "widget-2", "version_major": 2, "version_minor": 0},
                 "text_plain": "'x'"})], [], False),
    ("knob-raises", "_ = ipywidgets.interact(lambda x: 1 / 0, x=3)",
     [display(**{WIDGET: {"model_id": "widget-3", "version_major": 2, "version_minor": 0},
                 "text_plain": "interactive(…)"})], [], False),
    ("knob-warns", "import sys\n_ = ipywidgets.interact(lambda x: print(x, file=sys.stderr), x=3)",
     [display(**{WIDGET: {"model_id": "widget-4", "version_major": 2, "version_minor": 0},
                 "text_plain": "interactive(…)"})], [], False),
    ("environment",
     "for key in ('COURSE_PROFILE', 'CI', 'PYTHONHASHSEED', 'COURSE_GRADING', 'MPLBACKEND'):\n"
     "    print(os.environ.get(key))",
     [stdout("quick true 0 None module://matplotlib_inline.backend_inline")], [], True),
    ("one-thread", "import torch\ntorch.get_num_threads(), os.environ['TF_NUM_INTRAOP_THREADS'], "
     "os.environ['TF_NUM_INTEROP_THREADS']", [result(text_plain="(1, '1', '1')")], [], True),
    ("never-executed", "_ = 1", [], [], False),
]  # fmt: skip


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """{(notebook, cell id): what the report says, "" if it passed}; under "summary", all that was printed."""
    folder = tmp_path_factory.mktemp("compared")
    cells = [code(name, source, *stored, tags=tags) for name, source, stored, tags, _ in COMPARED]
    compared = notebook(*cells)
    compared.cells[-1].execution_count = None
    write_notebook(compared, folder / "compared.ipynb")
    block = code("block", "block = b'x' * 200_000_000")
    within = notebook(block, budget={"seconds": 60, "ram_mb": 200})
    write_notebook(within, folder / "within.ipynb")
    beyond = notebook(copy.deepcopy(block), budget={"seconds": 0.01, "ram_mb": 60})
    write_notebook(beyond, folder / "beyond.ipynb")
    dead = notebook(code("dies", "import os\nos.kill(os.getpid(), 9)"), code("after", "_ = 1"), budget={})
    write_notebook(dead, folder / "dead.ipynb")

    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "COURSE_PROFILE": "full",
        "COURSE_GRADING": "1",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "2",
        "PY_COLORS": "0",
    }
    options = "-W error -m pytest -p no:cacheprovider -p tools.nbval_tolerance --junitxml=report.xml ."
    run = subprocess.run(
        [sys.executable, *options.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert not run.stderr, run.stderr
    found = {"summary": run.stdout}
    for case in xml.etree.ElementTree.parse(folder / "report.xml").iter("testcase"):
        failures = [failure.text or "" for failure in case if failure.tag in ("failure", "error")]
        found[case.get("classname").split(".")[0], case.get("name")] = "\n".join(failures)
    return found


# ---- the plug-in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "passes"), [(name, passes) for name, *_, passes in COMPARED])
def test_of_a_cell_that_is_run_again(verdicts, name, passes):
    report = verdicts["compared", name]
    assert bool(report) != passes, report
    assert passes or f"cell {name}:" in report


def test_a_difference_names_cell_word_expected_got_and_tolerance(verdicts):
    report = verdicts["compared", "float-beyond"]
    assert "cell float-beyond" in report
    assert "word 2: expected '0.93', got '0.94' (relative difference 0.011, tolerance 0.001)" in report
    assert "integers are compared exactly" in verdicts["compared", "integer-changed"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("stderr", "stderr"),
        ("stderr-stored", "writes to stderr: '!'"),
        ("never-executed", "never executed in the stored notebook"),
        ("raises-nothing", "raised nothing"),
        ("raises-other", "expected ZeroDivisionError, got IndexError"),
        ("picture-lost", "expected image/png + text/plain, got text/plain"),
        ("print-lost", "got nothing, expected '5'"),
        ("output-new", "expected 0 outputs besides text (none), got 1 (text/plain)"),
        ("rtol-nonsense", "a tolerance is a number between 0 and 1"),
    ],
)
def test_a_failure_says_why(verdicts, name, reason):
    assert reason in verdicts["compared", name]


def test_a_budget_is_overrun_beyond_twice_what_is_declared_and_not_before(verdicts):
    assert verdicts["within", "budget"] == ""  # about 1.3 times
    report = verdicts["beyond", "budget"]
    assert re.search(r"seconds: measured [\d.]+, more than 2 x the declared 0.01", report)
    assert re.search(r"ram_mb: measured 2\d\d.\d, more than 2 x the declared 60", report)
    assert budget_problems({"seconds": 20.0}, {"seconds": 10}) == []
    assert budget_problems({"seconds": 20.1}, {"seconds": 10}) != []


def test_what_was_measured_is_printed_beside_what_was_declared(verdicts):
    assert re.search(
        r"[\d.]+ s of   60 \( +\d+\.\d of processor\) +2\d\d MB of   200   within.ipynb", verdicts["summary"]
    )


def test_a_notebook_without_a_budget_fails(verdicts):
    assert "declares no seconds" in verdicts["dead", "budget"]
    assert "declares no ram_mb" in verdicts["dead", "budget"]


def test_a_dead_kernel_is_noticed_at_once(verdicts):
    assert "the kernel died" in verdicts["dead", "dies"]
    assert verdicts["dead", "after"]


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ("loss 0.5000", "loss 0.5004"),
        ("loss: 0.93,", "loss: 0.9301,"),
        ("tensor([0.1000, -2.0])", "tensor([0.10001, -2.001])"),
        ("[ 1.0 2.0]", "[1.0   2.0]"),
        ("tensor([ 0.0000])", "tensor([-0.0000])"),
        ("array([1., 2.])", "array([1., 1.9999999])"),
        ("−0.50", "-0.50"),
        ("1e-3", "1.0005e-3"),
        ("1,234.5", "1,235.5"),
        ("12.30%", "12.31%"),
        ("nan -inf", "nan  -inf"),
        ("a\nb", "a b"),
        ("1.0+2.0j", "1.0005+2.0005j"),
    ],
)
def test_texts_that_agree(expected, got):
    assert differences(expected, got) == []


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ("0.5000", "0.5006"),
        ("(1000,", "(1001,"),
        ("1_000", "1_001"),
        ("100000", "100001"),
        ("of 100,000 rows", "of 100,001 rows"),
        ("5", "5.0"),
        ("5.0", "5"),
        ("100", "1e2"),
        ("1,000", "1,001"),
        ("2000.", "2001."),
        ("12%", "13%"),
        ("1e-3", "1e-4"),
        ("0.5", "-0.5"),
        ("0.0", "0.1"),
        ("1.0", "nan"),
        ("nan", "1.0"),
        ("inf", "-inf"),
        ("float32", "float64"),
        ("2.13.0", "2.13.1"),
        ("2.1300.5", "2.1301.5"),
        ("conv1.5", "conv1.5001"),
        ("0x7f01", "0x7f02"),
        ("640x480", "640x481"),
        ("True", "False"),
        ("a b", "ab"),
        ("12", "1 2"),
        ("one two", "one two three"),
        ("one two three", "one two"),
        ("0.5", ""),
        ("0.5s", "0.5ms"),
    ],
)
def test_texts_that_differ(expected, got):
    assert differences(expected, got)


@pytest.mark.parametrize(("expected", "got"), [("100", "101"), ("(64, 10)", "(64, 11)"), ("12%", "13%")])
def test_integers_are_compared_exactly_whatever_the_tolerance(expected, got):
    assert differences(expected, got, rtol=0.5)


def test_a_tolerance_is_read_from_the_tags_and_must_make_sense():
    assert rtol_of([]) == 1e-3
    assert rtol_of(["nbval-ignore-output", "rtol=0.05"]) == 0.05
    for wrong in ("rtol=", "rtol=wide", "rtol=0", "rtol=-1", "rtol=2", "rtol=nan"):
        with pytest.raises(ValueError, match="between 0 and 1"):
            rtol_of([wrong])


# ---- the runner --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder of three notebooks, two of which fail, after a run and a run in place: (folder, facts)."""
    folder = tmp_path_factory.mktemp("course")
    picture = code(
        "picture",
        f"from base64 import b64decode\n{DRAW.format(png(0, 9))}",
        alt='a "step" <up> & on',
    )
    knob = code("knob", "import ipywidgets\n_ = ipywidgets.interact(lambda x: print('knob at', x), x=3)")
    good = notebook(
        picture, knob, code("sum", "print(1)\n1 + 1"), code("oops", "1 / 0", tags=["raises-exception"])
    )
    bad = notebook(code("fine", "1"), code("fails", "print('before')\n1 / 0"), code("later", "2"))
    silent = notebook(code("silent", "1", tags=["raises-exception"]))
    for name, book in (("2_bad", bad), ("2_silent", silent), ("10_good", good)):
        write_notebook(book, folder / "en" / f"{name}.ipynb")
    facts = {"stored": {path.stem: path.read_bytes() for path in find_notebooks(folder=folder)}}
    command = [sys.executable, "-m", "tools.run_notebooks", "--build", str(folder / "build")]
    files = [str(folder / "en" / name) for name in ("10_good.ipynb", "2_bad.ipynb")]
    run = subprocess.run(
        command + files, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120,
        env=os.environ | {"COURSE_PROFILE": "quick", "COURSE_GRADING": "1", "PYTHONUTF8": "1"},
    )  # fmt: skip
    facts |= {"exit": run.returncode, "printed": run.stdout, "complained": run.stderr}
    facts["after"] = {path.stem: path.read_bytes() for path in find_notebooks(folder=folder / "en")}
    facts["runs"] = run_notebooks.run_all(in_place=True, folder=folder / "en", build=folder / "times")
    facts["in place"] = {path.stem: path.read_bytes() for path in find_notebooks(folder=folder / "en")}
    return folder, facts


def test_what_a_widget_prints_is_not_sent_back_to_the_kernel(tmp_path):
    """Where it was, runs stood still now and then: see tools.kernel.stop_echo_of_widget_outputs."""
    book = notebook(
        code("knob", "import ipywidgets\nknob = ipywidgets.interact(lambda x: print('at', x), x=3)"),
        code("came-back", "len(knob.widget.out.outputs)"),
    )
    _, _, first_views = run_notebooks.execute(book, tmp_path)
    assert "at 3\n" in [output["text"] for outputs in first_views.values() for output in outputs]
    assert book.cells[-1].outputs[0].data["text/plain"] == "0"


def test_a_run_never_touches_the_sources(ran):
    _, facts = ran
    assert facts["after"] == facts["stored"]


def test_a_failing_notebook_does_not_stop_the_others_and_is_told_by_the_exit_status(ran):
    _, facts = ran
    assert facts["exit"] == 1
    assert "cell fails: ZeroDivisionError: division by zero" in facts["printed"]
    assert "1 of 2 ran to their end" in facts["printed"]
    assert re.search(r"2_bad.ipynb +[\d.]+ +60 +\d+ +2000  FAILED", facts["printed"])
    assert re.search(r"10_good.ipynb +[\d.]+ +60 +\d+ +2000  ok", facts["printed"])
    assert facts["complained"] == ""


def test_the_executed_copy_holds_the_outputs_and_the_page_has_the_alt_text(ran):
    folder, _ = ran
    executed = read_notebook(folder / "build" / "10_good.ipynb")
    assert executed.cells[3].outputs[1].data["text/plain"] == "2"
    page = (folder / "build" / "10_good.html").read_text(encoding="utf-8")
    picture = re.search(r"<img [^>]*>", page).group()
    assert png(0, 9) in picture
    assert re.search(r"""alt=(['"])a (&quot;|")step(&quot;|") (&lt;|<)up(&gt;|>) &amp; on\1""", picture)
    assert "knob at 3" in page  # what the widget showed at first stands where it cannot work


def test_times_are_recorded_with_budget_versions_and_date(ran):
    folder, _ = ran
    record = json.loads((folder / "build" / "times.json").read_text(encoding="utf-8"))
    assert [run["name"] for run in record["notebooks"]] == ["2_bad.ipynb", "10_good.ipynb"]
    for run in record["notebooks"]:
        assert run["declared"] == BUDGET
        assert 0 < run["seconds"] < 60
        assert 20 < run["peak_mb"] < 1000
    assert record["versions"]["numpy"]
    assert record["date"].startswith("20")


def test_a_run_in_place_writes_outputs_and_keeps_ids_and_sources(ran):
    folder, facts = ran
    before = nbformat.v4.reads(facts["stored"]["10_good"].decode())
    after = read_notebook(folder / "en" / "10_good.ipynb")
    assert [(cell.id, cell.source) for cell in after.cells] == [
        (cell.id, cell.source) for cell in before.cells
    ]
    assert [cell.execution_count for cell in after.cells[1:]] == [1, 2, 3, 4]
    assert hygiene.problems(after, folder / "en" / "10_good.ipynb") == []
    assert "widgets" not in after.metadata
    assert after.cells[2].outputs[0].data[WIDGET]["model_id"] == "widget-1"


def test_a_failing_notebook_is_left_as_it_was(ran):
    folder, facts = ran
    assert facts["in place"]["2_bad"] == facts["stored"]["2_bad"]
    assert facts["in place"]["2_silent"] == facts["stored"]["2_silent"]
    assert facts["runs"][0].error == "cell fails: ZeroDivisionError: division by zero"
    assert [path.name for path in (folder / "en").iterdir() if path.name.startswith(".")] == []


def test_a_cell_tagged_to_raise_that_does_not_is_a_failure_of_the_runner_too(ran):
    _, facts = ran
    (silent,) = [run for run in facts["runs"] if "silent" in run.name]
    assert silent.error == "cell silent: tagged raises-exception, but raised nothing"


def test_notebooks_are_run_in_chapter_order(ran):
    _, facts = ran
    assert [run.name for run in facts["runs"]] == ["2_bad.ipynb", "2_silent.ipynb", "10_good.ipynb"]


def test_output_that_is_late_is_an_error_and_never_left_out(tmp_path, monkeypatch):
    async def never(*_):
        await asyncio.sleep(60)

    monkeypatch.setattr(run_notebooks.NotebookClient, "_async_poll_output_msg", never)
    monkeypatch.setattr(run_notebooks, "OUTPUT_TIMEOUT", 1)
    with pytest.raises(run_notebooks.NotebookFailed, match=r"cell late: .*did not arrive within 1 s"):
        run_notebooks.execute(notebook(code("late", "print(6 * 7)")), tmp_path)


def test_a_long_line_takes_a_time_that_its_length_explains(tmp_path):
    """Twice as long a line took four times the time: hours for this one."""
    long = notebook(
        code("long", "print('x' * 1_000_000)"),
        code("paths", "raise ValueError('/a' * 100_000)", tags=["raises-exception"]),
        code("pieces", "for _ in range(3_000): print('.', end='', flush=True)"),
    )
    started = time.process_time()
    run_notebooks.execute(long, tmp_path)
    normalise(long)
    output_differences(long.cells[1].outputs, long.cells[1].outputs)
    assert time.process_time() - started < 30
    assert long.cells[1].outputs[0].text == "x" * 1_000_000 + "\n"
    assert long.cells[3].outputs[0].text == "." * 3_000


@pytest.mark.parametrize(
    ("profile", "arguments", "says"),
    [
        ("quickly", [], "'quickly'; it can be 'quick' or 'full'"),
        ("full", ["--in-place"], "unset COURSE_PROFILE"),
        (" full ", ["--in-place"], "unset COURSE_PROFILE"),
        ("", ["9_nothing"], "no notebook is called '9_nothing'"),
        ("  ", ["9_nothing"], "no notebook is called '9_nothing'"),
        ("quick", ["9_nothing"], "no notebook is called '9_nothing'"),
    ],
)
def test_a_wrong_call_says_what_is_allowed(monkeypatch, capsys, profile, arguments, says):
    monkeypatch.setenv("COURSE_PROFILE", profile)
    with pytest.raises(SystemExit) as stopped:
        run_notebooks.main(arguments)
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


# ---- normalising -------------------------------------------------------------------------------------------


def test_normalising_strips_what_varies_keeps_what_counts_and_is_idempotent(tmp_path):
    book = notebook(code("pieces", "print(1)", stdout("1\n"), stdout("2\n")))
    book.metadata |= {
        "widgets": {"state": 1},
        "vscode": 1,
        "language_info": {"name": "python", "version": "3.11"},
    }
    cell = book.cells[1]
    kept = {"tags": ["rtol=0.1"], "alt": "a", "nbgrader": {"grade": True}}
    kept["jupyter"] = {"outputs_hidden": True, "source_hidden": True}
    stray = {"execution": {"t": 1}, "scrolled": True, "jupyter": {**kept["jupyter"], "is_executing": True}}
    cell.metadata = nbformat.from_dict(kept | stray)
    site = "/somewhere/lib/python3.11/site-packages/torch/nn.py"
    trace = [
        f"\x1b[32mFile {site}:3",
        f"{ROOT / 'helpers' / 'device.py'}:7",
        r"File C:\Users\My Name\Lib\site-packages\n.py:2",
        "File ~/a course/exercises/base.py:1",
        "File /usr/lib/python3.11/json/decoder.py:9",
        "\x1b[0;32m~/course/exercises/ch2_math/s1_linear_algebra.py\x1b[0m in f",
        "File site-packages/torch/helpers/x.py:1",
    ]
    cell.outputs.append(nbformat.v4.new_output("error", ename="E", evalue="", traceback=trace))
    once = normalise(copy.deepcopy(book))
    assert set(once.metadata) == {"kernelspec", "language_info", "course"}
    assert once.metadata.language_info == {"name": "python"}
    assert once.cells[1].metadata == kept
    assert once.cells[1].execution_count == 1
    assert once.cells[1].outputs[0].text == "1\n2\n"
    assert once.cells[1].outputs[1].traceback == [
        "\x1b[32mFile site-packages/torch/nn.py:3",
        f"{Path('helpers') / 'device.py'}:7",
        r"File site-packages\n.py:2",
        "File exercises/base.py:1",
        "File python/json/decoder.py:9",
        "\x1b[0;32mexercises/ch2_math/s1_linear_algebra.py\x1b[0m in f",
        "File site-packages/torch/helpers/x.py:1",
    ]
    assert normalise(copy.deepcopy(once)) == once
    path = tmp_path / "book.ipynb"
    nbformat.write(book, path)
    assert normalise_main([str(path)]) == 1  # the hook stops the commit that it changed
    bytes_once = path.read_bytes()
    assert normalise_main([str(path)]) == 0
    assert path.read_bytes() == bytes_once


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "book.ipynb"
    write_notebook(notebook(), path)
    before = path.read_bytes()

    def no_room(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", no_room)
    with pytest.raises(OSError, match="no space"):
        write_notebook(notebook(prose("more", "text")), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["book.ipynb"]


# ---- hygiene -----------------------------------------------------------------------------------------------


def clean_book():
    return notebook(
        prose("intro", "![what it shows](neighbour.png) and [next](neighbour.png#part), `![](code)`"),
        code("define", "x = 1"),
        code("picture", "draw()", display(image_png=png(0, 9), text_plain="f"), alt="two dots"),
        code("train", "for i in range(9):\n    if i == 3:\n        train()", tags=["nbval-ignore-output"]),
        code("claim", "x == 1", result(text_plain="True")),
        code("broken", "1 / 0", error("ZeroDivisionError"), tags=["raises-exception"]),
        code("close", "print(0.5)", stdout("0.5\n"), tags=["rtol=0.05"]),
        code("last", "x", result(text_plain="1")),
    )


def hygiene_of(book, folder, after_writing=lambda path: None):
    path = folder / "book.ipynb"
    (folder / "neighbour.png").write_bytes(base64.b64decode(png(0, 9)))
    path.write_text(json.dumps(book), encoding="utf-8")
    after_writing(path)
    return "\n".join(hygiene.problems(read_notebook(path), path))


def test_a_clean_notebook_has_no_problems(tmp_path):
    assert hygiene_of(clean_book(), tmp_path) == ""


def test_only_a_part_that_course_toml_allows_it_may_take_ninety_seconds():
    book = clean_book()
    book.metadata.course.update(budget={"seconds": 90, "ram_mb": 9})
    parts = {part.notebook: part for part in course().parts}
    for name, allowed in (
        ("5_language/3h_hard_reviews", True),
        ("6_vision/1a_pictures_and_filters", False),
    ):
        found = list(hygiene.wrong_course_metadata(book, parts[name]))
        assert (found == []) == allowed


def at(book, name):
    return next(cell for cell in book.cells if cell.get("id") == name)


def _cleared(book):
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def _reordered(book):
    book.cells[2], book.cells[5] = book.cells[5], book.cells[2]


def _many_ignored(book):
    at(book, "define").metadata.tags = ["nbval-ignore-output"]


def _no_course(book):
    del book.metadata["course"]


def _course(**changes):
    return lambda book: book.metadata.course.update(changes)


def _cell(name, **changes):
    return lambda book: at(book, name).update(nbformat.from_dict(changes))


def _traceback(*lines):
    return _cell("broken", outputs=[error("ZeroDivisionError", traceback=lines)])


def _longer(**changes):
    """Changes of the clean notebook that a reader of one sitting would feel."""

    def spoil(book):
        for name, amount in changes.items():
            if name == "cells":
                book.cells[2:2] = [prose(f"more-{n}", "x") for n in range(amount)]
            elif name == "words":
                at(book, "intro").source += " word" * amount
            elif name == "code":  # cells of ten lines
                cells = [code(f"more-{n}", "x = 1\n" * 10) for n in range(amount)]
                book.cells[-1:-1] = cells
        for count, cell in enumerate((c for c in book.cells if c.cell_type == "code"), 1):
            cell.execution_count = count

    return spoil


def _ends_in(source):
    return _cell("train", source=source)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_cleared, "cell define: code cell 1 has the count None"),
        (_reordered, "cell claim: code cell 1 has the count 4"),
        (_cell("claim", execution_count=None), "cell claim: code cell 4 has the count None"),
        (_cell("claim", execution_count=9), "cell claim: code cell 4 has the count 9"),
        (_cell("claim", outputs=[error("ValueError")]), "cell claim: holds an error, ValueError"),
        (_cell("broken", outputs=[]), "cell broken: tagged raises-exception, but holds no error"),
        (
            _cell("claim", outputs=[{"output_type": "stream", "name": "stderr", "text": "!"}]),
            "cell claim: holds output to stderr",
        ),
        (_cell("claim", metadata={"tags": ["nbval-skip"]}), "cell claim: unknown tag 'nbval-skip'"),
        (_cell("claim", metadata={"tags": ["rtol=5"]}), "cell claim: tag 'rtol=5'"),
        (_cell("claim", source="# NBVAL_SKIP\nx == 1"), "cell claim: steers nbval by a comment"),
        (_many_ignored, "2 of 7 code cells are ignored (29%)"),
        (_ends_in("train()\naccuracy > 0.9"), "cell train: its output is ignored, but it ends in a claim"),
        (_ends_in("print(1 < x)"), "cell train: its output is ignored, but it ends in a claim"),
        (_ends_in("%time train()\ncheck_close('a', 1, 1)"), "cell train: its output is ignored"),
        (_ends_in("check('1.1', f)"), "cell train: its output is ignored"),
        (_ends_in("assert x"), "cell train: its output is ignored"),
        (_ends_in("for i in x:\n    assert i"), "cell train: its output is ignored"),
        (_no_course, "no metadata.course"),
        (_course(title=""), "metadata.course.title is ''"),
        (_course(minutes="5"), "metadata.course.minutes is '5'"),
        (_course(minutes=True), "metadata.course.minutes is True"),
        (_course(needs="2_math"), "metadata.course.needs is '2_math'"),
        (_course(needs=["2_maths"]), "'2_maths' is no section"),
        (_course(frameworks=[1]), "metadata.course.frameworks is [1]"),
        (_course(level=3), "metadata.course.level means nothing"),
        (_course(budget={"seconds": 10}), "metadata.course.budget.ram_mb is None"),
        (_course(budget={"seconds": 61, "ram_mb": 9}), "metadata.course.budget.seconds is 61"),
        (_course(budget={"seconds": 1.5, "ram_mb": 9}), "metadata.course.budget.seconds is 1.5"),
        (_cell("claim", id="define"), "cell id 'define' is used twice"),
        (_cell("claim", id="3fa94c1b"), "cell id '3fa94c1b' says nothing"),
        (_cell("claim", id="c3b1f1a0-9f0e-4a5b-8d2c-0123456789ab"), "says nothing"),
        (_cell("claim", id="Claim One"), "cell id 'Claim One' says nothing"),
        (lambda book: at(book, "claim").pop("id"), "cell id '' says nothing"),
        (_cell("define", source="open('/home/me/x')"), "cell define: a path of one machine: \"/home/me/x"),
        (_cell("define", source="x = 'C:\\Users\\me'"), "cell define: a path of one machine"),
        (_cell("intro", source="see /Users/me/x"), "cell intro: a path of one machine"),
        (_cell("last", outputs=[stdout("/home/me/x.py")]), "cell last: a path of one machine"),
        (_cell("last", outputs=[result(text_plain="'/tmp/x'")]), "cell last: a path of one machine"),
        (_traceback("/home/me/x.py"), "cell broken: a path of one machine: '/home/me/x.py"),
        (_traceback("File \x1b[0;32m~/x.py:3\x1b[0m"), "cell broken: a path of one machine"),
        (_traceback("opening C:\\Users\\me\\x"), "cell broken: a path of one machine"),
        (_cell("broken", outputs=[error("ZeroDivisionError", "/home/me/x")]), "cell broken: a path of one"),
        (
            _cell("define", id="ex-2-1-9-answer", source="from x import g as f\n\ndef f():\n    pass"),
            "cell ex-2-1-9-answer: 'f' is imported in this notebook",
        ),
        (_cell("intro", source="![ ](neighbour.png)"), "cell intro: a picture without words"),
        (_cell("intro", source="<img src='neighbour.png'>"), "cell intro: a picture without words"),
        (_cell("intro", source="<img alt='' src='neighbour.png'>"), "cell intro: a picture without words"),
        (_cell("picture", metadata={}), "cell picture: its picture needs words"),
        (_cell("picture", metadata={"alt": " "}), "cell picture: its picture needs words"),
        (_cell("picture", outputs=[display(image_png=png(7, 7))]), "cell picture: its picture is of one"),
        (_cell("picture", outputs=[display(image_png="AAAA")]), "cell picture: its picture is of one"),
        (_cell("define", source="x = 1\n" * 16), "cell define: 16 lines; at most 15"),
        (_cell("define", source=""), "cell define: empty"),
        (_cell("define", source=" \n"), "cell define: empty"),
        (_longer(cells=53), "62 cells; at most 60"),
        (_longer(words=2600), "words of prose; at most 2,600"),
        (_longer(code=26), "lines of code; at most 250"),
        (_longer(code=8), "half of the code cells have 10 lines or more; at most 8"),
        (_longer(words=2200, code=32), "minutes by the rule of one sitting; at most 90"),
        (_longer(words=1000), "metadata.course.minutes is 5; words / 180 + lines / 4 + exercises give 10"),
        (_cell("title", source=TITLE + "\n\nTime: 90 minutes."), "the first cell says 'Time: 90 min'"),
        (_cell("title", source=TITLE.replace("mermaid", "text", 1)), "1 drawings; at least 2"),
        (_cell("intro", id="ex-6-1-1-text"), "cell ex-6-1-1-text: its heading does not end in the minutes"),
        (_cell("intro", id="ex-6-1-1-text"), 'the last line of code must be still_open("6.1")'),
        (_cell("intro", source="**Predict** how many."), "cell intro: asks for a prediction, but the answer"),
        (_cell("define", metadata={"alt": "x"}), "cell define: metadata.alt describes a picture, and there"),
        (_cell("last", metadata={"alt": "two dots"}, outputs=[display(image_png=png(9, 0))]),
         "2 pictures have the same words: 'two dots'"),
        (_cell("picture", outputs=[display(image_png=png(0, 9)), display(image_png=png(9, 0))]),
         "cell picture: 2 pictures share one alt"),
        (_cell("close", metadata={"tags": ["rtol=0.2"]}), "cell close: rtol=0.2 is more than 0.1"),
        (_cell("close", metadata={"tags": ["picture=0.02"]}), "cell close: picture=0.02 is more than 0.015"),
        (_cell("close", metadata={"tags": ["picture=many"]}), "cell close: tag 'picture=many'"),
        (_cell("claim", source="check_close('a', x, 1, rtol=0.9)"), "cell claim: rtol=0.9 is more than 0.1"),
        (_cell("claim", source="assert math.isclose(x, 1, rel_tol=0.9)"), "cell claim: rtol=0.9 is more"),
        (_cell("claim", metadata={"scrolled": True}), "not normalised"),
        (lambda book: book.metadata.update(vscode=1), "not normalised"),
        (lambda book: book.cells.pop(0), "the first cell must be prose that begins with a title"),
        (_cell("title", source=TITLE[2:]), "the first cell must be prose that begins with a title"),
        (_cell("intro", source="[gone](gone.ipynb)"), "cell intro: link to 'gone.ipynb', which is not there"),
    ],
)  # fmt: skip
def test_a_spoilt_notebook_is_noticed(tmp_path, spoil, says):
    book = clean_book()
    spoil(book)
    assert says in hygiene_of(book, tmp_path)


def test_the_command_prints_what_is_wrong_and_tells_it_by_the_exit_status(tmp_path, capsys):
    path = tmp_path / "book.ipynb"
    write_notebook(notebook(code("fine", "x = 1")), path)
    assert hygiene.main([str(path)]) == 0
    assert capsys.readouterr().out == ""
    write_notebook(notebook(code("ONE", "x = 1")), path)
    assert hygiene.main([str(path)]) == 1
    assert capsys.readouterr().out.startswith(f"{path}: cell id 'ONE' says nothing")


def test_a_notebook_of_more_than_a_megabyte_is_noticed(tmp_path):
    def grow(path):
        with path.open("a", encoding="utf-8") as file:
            file.write(" " * 1_000_001)

    assert "at most 1,000,000" in hygiene_of(clean_book(), tmp_path, grow)


@pytest.mark.parametrize(
    "source",
    [
        "train()",
        "history = fit(x)",
        "for i in x:\n    if i > 3:\n        f(i)",
        "a == b\nprint(a)",
        "%timeit f(x)",
        "",
    ],
)
def test_code_that_ends_in_no_claim(source):
    assert not hygiene.carries_claim(source)


@pytest.mark.parametrize(("place", "folded"), [(2, True), (4, True), (5, False)])
def test_an_answer_is_folded_away_within_three_cells_of_its_question(tmp_path, place, folded):
    book = clean_book()
    at(book, "intro").source = "**Predict** how many."
    book.cells[place].metadata.jupyter = {"outputs_hidden": True}
    assert ("asks for a prediction" not in hygiene_of(book, tmp_path)) == folded


def test_a_notebook_stands_in_course_toml_and_calls_itself_as_it_is_called_there():
    part = course().part_of("3_architectures/1a_neurons_and_layers")
    book = clean_book()
    book.metadata.course.title = part.title
    at(book, "title").source = f"# 3.1a · {part.title}\n\ntext"
    assert list(hygiene.wrong_place(book, part.path, part)) == []
    at(book, "title").source = f"# 3.1b · {part.title}"
    (said,) = hygiene.wrong_place(book, part.path, part)
    assert said.startswith("the first line must be '# 3.1a · ")
    book.metadata.course.title = "Another"
    assert "metadata.course.title is 'Another'; course.toml says " in next(
        hygiene.wrong_place(book, part.path, part)
    )
    unlisted = ROOT / "notebooks" / "en" / "2_math" / "9_nothing.ipynb"
    (said,) = hygiene.wrong_place(book, unlisted, None)
    assert said.startswith("course.toml lists no such part: add [[section.part]]")


@pytest.mark.parametrize(
    ("need", "says"),
    [
        ("2_math/1_linear_algebra", []),
        ("3_architectures/1a_neurons_and_layers", []),
        ("3_architectures/1b_backpropagation", ["'3_architectures/1b_backpropagation' comes later"]),
        ("8_project/1b_three_ingredients", ["'8_project/1b_three_ingredients' comes later"]),
        ("2_math/1_linear_algebra.ipynb", ["'2_math/1_linear_algebra.ipynb' is no section"]),
    ],
)
def test_a_notebook_needs_only_what_comes_before_it(need, says):
    part = course().part_of("3_architectures/1b_backpropagation")
    book = clean_book()
    book.metadata.course.needs = [need]
    found = list(hygiene.wrong_needs(book, part))
    assert len(found) == len(says)
    assert all(sentence in said for sentence, said in zip(says, found, strict=True))


def test_a_tolerance_is_allowed_to_the_cell_that_course_toml_lists_and_to_no_other():
    listed = next(one for one in course().tolerances if one.rtol > 0.1)
    notebook_name, _, cell = listed.cell.partition("#")
    part, tag = course().part_of(notebook_name), f"rtol={listed.rtol}"
    book = notebook(code(cell, "1.0", tags=[tag]), code("other", "1.0", tags=[tag]))
    (said,) = hygiene.wrong_tolerances(book, part)
    assert said.startswith(f"cell other: {tag} is more than 0.1")
    at(book, cell).metadata.tags = [f"rtol={listed.rtol + 0.1:.2f}"]
    assert f"cell {cell}: rtol={listed.rtol + 0.1:g} is more than {listed.rtol:g}" in next(
        hygiene.wrong_tolerances(book, part)
    )


def test_the_limits_of_one_sitting_hold_for_every_notebook(tmp_path):
    book = clean_book()
    at(book, "define").source = "x = 1\n" * 20
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps(book), encoding="utf-8")
    assert "cell define: 20 lines; at most 15: split it" in hygiene.problems(book, path)


def test_a_link_to_a_planned_section_is_not_dead_and_one_to_a_section_in_parts_is():
    targets = (
        "2_math/1a_products_and_shapes",
        "4_training/5_trust",
        "3_architectures/2_convolution",
        "2_math/9_no",
    )
    book = notebook(prose("links", " ".join(f"[x](../{target}.ipynb)" for target in targets)))
    place = ROOT / "notebooks" / "en" / "6_vision" / "1_x.ipynb"
    parts, nothing = hygiene.dead_links(book, place)
    assert "3_architectures/2_convolution" in parts  # its notebooks are 2a_… and 2b_…
    assert "9_no" in nothing


# ---- make --------------------------------------------------------------------------------------------------


def make(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


LACKS = "needs ray: python -m pip install -r requirements-ray.txt"


def test_the_runner_skips_a_notebook_whose_packages_are_missing_and_says_so(tmp_path, monkeypatch, capsys):
    write_notebook(notebook(code("one", "1 / 0")), tmp_path / "en" / "4c_book.ipynb")
    monkeypatch.setattr(run_notebooks, "missing_for", lambda part: LACKS)
    assert run_notebooks.run_all(folder=tmp_path / "en", build=tmp_path / "build") == []
    assert f"skip    4c_book {LACKS}" in capsys.readouterr().out
    assert "1 / 0" in (tmp_path / "en" / "4c_book.ipynb").read_text(encoding="utf-8")


def test_the_comparison_skips_a_notebook_whose_packages_are_missing_and_says_so(tmp_path):
    write_notebook(notebook(code("one", "1 / 0")), tmp_path / "4c_book.ipynb")
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import pytest, sys, tools.nbval_tolerance as plugin\n"
            f"plugin.missing_for = lambda part: {LACKS!r}\n"
            "sys.exit(pytest.main([sys.argv[1], '-q', '-rs', '-p', 'no:cacheprovider'], plugins=[plugin]))",
            str(tmp_path / "4c_book.ipynb"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"4c_book {LACKS}" in run.stdout
    assert "2 skipped" in run.stdout  # the cell and the budget


REQUIREMENTS = [f"requirements{which}.txt" for which in ("", "-torchao", "-files", "-ray")]


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_installs_only_when_the_requirements_are_newer(tmp_path):
    for name in ("Makefile", *REQUIREMENTS):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    stamps = tmp_path / ".venv" / ".installed", tmp_path / ".venv" / ".ray-installed"
    for stamp in stamps:
        stamp.touch()
    age = stamps[0].stat().st_mtime

    def planned(target):
        run = make(tmp_path, "-n", target)
        assert run.returncode == 0, run.stderr
        return run.stdout

    for name in REQUIREMENTS:
        os.utime(tmp_path / name, (age - 10, age - 10))
    for command in ("lab", "test", "run"):
        assert "pip" not in planned(command)
    os.utime(tmp_path / "requirements-ray.txt", (age + 10, age + 10))
    for command in ("setup", "test"):
        assert "pip install -r requirements-ray.txt" in planned(command)
    for command in ("lab", "serve", "run"):  # 4.4c alone wants it, and is skipped without it
        assert "pip" not in planned(command)
    os.utime(tmp_path / "requirements.txt", (age + 10, age + 10))
    for command in ("lab", "test", "run"):
        assert "pip install -r requirements.txt" in planned(command)
        assert "--target .venv/torchao -r requirements-torchao.txt" in planned(command)
        assert "--target .venv/files -r requirements-files.txt" in planned(command)


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_refuses_an_old_python_in_one_line(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in REQUIREMENTS:
        (tmp_path / name).touch()
    old = tmp_path / "old_python"
    pretend = "import sys; sys.version_info = (3, 10); sys.version = '3.10.1 (x)'"
    old.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c \"{pretend}\n$2\"\n", encoding="utf-8")
    old.chmod(0o755)
    run = make(tmp_path, "test", f"PYTHON={old}")
    assert run.returncode
    assert run.stderr.startswith(f"Python 3.11 or newer is needed, {old} is 3.10.1: make PYTHON=")
    assert not (tmp_path / ".venv").exists()


def test_one_of_several_parts_lists_its_own_exercises_at_the_end():
    cells = [nbformat.v4.new_markdown_cell("?", id=f"ex-3-1-{place}-text") for place in (4, 5)]
    book = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell('still_open("3.1.4", "3.1.5")')])
    several = Part("3_architectures/1b_x", "3.1b", "X", "3_architectures/1_x")
    alone = Part("3_architectures/1_x", "3.1", "X", "3_architectures/1_x")
    assert list(hygiene.wrong_end(book, several)) == []
    assert list(hygiene.wrong_end(book, alone)) == ['the last line of code must be still_open("3.1")']
    book.cells[-1].source = 'still_open("3.1")'
    assert list(hygiene.wrong_end(book, alone)) == []
    wanted = 'the last line of code must be still_open("3.1.4", "3.1.5")'
    assert list(hygiene.wrong_end(book, several)) == [wanted]
