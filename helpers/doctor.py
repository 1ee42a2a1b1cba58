"""The environment report: what this machine has, what is wrong with it, and what to do about it.

    python -m helpers.doctor

One line a thing, marked ok, warn or FAIL. Exit status 1 if anything is FAIL, with one line of advice for
each. Needs the standard library only, so that it can say what is missing, and never imports TensorFlow.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
OLDEST_PYTHON = (3, 11)
DEVICES = ("cuda", "mps", "xpu", "cpu")  # as in helpers.device, which needs NumPy to be imported
PROFILES = ("quick", "full")
QUICK_RAM_GB = 2.0  # what the largest quick notebook may use
QUICK_DISK_GB = 1.0  # caches of libraries, executed copies, HTML
FULL_DISK_GB = 5.0
MIRROR_SECONDS = 2.0
FONT_ADVICE = {
    "Linux": "sudo apt install fonts-noto-cjk (Fedora: sudo dnf install google-noto-sans-cjk-fonts)",
    "Darwin": "brew install --cask font-noto-sans-cjk-sc",
    "Windows": "Settings, System, Optional features: add 'Chinese (Simplified) Supplemental Fonts'",
}


class Row(NamedTuple):
    """One line of the report: ``mark`` is ok, warn or FAIL; ``advice`` is empty if there is nothing to do."""

    mark: str
    thing: str
    found: str
    advice: str = ""


def report(requirements: Path = REQUIREMENTS) -> list[Row]:
    """Look at everything once and return the rows, always in the same order. Raises nothing."""
    cache_row, cache_folder = _cache()
    return [
        _python(),
        *_packages(requirements),
        *_device(),
        _cores(),
        _ram(),
        cache_row,
        _disk(cache_folder),
        _mirror(os.environ.get("COURSE_MIRROR", "")),
        _profile(os.environ.get("COURSE_PROFILE", "quick")),
        _chinese_font(),
    ]


def show(rows: list[Row]) -> None:
    """Print the rows as a table, then the advice."""
    width = max(len(row.thing) for row in rows)
    for row in rows:
        print(f"{row.mark:<4}  {row.thing:<{width}}  {row.found}")
    print()
    for row in rows:
        if row.advice:
            print(f"{'DO' if row.mark == 'FAIL' else 'note'}  {row.thing}: {row.advice}")
    wrong = sum(row.mark == "FAIL" for row in rows)
    print(f"{wrong} wrong" if wrong else "nothing is wrong")
    if sum("pip install" in row.advice for row in rows) > 1:
        print("all packages at once: python -m pip install -r requirements.txt")


def main(requirements: Path = REQUIREMENTS) -> int:
    """Print the report and return the exit status: 1 if anything is wrong, else 0."""
    if hasattr(sys.stdout, "reconfigure"):  # a path may hold letters that a console cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    rows = report(requirements)
    show(rows)
    return int(any(row.mark == "FAIL" for row in rows))


def _python() -> Row:
    version = sys.version_info[:3]
    found = ".".join(map(str, version)) + f" on {platform.system()} {platform.machine()}"
    if version[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return Row("FAIL", "Python", found, f"install Python {oldest} or newer, then make a new environment")
    return Row("ok", "Python", found)


def _packages(requirements: Path) -> list[Row]:
    """One row for each line of the requirements file: what is installed against what is pinned."""
    try:
        lines = requirements.read_text(encoding="utf-8").splitlines()
    except OSError:
        advice = f"work in a full copy of the course: {requirements.name} lies in its top folder"
        return [Row("FAIL", requirements.name, f"cannot be read: {_short(requirements)}", advice)]
    rows = []
    for line in lines:
        line = line.partition("#")[0].strip()
        if not line or line.startswith("-"):
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*])?(?:\s*==\s*(\S+))?", line)
        if match is None:
            rows.append(Row("warn", line, "not a name or name==version, so not compared"))
            continue
        name, pin = match.groups()
        repair = f"python -m pip install {name}=={pin}" if pin else f"python -m pip install {name}"
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            rows.append(Row("FAIL", name, f"missing (pinned: {pin or 'any version'})", repair))
            continue
        # 2.13.0+cpu and 2.13.0+cu130 are builds of 2.13.0, and meet the pin 2.13.0.
        met = pin in (None, installed, installed.partition("+")[0])
        if met:
            rows.append(Row("ok", name, f"{installed}, {'as pinned' if pin else 'no pin'}"))
        else:
            rows.append(Row("FAIL", name, f"{installed} (pinned: {pin})", repair))
    return rows


def _device() -> list[Row]:
    wanted = os.environ.get("COURSE_DEVICE", "")
    if wanted and wanted.partition(":")[0] not in DEVICES:
        advice = f"set COURSE_DEVICE to one of {', '.join(DEVICES)}, or unset it"
        return [Row("FAIL", "device", f"COURSE_DEVICE is {wanted!r}, which is unknown", advice)]
    try:
        import torch  # noqa: F401 - whether it loads is the question

        from helpers.device import pick_device, pick_precision
    except ModuleNotFoundError as error:
        return [_unknown("device", error)]
    except (ImportError, OSError) as error:
        advice = "reinstall it: python -m pip install --force-reinstall -r requirements.txt"
        if platform.system() == "Windows":
            advice += ", and install the Microsoft Visual C++ Redistributable"
        return [Row("FAIL", "device", f"torch is installed but does not load: {error}", advice)]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            device = pick_device()
    except ValueError as error:
        return [Row("FAIL", "device", f"COURSE_DEVICE is {wanted!r}", str(error))]
    found = said.getvalue().strip().rpartition("device: ")[2]
    dtype, reason = pick_precision(device)
    note = "without an accelerator the quick profile is the one to use" if device.type == "cpu" else ""
    return [
        Row("ok", "device", found, note),
        Row("ok", "precision", f"{str(dtype).rpartition('.')[2]} ({reason})"),
    ]


def _unknown(thing: str, error: ModuleNotFoundError) -> Row:
    return Row("warn", thing, f"not known, because {error.name} is missing")


def _cores() -> Row:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Row("ok", "cores", f"{usable} usable")


def _ram() -> Row:
    try:
        import psutil
    except ModuleNotFoundError as error:
        return _unknown("RAM", error)
    memory = psutil.virtual_memory()
    limit = _container_bytes()
    total, available = min(memory.total, limit) / 1e9, min(memory.available, limit) / 1e9
    found = f"{available:.1f} GB available of {total:.1f} GB"
    if available < QUICK_RAM_GB:
        advice = f"close other programs: a quick notebook may need {QUICK_RAM_GB:g} GB"
        return Row("FAIL", "RAM", found, advice)
    return Row("ok", "RAM", found)


def _container_bytes() -> float:
    """What a container (Docker, JupyterHub) allows this process; infinity where there is no limit."""
    try:
        return float(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):  # no such file; or the word "max"
        return float("inf")


def _cache() -> tuple[Row, Path]:
    """The folder for downloaded data, and whether it can be written. Creates nothing that stays."""
    try:
        from helpers.data import data_cache

        cache = Path(data_cache())
    except ModuleNotFoundError as error:
        if not os.environ.get("COURSE_DATA_DIR"):
            return _unknown("data cache", error), Path.cwd()
        cache = Path(os.environ["COURSE_DATA_DIR"]).expanduser()
    existing = _nearest_folder(cache)
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        advice = "set COURSE_DATA_DIR to a folder that you may write to"
        return Row(
            "FAIL", "data cache", f"{_short(cache)} cannot be written: {error.strerror}", advice
        ), existing
    made_when = "" if cache.is_dir() else " (is made at the first download)"
    return Row("ok", "data cache", f"{_short(cache)}{made_when}"), existing


def _short(path: str | Path) -> str:
    """The path with ~ for the home folder, so that a report can be passed on."""
    home = os.path.join(os.path.expanduser("~"), "")
    return "~" + os.sep + str(path)[len(home) :] if str(path).startswith(home) else str(path)


def _nearest_folder(path: Path) -> Path:
    """``path`` itself or the closest thing above it that exists, be it a folder or, wrongly, a file."""
    path = path.absolute()
    while not os.path.exists(path) and path != path.parent:  # False, not an error, where one may not look
        path = path.parent
    return path


def _disk(folder: Path) -> Row:
    try:
        free = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        return Row("warn", "disk", f"not known: {error.strerror}", "choose another data cache")
    found = f"{free:.1f} GB free at the data cache"
    if free < QUICK_DISK_GB:
        advice = f"make room or move COURSE_DATA_DIR: a quick run needs {QUICK_DISK_GB:g} GB"
        return Row("FAIL", "disk", found, advice)
    if free < FULL_DISK_GB:
        return Row("warn", "disk", found, f"the full profile's data wants {FULL_DISK_GB:g} GB")
    return Row("ok", "disk", found)


def _mirror(url: str) -> Row:
    """Ask the mirror's base address for anything; whatever HTTP status comes back, it answers."""
    if not url:
        return Row("ok", "data mirror", "COURSE_MIRROR is not set: data come from their own addresses")
    if not url.startswith(("http://", "https://")):
        advice = "write it as http://HOST:PORT or https://HOST/PATH, or unset COURSE_MIRROR"
        return Row("FAIL", "data mirror", f"{url} is not a web address", advice)
    reason = [f"no answer within {MIRROR_SECONDS:g} s"]

    def ask() -> None:
        try:
            urllib.request.urlopen(url, timeout=MIRROR_SECONDS).close()
        except urllib.error.HTTPError as error:
            error.close()
        except (OSError, ValueError) as error:
            reason[0] = str(getattr(error, "reason", error))
            return
        reason[0] = ""

    asking = threading.Thread(target=ask, daemon=True)  # looking up a name obeys no timeout; this does
    asking.start()
    asking.join(MIRROR_SECONDS)
    if reason[0]:
        advice = "start the mirror, correct COURSE_MIRROR, or unset it"
        return Row("FAIL", "data mirror", f"{url} does not answer: {reason[0]}", advice)
    return Row("ok", "data mirror", f"{url} answers")


def _profile(chosen: str) -> Row:
    if chosen not in PROFILES:
        advice = f"set COURSE_PROFILE to {' or '.join(PROFILES)}, or unset it (quick)"
        return Row("FAIL", "profile", f"COURSE_PROFILE is {chosen!r}, which is unknown", advice)
    return Row("ok", "profile", chosen)


def _chinese_font() -> Row:
    try:
        from helpers.plotting import cjk_font
    except ModuleNotFoundError as error:
        return _unknown("Chinese font", error)
    name = cjk_font()
    if name:
        return Row("ok", "Chinese font", name)
    import matplotlib

    advice = FONT_ADVICE.get(platform.system(), "install Noto Sans CJK SC")
    advice += f"; then delete fontlist-*.json in {_short(matplotlib.get_cachedir())}"
    return Row(
        "warn", "Chinese font", "none found: in figures, and only there, Chinese shows as boxes", advice
    )


if __name__ == "__main__":
    sys.exit(main())
