"""pytest plug-in on nbval: every notebook is executed, every output compared, numbers with a tolerance.

Plain `pytest notebooks` uses it (conftest.py loads it). What it adds to nbval 0.11: text is compared word by
word, and the numbers in it within a relative tolerance (1e-3, or what the cell's tag `rtol=0.05` says;
integers exactly); a cell that was never executed in the stored notebook fails; a cell tagged
`raises-exception` must raise, and the same error; whatever goes to stderr fails, also in a cell whose output
is ignored; pictures are compared shrunk and in grey (tools/pictures.py); what a widget's output area shows is
no output of the cell. The last item of every notebook, `budget`, measures seconds and memory.
"""

import json
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from tools.course import course, missing_for
from tools.kernel import (
    OTHER_PROCESSOR,
    PeakMemory,
    changed_environment,
    kernel_environment,
    processor_seconds,
)
from tools.normalise import WIDGET, last_written
from tools.notebooks import natural_key
from tools.pictures import picture_differences

RTOL = 1e-3
NOISE = 2  # a budget is overrun beyond this many times what is declared: machines are noisy
KNOWN_TAGS = ("nbval-ignore-output", "raises-exception")

# A number inside a word: `(3,` `0.93,` `12%` `1e-3` `1,234.5` `tensor([0.1000,`. Digits that belong to a name
# (`float32`, `x1.5`) or to a version (`2.13.0`) are text.
_NUMBER = re.compile(
    r"(?<![A-Za-z_0-9.])"
    r"(?!\d+(?:\.\d+){2})"
    r"([-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:_\d+)*)(?:\.\d*)?(?:[eE][-+]?\d+)?|[-+]?\.\d+(?:[eE][-+]?\d+)?)"
)


# ---- comparing text --------------------------------------------------------------------------------------


def tolerance_of(tags: Iterable[str], name: str, default: float | None) -> float | None:
    """The number in a tag like `rtol=0.05`, or the default. ValueError for `rtol=wide`."""
    for tag in tags:
        if tag.startswith(f"{name}="):
            try:
                value = float(tag.partition("=")[2])
            except ValueError:
                value = 0
            if not 0 < value < 1:
                raise ValueError(f"tag {tag!r}: a tolerance is a number between 0 and 1, e.g. {name}=0.05")
            return value
    return default


def rtol_of(tags: Iterable[str]) -> float:
    """The relative tolerance that the tags of a cell ask for, RTOL if they do not."""
    return tolerance_of(tags, "rtol", RTOL)


def differences(expected: str, got: str, rtol: float = RTOL) -> list[str]:
    """Where two texts differ: a list of sentences, empty if they agree.

    Words are compared in order, the numbers in them within `rtol` of what is expected, integers exactly; any
    run of white space is as good as any other, and alignment after an opening bracket does not count.
    """
    expected_words, got_words = _words(expected), _words(got)
    found = [
        f"word {position}: expected {before!r}, got {now!r} ({reason})"
        for position, (before, now) in enumerate(zip(expected_words, got_words, strict=False), 1)
        if (reason := _unlike(before, now, rtol))
    ]
    if len(expected_words) != len(got_words):
        shorter = min(len(expected_words), len(got_words))
        surplus = " ".join((expected_words[shorter:] or got_words[shorter:])[:8])
        side = "missing" if len(expected_words) > len(got_words) else "new"
        found.append(f"expected {len(expected_words)} words, got {len(got_words)}; {side}: {surplus!r}")
    return found


def _words(text: str) -> list[str]:
    text = text.replace("\N{MINUS SIGN}", "-")
    return re.sub(r"([\[(])\s+", r"\1", text).split()


def _unlike(expected: str, got: str, rtol: float) -> str:
    """Why two words are not the same, or an empty string."""
    if expected == got:
        return ""
    expected_parts, got_parts = _NUMBER.split(expected), _NUMBER.split(got)
    if expected_parts[::2] != got_parts[::2]:  # re.split puts text at even places, numbers at odd ones
        return "not the same text"
    for before, now in zip(expected_parts[1::2], got_parts[1::2], strict=True):
        if before == now:
            continue
        if _is_whole(before) or _is_whole(now) or not re.search(r"\.\d|[eE]", f"{before} {now}"):
            return "integers are compared exactly"
        a, b = (float(number.replace(",", "").replace("_", "")) for number in (before, now))
        if a != b and not abs(a - b) <= rtol * abs(a):
            apart = f"{abs(a - b) / abs(a):.2g}" if a else "inf"
            return f"relative difference {apart}, tolerance {rtol:g}"
    return ""


def _is_whole(number: str) -> bool:
    return not re.search(r"[.eE]", number)


# ---- comparing outputs -----------------------------------------------------------------------------------


def output_differences(
    expected: list[NotebookNode],
    got: list[NotebookNode],
    rtol: float = RTOL,
    picture: float | None = None,
) -> list[str]:
    """Where the outputs of two runs of a cell differ: a list of sentences, empty if they agree.

    Both are lists of nbformat outputs with the pieces of each stream already merged. Of an error only its
    name is compared, of a widget only that it is one; pictures must show the same.
    """
    found = []
    for name in ("stdout", "stderr"):
        before, now = _stream(expected, name), _stream(got, name)
        if bool(before) != bool(now):
            verb = "expected nothing, got" if now else "got nothing, expected"
            found.append(f"{name}: {verb} {_short(now or before)}")
        else:
            found += [f"{name}: {line}" for line in differences(before, now, rtol)]
    before, now = ([o for o in outputs if o.output_type != "stream"] for outputs in (expected, got))
    if len(before) != len(now):
        found.append(
            f"expected {len(before)} outputs besides text ({_kinds(before)}), got {len(now)} ({_kinds(now)})"
        )
        return found
    for number, (one, other) in enumerate(zip(before, now, strict=True), 1):
        found += [f"output {number}: {line}" for line in _rich_differences(one, other, rtol, picture)]
    return found


def _rich_differences(
    expected: NotebookNode, got: NotebookNode, rtol: float, picture: float | None
) -> list[str]:
    if expected.output_type != got.output_type:
        return [f"expected {_kinds([expected])}, got {_kinds([got])}"]
    if expected.output_type == "error":
        same = expected.ename == got.ename
        return [] if same else [f"expected {expected.ename}, got {got.ename}: {_short(got.evalue)}"]
    if set(expected.data) != set(got.data):
        return [f"expected {_kinds([expected])}, got {_kinds([got])}"]
    if WIDGET in expected.data:
        return []
    found = []
    for kind in sorted(expected.data):
        before, now = _text(expected.data[kind]), _text(got.data[kind])
        drawn = kind in ("image/png", "image/jpeg")
        lines = picture_differences(before, now, picture) if drawn else differences(before, now, rtol)
        found += [f"{kind}: {line}" for line in lines]
    return found


def _stream(outputs: list[NotebookNode], name: str) -> str:
    return last_written("".join(o.text for o in outputs if o.output_type == "stream" and o.name == name))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _short(text: str, length: int = 200) -> str:
    text = text.strip()
    return repr(text if len(text) <= length else text[:length] + "…")


def _kinds(outputs: list[NotebookNode]) -> str:
    return "; ".join(o.get("ename") or " + ".join(sorted(o.data)) for o in outputs) or "none"


# ---- collecting and running ------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--other-processor",
        action="store_true",
        help="notebooks compute with the instructions of an older processor: which results change?",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.option.nbval_current_env = True  # the kernel is this very Python


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "CourseNotebook | None":
    ours = not (parent.config.option.nbval or parent.config.option.nbval_lax)  # else nbval collects it
    if ours and file_path.suffix == ".ipynb" and ".ipynb_checkpoints" not in file_path.parts:
        return CourseNotebook.from_parent(parent, path=file_path)
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found]
    reports = [report for report in reports if getattr(report, "when", "") == "call"]
    properties = [pair for report in reports for pair in report.user_properties]
    lines = [line for name, line in properties if name == "measured"]
    if lines:
        terminalreporter.section("notebooks: measured of declared")
        for line in sorted(lines, key=lambda line: natural_key(line.split()[-1])):
            terminalreporter.write_line(line)


class CourseKernel(RunningKernel):
    """nbval's kernel, but its death is noticed at once, and a trailing `;` silences as it does elsewhere."""

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        return self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)

    def await_reply(self, msg_id: str, timeout: float | None = None) -> dict:
        deadline = time.monotonic() + timeout
        while True:
            try:
                return super().await_reply(msg_id, timeout=1)
            except Empty:
                if not self.is_alive():
                    raise RuntimeError("the kernel died (out of memory?)") from None
                if time.monotonic() > deadline:
                    raise

    def stop(self) -> None:
        stderr = (getattr(self.km, "_launch_args", None) or {}).get("stderr")
        super().stop()
        if stderr:  # nbval opens the null device for it and never closes it: a ResourceWarning
            stderr.close()


class CourseNotebook(IPyNbFile):
    """A notebook as nbval collects it, its kernel in the course's environment and measured."""

    memory = None  # until the kernel runs

    def collect(self) -> Iterator[pytest.Item]:
        reason = missing_for(course().part_of(self.path))
        for item in self.items():
            if reason:
                item.add_marker(pytest.mark.skip(reason=f"{self.path.stem} {reason}"))
            yield item

    def items(self) -> Iterator[pytest.Item]:
        """Each code cell, and the budget at the end."""
        for cell in super().collect():
            yield CourseCell.from_parent(
                self, name=cell.cell.id, cell_num=cell.cell_num, cell=cell.cell, options=cell.options
            )
        yield Budget.from_parent(self, name="budget")

    def setup(self) -> None:
        started = time.perf_counter()
        self.output_areas, self.capturing, self.current = set(), False, None
        self.ipython_folder = tempfile.TemporaryDirectory()
        other = OTHER_PROCESSOR if self.config.getoption("other_processor") else {}
        with changed_environment(kernel_environment(self.ipython_folder.name) | other):
            super().setup()
        self.kernel.__class__ = CourseKernel  # nbval's setup offers no other place for it
        self.memory = PeakMemory(self.kernel.km.provisioner.pid)
        self.seconds = time.perf_counter() - started  # without the time between cells: others may have had it

    def teardown(self) -> None:
        if self.memory:
            self.memory.stop()
        if self.kernel:
            self.kernel.stop()  # a dead one too: its channels are still open
            self.kernel = None
        self.ipython_folder.cleanup()

    def get_kernel_message(self, timeout: float | None = None, stream: str = "iopub") -> dict:
        """The next message that belongs to a cell: as a front end would, take out what goes to a widget."""
        while True:
            message = super().get_kernel_message(timeout=timeout, stream=stream)
            kind, content = message["msg_type"], message["content"]
            if kind.startswith("comm"):
                self._follow_output_areas(kind, content)
            if self.capturing and kind in ("display_data", "execute_result", "clear_output"):
                continue
            if self.capturing and kind == "stream" and content["name"] == "stdout":
                continue
            if kind in ("clear_output", "update_display_data") and self.current:
                self.current.change_earlier_output(kind, content)
                continue
            if self.current:
                self.current.before_output(kind, content)
            return message

    def _follow_output_areas(self, kind: str, content: dict) -> None:
        """An output widget catches what is printed between `msg_id` being set and being emptied again."""
        state = content["data"].get("state", {})
        if kind == "comm_open" and state.get("_model_name") == "OutputModel":
            self.output_areas.add(content["comm_id"])
        if content["comm_id"] in self.output_areas and "msg_id" in state:
            self.capturing = bool(state["msg_id"])


class CourseCell(IPyNbCell):
    """One code cell, named by its id: `pytest notebooks/en/x.ipynb -v` shows `x.ipynb::conv-size-check`."""

    def runtest(self) -> None:
        started = time.perf_counter()
        try:
            self.run_and_compare()
        finally:
            self.parent.seconds += time.perf_counter() - started

    def run_and_compare(self) -> None:
        self.parent.current, self.parent.capturing = self, False
        self.displays, self.clear_before_next = {}, False
        try:
            tags = self.cell.metadata.get("tags", [])
            self.rtol, self.picture = rtol_of(tags), tolerance_of(tags, "picture", None)
        except ValueError as error:
            self.raise_cell_error(str(error))
        super().runtest()
        stored, raised = (
            [o.ename for o in outs if o.output_type == "error"]
            for outs in (self.cell.outputs, self.test_outputs)
        )
        if self.options["check_exception"] and not raised:
            self.raise_cell_error("it is tagged raises-exception, but raised nothing")
        if self.cell.execution_count is None:
            self.raise_cell_error("it was never executed in the stored notebook: run `make notebooks`")
        if raised != stored:
            self.raise_cell_error(f"expected it to raise {stored or 'nothing'}, got {raised}")
        if stderr := _stream(self.test_outputs, "stderr"):
            self.raise_cell_error(f"it writes to stderr: {_short(stderr, 1000)}")

    def compare_outputs(self, test: Any, ref: Any, skip_compare: Any = None) -> bool:
        self.comparison_traceback = output_differences(ref, test, self.rtol, self.picture)
        return not self.comparison_traceback

    def before_output(self, kind: str, content: dict) -> None:
        """Remember where an output with a display id will stand; carry out a delayed clear_output."""
        if kind not in ("stream", "display_data", "execute_result", "error"):
            return
        if self.clear_before_next:
            self.test_outputs.clear()
            self.clear_before_next = False
        if display_id := (content.get("transient") or {}).get("display_id"):
            self.displays[display_id] = len(self.test_outputs)

    def change_earlier_output(self, kind: str, content: dict) -> None:
        if kind == "update_display_data":
            place = self.displays.get(content["transient"]["display_id"])
            if place is not None:
                self.test_outputs[place].data = nbformat.from_dict(content["data"])
        elif content["wait"]:
            self.clear_before_next = True
        else:
            self.test_outputs.clear()

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> str:
        error = excinfo.value
        if not isinstance(error, NbCellError):
            return f"cell {self.cell.id}: {type(error).__name__}: {error}"
        return f"cell {self.cell.id}: {error}\n\n{error.source}\n\n{error.inner_traceback or ''}"

    def reportinfo(self) -> tuple:
        return self.path, 0, self.name


class Budget(pytest.Item):
    """The last item of a notebook: its seconds and its memory against what it declares."""

    def runtest(self) -> None:
        notebook = self.parent
        measured = {
            "seconds": notebook.seconds,
            "ram_mb": notebook.memory.megabytes,
        }
        declared = notebook.nb.metadata.get("course", {}).get("budget", {})
        processor = processor_seconds(notebook.kernel.km.provisioner.pid)
        line = (
            f"{measured['seconds']:6.1f} s of {declared.get('seconds', '-'):>4} "
            f"({processor:5.1f} of processor)   "
            f"{measured['ram_mb']:6.0f} MB of {declared.get('ram_mb', '-'):>5}   {notebook.nodeid}"
        )
        self.user_properties.append(("measured", line))  # reports carry it to the process that prints
        problems = budget_problems(measured, declared)
        if problems:
            raise BudgetOverrun("; ".join(problems))

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> str:
        if isinstance(excinfo.value, BudgetOverrun):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple:
        return self.path, 0, self.name


class BudgetOverrun(Exception):
    """More than NOISE times what the notebook declares, or nothing declared."""


def budget_problems(measured: dict[str, float], declared: dict[str, float]) -> list[str]:
    """What is wrong with {"seconds": …, "ram_mb": …} measured beside declared: a list of sentences."""
    problems = []
    for name, value in measured.items():
        limit = declared.get(name)
        if not limit:
            problems.append(f"metadata.course.budget declares no {name} (measured {value:.1f})")
        elif value > NOISE * limit:
            problems.append(f"{name}: measured {value:.1f}, more than {NOISE} x the declared {limit}")
    return problems
