"""Every program of the course says what it does when asked, in any terminal, and does nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.notebooks import ROOT

PROGRAMS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for room in ("helpers", "exercises", "service", "tools")
    for path in (ROOT / room).rglob("*.py")
    if '\nif __name__ == "__main__":' in path.read_text(encoding="utf-8")
)


def test_the_programs_are_found():
    assert {"helpers.doctor", "service", "service.make_model", "tools.course", "tools.hygiene"} <= set(
        PROGRAMS
    )
    assert len(PROGRAMS) >= 9


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_is_printed_in_ascii_too_and_nothing_else_is_done(tmp_path, program):
    here, home = tmp_path / "here", tmp_path / "home"  # at home, libraries may leave what they like
    for folder in (here, home):
        folder.mkdir()
    environment = os.environ | dict.fromkeys(("TMPDIR", "HOME", "XDG_CACHE_HOME"), str(home))
    environment["COURSE_DATA_DIR"] = str(here / "data")
    before = _times(ROOT)
    done = subprocess.run(
        [sys.executable, "-B", "-m", program, "--help"],
        cwd=here,
        env=environment | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=120,
    )
    said = done.stdout.decode("ascii")
    assert done.returncode == 0, said
    assert done.stderr == b""
    assert said.startswith(f"usage: python -m {program} [-h]")
    assert len(said.splitlines()) >= 3  # what it does, and how it is steered
    assert list(here.iterdir()) == []
    assert _times(ROOT) == before


def _times(folder: Path) -> dict[Path, float]:
    """When each file of the course was written last; `build/` and caches are anybody's."""
    rooms = ("helpers", "exercises", "service", "tools", "notebooks", "data")
    files = (path for room in rooms for path in (folder / room).rglob("*") if path.is_file())
    return {path: path.stat().st_mtime for path in files if "__pycache__" not in path.parts}
