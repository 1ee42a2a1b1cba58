"""Two tests at once with `-n 2`, each file in one process, and nothing beside what wants to be alone."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tools.notebooks import ROOT
from tools.side_by_side import is_alone

# Each test leaves a file in `running` while it runs, and one in `started` for good; it notes whom it saw.
COMMON = """
import os, time
from pathlib import Path

HERE = Path(__file__).parent

def stay(name, seconds):
    # for some seconds; returns the names of the tests that ran beside it
    for folder in ("running", "started"):
        (HERE / folder).mkdir(exist_ok=True)
        (HERE / folder / name).touch()
    seen, end = set(), time.monotonic() + seconds
    while time.monotonic() < end:
        seen |= {path.name for path in (HERE / "running").iterdir()} - {name}
    (HERE / "running" / name).unlink()
    with open(HERE / "log", "a") as log:
        log.write(f"{name} {os.getpid()} {'+'.join(sorted(seen)) or '-'}\\n")
    return seen

def meets(name, other):
    # until the other one has started, for at most a minute: whether it has
    end = time.monotonic() + 60
    stay(name, 0)
    while not (found := (HERE / "started" / other).exists()) and time.monotonic() < end:
        pass
    return found
"""
MEETS = """
from common import meets

def test_one():
    assert meets("{name}-1", "{other}-1")

def test_two():
    assert meets("{name}-2", "{other}-2")
"""
ALONE = """
import pytest
from common import stay

@pytest.mark.alone
@pytest.mark.parametrize("number", range(4))
def test_alone(number):
    assert not stay(f"{name}-{{number}}", 0.5)
"""
BESIDE = """
import pytest
from common import stay

@pytest.mark.parametrize("number", range(12))
def test_beside(number):
    stay(f"{name}-{{number}}", 0.1)
"""


def run(folder, *options, **files):
    """A pytest of its own over these files: (exit status, output, rows of the log)."""
    (folder / "common.py").write_text(COMMON, encoding="utf-8")
    for name, text in files.items():
        text = text.format(name=name, other="b" if name == "a" else "a")
        (folder / f"test_{name}.py").write_text(text, encoding="utf-8")
    command = (
        "-W error -m pytest -q -p no:cacheprovider -p tools.side_by_side -o pythonpath=. --strict-markers"
    )
    done = subprocess.run(
        [sys.executable, *command.split(), *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    log = folder / "log"
    rows = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return done.returncode, done.stdout + done.stderr, rows


def test_two_files_are_tested_at_once_and_each_stays_in_one_process(tmp_path):
    status, said, rows = run(tmp_path, "-n", "2", a=MEETS, b=MEETS)
    assert status == 0, said  # one after the other, the first would never meet the second
    processes = {name: pid for name, pid, _ in rows}
    assert processes["a-1"] == processes["a-2"] != processes["b-1"] == processes["b-2"]


def test_beside_what_is_alone_nothing_runs_and_its_file_is_not_interrupted(tmp_path):
    status, said, rows = run(tmp_path, "-n", "2", a=BESIDE, b=ALONE, c=ALONE, d=BESIDE)
    assert status == 0, said
    names = [name for name, _, _ in rows]
    for alone in "bc":
        first = names.index(f"{alone}-0")
        assert names[first : first + 4] == [f"{alone}-{number}" for number in range(4)]
    assert any(seen != "-" for name, _, seen in rows if name[0] in "ad")  # the others did run side by side
    assert len({pid for _, pid, _ in rows}) == 2
    assert len(names) == 32


def test_without_n_everything_runs_as_ever(tmp_path):
    status, said, rows = run(tmp_path, a=ALONE, b=BESIDE)
    assert status == 0, said
    assert len(rows) == 16
    assert len({pid for _, pid, _ in rows}) == 1


@pytest.mark.parametrize(
    ("name", "alone"),
    [("8_project/2c_refusing_and_stopping", True), ("2_math/1a_products_and_shapes", False)],
)
def test_a_notebook_is_alone_where_course_toml_says_so(name, alone):
    assert is_alone(SimpleNamespace(path=ROOT / "notebooks" / "en" / f"{name}.ipynb")) is alone
