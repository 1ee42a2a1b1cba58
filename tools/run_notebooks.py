"""Execute the notebooks in chapter order and show seconds and memory beside each one's budget.

    python -m tools.run_notebooks [name ...]               copies and HTML into build/, sources untouched
    python -m tools.run_notebooks --in-place [name ...]    execute and normalise the sources themselves

A name is a path or the beginning of one: `6_vision`, `6_vision/1`; without names, all of them. A notebook
that fails does not stop the others, and is left as it was; the exit status is then 1. The first form obeys
COURSE_PROFILE=full.
"""

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from helpers.settings import setting
from tools.course import course, missing_for
from tools.kernel import PeakMemory, kernel_environment, stop_echo_of_widget_outputs
from tools.normalise import merged_streams, normalise
from tools.notebooks import NOTEBOOKS, ROOT, find_notebooks, read_notebook, short_name, write_notebook
from tools.pages import write_page

QUICK_CELL_TIMEOUT = 300  # seconds; a quick notebook has 60 for all its cells
OUTPUT_TIMEOUT = 60  # seconds for what is printed to arrive; nbclient's 4 lose some on a slow machine
VERSIONS_OF = ("numpy", "torch", "tensorflow", "keras", "scikit-learn", "ipykernel", "nbclient")


class NotebookFailed(Exception):
    """A cell raised, did not raise where it should, took too long, or took the kernel with it."""


@dataclass
class Run:
    """What one notebook took: seconds, and MB at the most; what it declares; what went wrong."""

    name: str
    seconds: float
    peak_mb: float
    declared: dict
    error: str = ""
    notes: tuple = ()


def execute(
    notebook: NotebookNode, folder: Path, profile: str = "quick", on_cell: Callable[[], Any] = lambda: None
) -> tuple[float, float, dict[str, list]]:
    """Execute a notebook (changed in place) in a fresh kernel that works in `folder`.

    Returns (seconds from the start of the kernel to the last output, peak MB, first view of each widget by
    its model id). Raises NotebookFailed, which carries `seconds` and `peak_mb` too.
    """
    stop_echo_of_widget_outputs()
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=QUICK_CELL_TIMEOUT if profile == "quick" else None,
        record_timing=False,
        iopub_timeout=OUTPUT_TIMEOUT,
        raise_on_iopub_timeout=True,
        coalesce_streams=False,  # its way takes a time quadratic in the length of a line
    )
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    start, memory, problem = time.perf_counter(), None, None
    with (
        tempfile.TemporaryDirectory() as ipython_folder,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as kernel_log,
    ):
        environment = kernel_environment(ipython_folder, profile)
        try:
            with client.setup_kernel(env=environment, cwd=str(folder), stderr=kernel_log):
                memory = PeakMemory(client.km.provisioner.pid)
                for index, cell in enumerate(notebook.cells):
                    problem = _execute_cell(client, cell, index, kernel_log)
                    if cell.cell_type == "code":
                        cell.outputs = merged_streams(cell.outputs)
                    if problem:
                        break
                    on_cell()
                seconds, peak_mb = time.perf_counter() - start, memory.megabytes
        finally:
            if memory:
                memory.stop()
    problem = problem or _problem_in_widgets(client)
    if problem:
        failed = NotebookFailed(problem)
        failed.seconds, failed.peak_mb = seconds, peak_mb
        raise failed
    return seconds, peak_mb, _first_views(client)


def _execute_cell(client: NotebookClient, cell: NotebookNode, index: int, kernel_log: IO[str]) -> str | None:
    """Execute one cell; what went wrong in words, or None."""
    try:
        client.execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
    except CellExecutionError as error:
        return f"cell {cell.id}: {error.ename}: {error.evalue}"
    except CellTimeoutError as error:
        if "IOPub" in str(error):
            return f"cell {cell.id}: its output did not arrive within {client.iopub_timeout} s"
        return f"cell {cell.id}: not done after {client.timeout} s"
    except DeadKernelError:
        kernel_log.seek(0)
        said = [line.strip() for line in kernel_log if not line.startswith("[IPKernelApp]")]
        return f"cell {cell.id}: the kernel died ({' | '.join(said[-3:]) or 'silently: out of memory?'})"
    expected = "raises-exception" in cell.metadata.get("tags", [])
    if expected and not any(output.output_type == "error" for output in cell.outputs):
        return f"cell {cell.id}: tagged raises-exception, but raised nothing"
    return None


def _problem_in_widgets(client: NotebookClient) -> str | None:
    """An error inside `interact` goes to its output widget, where nobody would look for it."""
    for widget in client.comm_objects.values():
        for output in widget.outputs:
            if output["output_type"] == "error":
                return f"in a widget: {output['ename']}: {output['evalue']}"
    return None


def _first_views(client: NotebookClient) -> dict[str, list]:
    """What each widget that holds an output area showed at first: {model id: outputs}."""

    def outputs_below(model_id: str):
        if model_id in client.comm_objects:
            return client.comm_objects[model_id].outputs
        children = client.widget_state.get(model_id, {}).get("children", [])
        below = [outputs_below(child.removeprefix("IPY_MODEL_")) for child in children]
        return [output for outputs in below for output in outputs]

    return {model_id: outputs_below(model_id) for model_id in client.widget_state}


def run_one(
    path: Path,
    shown_name: str,
    *,
    in_place: bool = False,
    build: Path | None = None,
    profile: str = "quick",
    on_cell: Callable[[], Any] = lambda: None,
) -> Run:
    """Execute one notebook and write it: over itself, or as copy and page below `build`. Returns a Run."""
    notebook = read_notebook(path)
    declared = dict(notebook.metadata.get("course", {}).get("budget", {}))
    try:
        seconds, peak_mb, first_views = execute(notebook, path.parent, profile, on_cell)
        error = ""
    except NotebookFailed as failed:
        seconds, peak_mb, first_views, error = failed.seconds, failed.peak_mb, {}, str(failed)
    notes = tuple(
        f"cell {cell.id} writes to stderr"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    )
    if build:  # a notebook that failed is shown too: it helps to see how far it came
        target = build / shown_name
        page = target.with_suffix(".html")
        try:
            write_page(notebook, page, folder=path.parent, root=build, first_views=first_views)
        except (ValueError, FileNotFoundError) as trouble:  # the copy below is written all the same
            notes += (f"no page: {trouble}",)
        write_notebook(normalise(notebook), target)
    elif in_place and not error:
        write_notebook(normalise(notebook), path)
    return Run(shown_name, round(seconds, 1), round(peak_mb), declared, error, notes)


def table(runs: Sequence[Run], profile: str = "quick") -> str:
    """Seconds and MB measured, and declared for the quick profile, one line a notebook."""
    width = max([len(run.name) for run in runs] + [8])
    lines = [f"{'notebook':{width}}  {'seconds':>8}  {'budget':>6}  {'peak MB':>8}  {'budget':>6}"]
    for run in runs:
        budget = run.declared if profile == "quick" else {}
        seconds, ram_mb = budget.get("seconds"), budget.get("ram_mb")
        over = (seconds and run.seconds > seconds) or (ram_mb and run.peak_mb > ram_mb)
        word = "FAILED" if run.error else "over budget" if over else "ok"
        lines.append(
            f"{run.name:{width}}  {run.seconds:8.1f}  {seconds or '–':>6}  {run.peak_mb:8.0f}  "
            f"{ram_mb or '–':>6}  {word}"
        )
    return "\n".join(lines)


def write_times(runs: Sequence[Run], path: Path, profile: str) -> None:
    """Record what was measured, on what, and when."""
    record = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "profile": profile,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS_OF}},
        "notebooks": [asdict(run) for run in runs],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run_all(
    names: Iterable[str] = (),
    *,
    in_place: bool = False,
    folder: Path = NOTEBOOKS,
    build: Path = ROOT / "build",
    profile: str = "quick",
) -> list[Run]:
    """Run the notebooks of `folder` one after the other; returns their Runs, in chapter order.

    One that needs packages which are not installed is skipped, and says which.
    """
    folder = Path(folder).resolve()
    paths = []
    for path in find_notebooks(names, folder):
        if reason := missing_for(course().part_of(path)):
            tqdm.write(f"skip    {short_name(path)} {reason}")
        else:
            paths.append(path)
    cells = sum(len(read_notebook(path).cells) for path in paths)
    quiet = bool(os.environ.get("CI")) or not sys.stderr.isatty()
    runs = []
    with tqdm(total=cells, unit="cell", disable=quiet, leave=False) as bar:
        for path in paths:
            inside = path.is_relative_to(folder)
            shown_name = path.relative_to(folder).as_posix() if inside else path.name
            bar.set_description(shown_name)
            run = run_one(
                path,
                shown_name,
                in_place=in_place,
                build=None if in_place else build,
                profile=profile,
                on_cell=bar.update,
            )
            runs.append(run)
            word = "FAILED" if run.error else "done"
            tqdm.write(f"{word:6}  {run.seconds:6.1f} s  {run.peak_mb:6.0f} MB  {shown_name}")
            for line in [*([run.error] if run.error else []), *run.notes]:
                tqdm.write(f"        {line}")
    write_times(runs, build / "times.json", profile)
    return runs


def refuse_read_only(build: Path, *sources: Path) -> None:
    """Raise PermissionError, before anything is executed, where the results could not be written."""
    for folder in (build, *sources):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            way_on = "run without --in-place" if folder in sources else "name another place: --build ~/build"
            raise PermissionError(f"{folder} cannot be written to ({error.strerror}); {way_on}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.run_notebooks", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="notebooks, e.g. 6_vision/1 (default: all)")
    parser.add_argument("--in-place", action="store_true", help="write outputs into the sources, normalised")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="where copies, HTML and times go")
    given = parser.parse_args(arguments)
    profile = setting("COURSE_PROFILE") or "quick"
    if profile not in ("quick", "full"):
        parser.error(f"COURSE_PROFILE is {profile!r}; it can be 'quick' or 'full'")
    if given.in_place and profile != "quick":
        parser.error("committed outputs are those of the quick profile: unset COURSE_PROFILE")
    try:
        paths = find_notebooks(given.names)
        refuse_read_only(given.build, *({path.parent for path in paths} if given.in_place else ()))
        runs = run_all(given.names, in_place=given.in_place, build=given.build, profile=profile)
    except (ValueError, PermissionError) as error:
        parser.error(str(error))
    print(f"\n{table(runs, profile)}")
    slowest = sorted(runs, key=lambda run: -run.seconds)[:5]
    print("\nslowest: " + ", ".join(f"{run.name} {run.seconds:.1f} s" for run in slowest))
    failed = [run for run in runs if run.error]
    where = "in place" if given.in_place else f"copies and HTML in {given.build}"
    print(f"{len(runs) - len(failed)} of {len(runs)} ran to their end ({where})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
