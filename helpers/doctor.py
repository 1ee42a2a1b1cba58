"""The environment report: what this machine has, what is wrong with it, and what to do about it.

    python -m helpers.doctor

One line a thing, marked ok, warn or FAIL. Exit status 1 if anything is FAIL, with one line of advice for
each. Needs the standard library only, so that it can say what is missing; an older Python can run it, and
is told so. It never imports TensorFlow.
"""

import argparse
import contextlib
import io
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

from helpers.settings import COURSE, DEVICES, PROFILES, data_cache, mirror, reason_of, setting

REQUIREMENTS = COURSE / "requirements.txt"
FOR_ONE_PART = {"requirements-ray.txt": "4.4c"}  # beside it: what nobody else needs
OLDEST_PYTHON = (3, 11)
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


def report(requirements: Path = REQUIREMENTS) -> "list[Row]":
    """Look at everything once and return the rows, always in the same order. Raises nothing."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        return [_python()]  # nothing else can be known: the course is not written for it
    checks = {
        "Python": _python,
        "packages": lambda: _packages(requirements),
        "device": _device,
        "cores": _cores,
        "RAM": _ram,
        "data cache": _cache,
        "disk": _disk,
        "data mirror": _mirror,
        "profile": _profile,
        "Chinese font": _chinese_font,
    }
    rows = []
    for thing, check in checks.items():
        try:
            found = check()
        except ModuleNotFoundError as error:
            found = Row("warn", thing, f"not known, because {error.name} is missing")
        except Exception as error:  # a report that stops at one fault hides the others
            found = Row("warn", thing, f"not known: {type(error).__name__}: {error}")
        rows += [found] if isinstance(found, Row) else found
    return [Row(*(" ".join(text.splitlines()) for text in row)) for row in rows]  # one line each


def show(rows: "list[Row]") -> None:
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
    rows = report(requirements)
    show(rows)
    return int(any(row.mark == "FAIL" for row in rows))


def _python():
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        advice = f"install Python {oldest} or newer, then make a new environment with it"
        return Row("FAIL", "Python", f"{found}; the course needs {oldest}", advice)
    return Row("ok", "Python", found)


def _packages(requirements: Path) -> "list[Row]":
    """One row for each line of the requirements file: what is installed against what is pinned."""
    try:
        content = requirements.read_bytes()
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # what > writes in PowerShell
        lines = content.decode("utf-16" if utf16 else "utf-8-sig").splitlines()
    except (OSError, UnicodeError):
        advice = f"work in a full copy of the course: {requirements.name} lies in its top folder"
        return [Row("FAIL", requirements.name, f"cannot be read: {_short(requirements)}", advice)]
    lines = (line.partition("#")[0].strip() for line in lines)
    rows = [_package(line) for line in lines if line and not line.startswith("-")]
    for name, part in FOR_ONE_PART.items():
        path = requirements.with_name(name)
        if path != requirements and path.exists():
            advice = f"only {part} needs it: python -m pip install -r {name}"
            rows += [row if row.mark == "ok" else Row("warn", *row[1:3], advice) for row in _packages(path)]
    return rows


def _package(line: str) -> Row:
    import importlib.metadata

    match = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*])?(?:\s*==\s*(\S+))?", line)
    if match is None:
        return Row("warn", line, "not a name or name==version, so not compared")
    name, pin = match.groups()
    wanted = f"{name}=={pin}" if pin else name
    advice = f"python -m pip install {wanted}"
    try:
        installed = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Row("FAIL", name, f"missing (pinned: {pin or 'any version'})", advice)
    except Exception:  # which one it is, changes from Python to Python
        installed = None
    if not installed:
        advice = f"python -m pip install --ignore-installed {wanted}"
        return Row("FAIL", name, "half installed: its metadata is missing", advice)
    # 2.13.0+cpu and 2.13.0+cu130 are builds of 2.13.0, and meet the pin 2.13.0.
    if pin in (None, installed, installed.partition("+")[0]):
        return Row("ok", name, f"{installed}, {'as pinned' if pin else 'no pin'}")
    return Row("FAIL", name, f"{installed} (pinned: {pin})", advice)


def _device():
    wanted = setting("COURSE_DEVICE")
    if wanted and wanted.partition(":")[0] not in DEVICES:
        advice = f"set COURSE_DEVICE to one of {', '.join(DEVICES)}, or unset it"
        return [Row("FAIL", "device", f"COURSE_DEVICE is {wanted!r}, which is unknown", advice)]
    try:
        import torch  # noqa: F401 - whether it loads is the question
    except ModuleNotFoundError:
        raise
    except Exception as error:
        advice = "reinstall it: python -m pip install --force-reinstall -r requirements.txt"
        if platform.system() == "Windows":
            advice += ", and install the Microsoft Visual C++ Redistributable"
        return [Row("FAIL", "device", f"torch is installed but does not load: {error}", advice)]
    from helpers.device import pick_device, pick_precision

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            device = pick_device()
    except ValueError as error:
        return [Row("FAIL", "device", f"COURSE_DEVICE is {wanted!r}", str(error))]
    dtype, reason = pick_precision(device)
    note = "without an accelerator the quick profile is the one to use" if device.type == "cpu" else ""
    return [
        Row("ok", "device", said.getvalue().strip().rpartition("device: ")[2], note),
        Row("ok", "precision", f"{str(dtype).rpartition('.')[2]} ({reason})"),
    ]


def _cores():
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Row("ok", "cores", f"{usable} usable")


def _ram():
    import psutil

    memory = psutil.virtual_memory()
    limit = _container_bytes()
    total, available = min(memory.total, limit) / 1e9, min(memory.available, limit) / 1e9
    found = f"{available:.1f} GB available of {total:.1f} GB"
    if available < QUICK_RAM_GB:
        advice = f"close other programs: a quick notebook may need {QUICK_RAM_GB:g} GB"
        return Row("FAIL", "RAM", found, advice)
    return Row("ok", "RAM", found)


def _container_bytes():
    """What a container (Docker, JupyterHub) allows this process; infinity where there is no limit."""
    try:
        return float(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):  # no such file; or the word "max"
        return float("inf")


def _cache():
    """The folder for downloaded data, and whether it serves. Nothing made there stays."""
    from helpers.files import check_writable

    try:
        cache = data_cache()
    except ValueError as error:
        fault, _, advice = str(error).partition(": ")
        return Row("FAIL", "data cache", fault, advice)
    found = _short(cache)
    for path in (cache, *cache.glob("[!.]*"), *cache.glob("[!.]*/[!.]*")):
        if os.path.exists(path) and not os.access(path, os.X_OK if path.is_dir() else os.R_OK):
            advice = f"have it opened to all (chmod -R a+rX {found}), or set COURSE_DATA_DIR to another"
            return Row("FAIL", "data cache", f"{_short(path)} cannot be read", advice)
    try:
        check_writable(cache)
    except OSError as error:
        sets, advice = _sets_in(cache), "set COURSE_DATA_DIR to a folder that you may write to"
        if sets:
            found += f", which cannot be written, has {', '.join(sets)}"
            return Row("ok", "data cache", found, f"to download other sets, {advice}")
        return Row("FAIL", "data cache", f"{found} cannot be written: {error.strerror}", advice)
    return Row("ok", "data cache", found if cache.is_dir() else f"{found} (is made at the first download)")


def _sets_in(cache: Path) -> "list[str]":
    """Names of the sets whose files are all in the cache."""
    import tomllib

    manifest = tomllib.loads((COURSE / "data" / "datasets.toml").read_text(encoding="utf-8"))
    sets = []
    for name, described in manifest.items():
        files = [cache / name / file["name"] for file in described["files"]]
        files += [cache / name / "unpacked" for file in described["files"] if "unpacked_bytes" in file]
        if all(os.path.exists(path) for path in files):
            sets.append(name)
    return sets


def _short(path: Path) -> str:
    """The path with ~ for the home folder, so that a report can be passed on."""
    home = os.path.join(os.path.expanduser("~"), "")
    return "~" + os.sep + str(path)[len(home) :] if str(path).startswith(home) else str(path)


def _disk():
    folder, where = tempfile.gettempdir(), "for temporary files"
    with contextlib.suppress(ImportError, ValueError, OSError):
        from helpers.files import check_writable

        folder, where = check_writable(data_cache()), "at the data cache"
    free = shutil.disk_usage(folder).free / 1e9
    found = f"{free:.1f} GB free {where}"
    if free < QUICK_DISK_GB:
        advice = f"make room or move COURSE_DATA_DIR: a quick run needs {QUICK_DISK_GB:g} GB"
        return Row("FAIL", "disk", found, advice)
    if free < FULL_DISK_GB:
        return Row("warn", "disk", found, f"the full profile's data wants {FULL_DISK_GB:g} GB")
    return Row("ok", "disk", found)


def _mirror():
    """Ask the mirror's base address for anything; whatever it answers, it is there."""
    url, login = mirror()
    if not url:
        return Row("ok", "data mirror", "COURSE_MIRROR is not set: data come from their own addresses")
    if not url.startswith(("http://", "https://")):
        advice = "write it as http://HOST:PORT or https://HOST/PATH, or unset COURSE_MIRROR"
        return Row("FAIL", "data mirror", f"{url} is not a web address", advice)
    import requests

    fault = [f"no answer within {MIRROR_SECONDS:g} s"]

    def ask():
        try:
            with requests.get(url, auth=login, timeout=MIRROR_SECONDS, stream=True) as answer:
                refused = answer.status_code == 401
                fault[0] = "401, it wants another user and password" if refused else ""
        except Exception as error:  # of the network, or of an address that is malformed
            fault[0] = reason_of(error)

    asking = threading.Thread(target=ask, daemon=True)  # looking up a name obeys no timeout; this does
    asking.start()
    asking.join(MIRROR_SECONDS)
    if fault[0]:
        advice = "start the mirror, correct COURSE_MIRROR, or unset it"
        return Row("FAIL", "data mirror", f"{url} does not answer: {fault[0]}", advice)
    return Row("ok", "data mirror", f"{url} answers")


def _profile():
    chosen = setting("COURSE_PROFILE") or "quick"
    if chosen not in PROFILES:
        advice = f"set COURSE_PROFILE to {' or '.join(PROFILES)}, or unset it (quick)"
        return Row("FAIL", "profile", f"COURSE_PROFILE is {chosen!r}, which is unknown", advice)
    return Row("ok", "profile", chosen)


def _chinese_font():
    from helpers.plotting import cjk_font

    name = cjk_font()
    if name:
        return Row("ok", "Chinese font", name)
    import matplotlib

    found = "none found: in figures, and only there, Chinese shows as boxes"
    advice = FONT_ADVICE.get(platform.system(), "install Noto Sans CJK SC")
    advice += f"; then delete fontlist-*.json in {_short(matplotlib.get_cachedir())}"
    return Row("warn", "Chinese font", found, advice)


if __name__ == "__main__":
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m helpers.doctor", None, __doc__, formatter_class=as_written)
    parser.parse_args()
    sys.exit(main())
