"""The files are in the course's layout and name nobody's machine; what is installed is what is pinned."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MACHINE_PATH = re.compile(
    r"(?<![\w.:~-])/(?:home|root|Users|work|opt|mnt|srv|tmp)/[\w.-]+"  # not within an address or another path
    r"|\b[A-Z]:\\+Users\\+\w+"
)
COLOUR_CODE = re.compile(r"(?:\x1b|\\u001b)\[[0-9;]*m")  # of a terminal, as it is and as a notebook stores it
# What tests of such paths make up; written in parts, as are the hosts, so that this file holds none.
INVENTED = {"/".join(("", *parts)) for parts in (("home", "me"), ("Users", "me"), ("root", "x.py"))}
INVENTED |= {"/".join(("", "tmp", name)) for name in ("x", "evil.txt")}
INVENTED |= {"\\".join(("C:", "Users", name)) for name in ("me", "My")}
REGISTRY = re.compile(
    "|".join(
        re.escape(separator.join(parts))
        for separator, parts in [
            (".", ("pypi", "org")),
            (".", ("pythonhosted", "org")),
            (".", ("download", "pytorch", "org")),
            (".", ("anaconda", "org")),
            (".", ("npmjs", "org")),
            (".", ("npmjs", "com")),
            (".", ("tuna", "tsinghua")),
            (".", ("mirrors", "aliyun")),
            (".", ("ghcr", "io")),
            (".", ("docker", "io")),
            ("", ("artifact", "ory")),
            ("-", ("index", "url")),
            ("-", ("find", "links")),
            ("-", ("trusted", "host")),
        ]
    ),
    re.IGNORECASE,
)


def python(*arguments: str, given: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, input=given
    )


def tracked_texts() -> dict[str, str]:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("needs a git checkout, to tell the files of the course from others")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    names = [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]
    return {name: (ROOT / name).read_text(encoding="utf-8", errors="replace") for name in names}


def machine_paths(text: str) -> set[str]:
    """The paths of a machine that are named in ``text``, without the invented ones."""
    text = COLOUR_CODE.sub("", text)
    return {re.sub(r"\\+", r"\\", path) for path in MACHINE_PATH.findall(text)} - INVENTED


def pins() -> dict[str, str]:
    """The lines of requirements.txt, ``-e .`` excepted, as name and version."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line != "-e ."]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    return dict(line.split("==") for line in lines)


# the files


@pytest.mark.parametrize("command", [["check", "."], ["format", "--check", "."]], ids=" ".join)
def test_ruff_has_nothing_to_say_of_code_and_notebooks(command):
    done = python("ruff", *command)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("command", "fault", "said"),
    [
        ("check", "import os\n", "F401"),
        ("check", '"""A file."""\n\n\ndef double(x: int) -> int:\n    return 2 * x\n', "D103"),
        ("check", '"""A file."""\n\n\ndef double(x):\n    """Twice x."""\n    return 2 * x\n', "ANN001"),
        ("check", '"""A file."""\n\n\ndef two():\n    """The number."""\n    return 2\n', "ANN201"),
        ("check", '"""A file."""\n\n\ndef two() -> int:\n    """\n    Two.\n    """\n    return 2\n', "D212"),
        ("format --check", "x = {'a':1}\n", ""),
    ],
    ids=[
        "unused import",
        "no docstring",
        "no types",
        "no type of what comes out",
        "other docstring",
        "layout",
    ],
)
@pytest.mark.parametrize("room", ["helpers", "helpers/chapters", "service", "exercises", "tools"])
def test_ruff_with_the_settings_of_the_course_does_see_a_fault(room, command, fault, said):
    name = f"{room}/some_file.py"
    done = python("ruff", *command.split(), "--no-cache", "--stdin-filename", name, "-", given=fault)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr


def test_no_file_names_a_path_of_a_machine():
    found = {name: machine_paths(text) for name, text in tracked_texts().items()}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_no_file_names_the_folder_in_which_the_course_lies_here():
    assert [name for name, text in tracked_texts().items() if str(ROOT) in text] == []


def test_no_file_names_a_registry_of_packages():
    found = {name: set(REGISTRY.findall(text)) for name, text in tracked_texts().items()}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


@pytest.mark.parametrize("folder", ["home", "root", "Users", "work", "opt", "mnt", "srv", "tmp"])
@pytest.mark.parametrize(
    "around", ["{}", "File {}:2", '"{}"', "cd {} && make", "\x1b[0m{}", "\\u001b[32m{}", "file = '{}'"]
)
def test_a_path_of_a_machine_would_be_seen(folder, around):
    path = "/".join(("", folder, "course"))
    assert machine_paths(around.format(path)) == {path}


def test_a_windows_path_would_be_seen_plain_or_escaped():
    for separator in ("\\", "\\\\"):
        assert len(machine_paths(separator.join(("C:", "Users", "someone", "x.py")))) == 1


@pytest.mark.parametrize(
    "text", ["https://example.org/home/page", "~/home/x", "notebooks/tmp/file", "/usr/bin/env"]
)
def test_addresses_and_relative_paths_are_no_paths_of_a_machine(text):
    assert machine_paths(text) == set()


def test_a_registry_would_be_seen():
    assert REGISTRY.search("https://" + ".".join(("files", "pythonhosted", "org")) + "/packages")
    assert REGISTRY.search("pip install --extra-" + "-".join(("index", "url")) + " https://example.org")


# the environment


def test_what_is_installed_fits_together():
    done = python("pip", "check")
    if "No module named pip" in done.stderr:
        pytest.skip("needs pip in this environment")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_pin_is_installed_in_exactly_this_version():
    installed = {}
    for name in pins():
        try:
            installed[name] = importlib.metadata.version(name).partition("+")[0]  # 2.13.0+cpu is a 2.13.0
        except importlib.metadata.PackageNotFoundError:
            installed[name] = "missing"
    assert installed == pins()


def test_a_package_for_one_part_alone_has_its_pin_where_it_is_installed():
    text = (ROOT / "requirements-ray.txt").read_text(encoding="utf-8")
    ((name, version),) = re.findall(r"^([\w-]+)\[train\]==([\d.]+)$", text, re.MULTILINE)
    try:
        assert importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"needs {name}: python -m pip install -r requirements-ray.txt")


def test_the_pins_cover_what_the_course_stands_on():
    assert {"numpy", "torch", "tensorflow", "keras", "matplotlib", "pooch", "nbgrader", "pytest"} <= set(
        pins()
    )


def test_beside_a_cpu_build_of_torch_lies_no_package_for_a_gpu():
    version = importlib.metadata.version("torch")
    if not version.endswith("+cpu"):
        pytest.skip(f"torch {version} is not a CPU build")
    names = {(distribution.name or "").lower() for distribution in importlib.metadata.distributions()}
    assert {"torch", "numpy"} <= names
    names.discard("nvidia-ml-py")  # a few kB of Python, with which a peer of the benchmarks looks for a GPU
    assert {name for name in names if re.match(r"nvidia-|cuda|triton", name)} == set()
