"""The environment report: each fault, made for real or simulated, is seen and advised upon."""

import ast
import importlib.metadata
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helpers import doctor

ROOT = Path(doctor.__file__).resolve().parent.parent


@pytest.fixture
def requirements(tmp_path, monkeypatch) -> Path:
    """A healthy environment: no variables but a writable cache, and one pin that is met."""
    for name in ("COURSE_PROFILE", "COURSE_DEVICE", "COURSE_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "QUICK_RAM_GB", 0.0)  # the machine that tests may be a small one
    monkeypatch.setattr(doctor, "QUICK_DISK_GB", 0.0)
    path = tmp_path / "requirements.txt"
    path.write_text(f"# arrays\nnumpy=={importlib.metadata.version('numpy')}  # met\nrequests\n\n-e .\n")
    return path


@pytest.fixture
def web_server():
    """A loopback server that answers 404, at /closed to ann alone; yields its address."""

    class NotFound(BaseHTTPRequestHandler):
        def do_GET(self):
            allowed = self.headers["Authorization"] == "Basic YW5uOnMvY3JldA=="  # ann, s/cret
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{self.server.server_port}/closed")
                self.end_headers()
                return
            self.send_error(401 if self.path == "/closed" and not allowed else 404)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), NotFound)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    serving.join()
    server.server_close()


def rows_named(rows, thing: str) -> list[doctor.Row]:
    return [row for row in rows if row.thing == thing]


def assert_fails(capsys, requirements: Path, thing: str, *words: str) -> None:
    """Exit status 1, exactly one thing wrong, and one line of advice on it that holds ``words``."""
    assert doctor.main(requirements) == 1
    lines = capsys.readouterr().out.splitlines()
    marks = [line for line in lines if line.startswith("FAIL")]
    assert [line.split()[1] for line in marks] == thing.split()[:1], marks
    advice = [line for line in lines if line.startswith("DO")]
    assert len(advice) == 1, advice
    assert advice[0].startswith(f"DO  {thing}: ")
    for word in words:
        assert word in marks[0] + advice[0], (word, marks[0], advice[0])
    assert "1 wrong" in lines


def test_a_healthy_machine_has_exit_status_zero_and_nothing_to_do(requirements, capsys):
    assert doctor.main(requirements) == 0
    out = capsys.readouterr().out
    assert "FAIL" not in out
    assert "\nDO" not in out
    assert "nothing is wrong" in out


def test_every_thing_has_one_line_and_always_in_the_same_order(requirements):
    things = [row.thing for row in doctor.report(requirements)]
    assert things == [
        "Python", "numpy", "requests", "device", "precision", "cores", "RAM", "data cache", "disk",
        "data mirror", "profile", "Chinese font",
    ]  # fmt: skip
    assert things == [row.thing for row in doctor.report(requirements)]


def test_whatever_is_wrong_has_advice_on_one_line(requirements, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("COURSE_PROFILE", "fast")
    monkeypatch.setenv("COURSE_DEVICE", "tpu")
    monkeypatch.setenv("COURSE_MIRROR", "ftp://mirror")
    wrong = [row for row in doctor.report(requirements) if row.mark == "FAIL"]
    assert [row.thing for row in wrong] == ["device", "data cache", "data mirror", "profile"]
    assert all(row.advice and "\n" not in row.advice + row.found for row in wrong)


def test_an_old_python_is_wrong_and_nothing_else_is_asked_of_it(requirements, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    assert [row.thing for row in doctor.report(requirements)] == ["Python"]
    assert_fails(capsys, requirements, "Python", "the course needs 99.0", "install Python 99.0 or newer")


RUN_BY_AN_OLD_PYTHON = [ROOT / "helpers" / f"{name}.py" for name in ("__init__", "settings", "doctor")]


@pytest.mark.parametrize("path", RUN_BY_AN_OLD_PYTHON, ids=lambda path: path.name)
def test_what_an_old_python_must_read_is_written_for_it(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))
    for node in ast.walk(tree):
        hints = [getattr(node, "returns", None), getattr(node, "annotation", None)]
        new = [ast.unparse(hint) for hint in hints if isinstance(hint, (ast.Subscript, ast.BinOp))]
        assert new == [], "list[int] and int | None fail there when they are evaluated: quote them"


def test_an_old_python_runs_the_command_and_is_told_which_one_is_needed():
    old = [shutil.which(f"python3.{minor}") for minor in range(6, 11)]
    for minor in range(6, 11):
        old += Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")
    old = [
        path for path in old if path and not subprocess.run([path, "-c", ""], capture_output=True).returncode
    ]
    if not old:
        pytest.skip("no Python older than 3.11 here")
    for python in old:
        done = subprocess.run(
            [python, "-B", "-m", "helpers.doctor"], cwd=ROOT, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (1, "")
        assert "the course needs 3.11" in done.stdout


@pytest.mark.parametrize("check", ["_ram", "_cores", "_mirror", "_profile", "_disk", "_chinese_font"])
def test_a_check_that_breaks_is_one_line_and_hides_none_of_the_others(requirements, monkeypatch, check):
    things = [row.thing for row in doctor.report(requirements)]

    def broken():
        raise RuntimeError("some library's\nown fault")

    monkeypatch.setattr(doctor, check, broken)
    rows = doctor.report(requirements)
    assert [row.thing for row in rows] == things
    (unknown,) = [row for row in rows if "RuntimeError" in row.found]
    assert unknown.mark == "warn"
    assert "own fault" in unknown.found
    assert "\n" not in unknown.found


def test_a_pin_that_is_not_met_is_wrong(requirements, capsys):
    requirements.write_text("numpy==0.1\n")
    installed = importlib.metadata.version("numpy")
    assert_fails(capsys, requirements, "numpy", installed, "pinned: 0.1", "pip install numpy==0.1")


@pytest.mark.parametrize("line", ["halfdone==1.0", "halfdone"])
def test_a_half_installed_package_is_wrong(requirements, capsys, monkeypatch, tmp_path, line):
    (tmp_path / "halfdone-1.0.dist-info").mkdir()  # what an interrupted pip leaves: no METADATA in it
    monkeypatch.syspath_prepend(str(tmp_path))
    requirements.write_text(line)
    assert_fails(capsys, requirements, "halfdone", "half installed", f"--ignore-installed {line}")


def test_a_version_that_cannot_be_read_is_half_installed_too(requirements, capsys, monkeypatch):
    def broken(name):
        raise TypeError("expected str, not None")

    requirements.write_text("numpy\n")
    monkeypatch.setattr(importlib.metadata, "version", broken)
    assert_fails(capsys, requirements, "numpy", "half installed")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_requirements_as_powershell_writes_them_are_read(requirements, encoding):
    requirements.write_text("# 数组\nnumpy==0.1\n", encoding=encoding)
    (row,) = doctor._packages(requirements)
    assert (row.mark, row.thing) == ("FAIL", "numpy")
    assert "pinned: 0.1" in row.found


def test_requirements_that_are_no_text_are_wrong(requirements, capsys):
    requirements.write_bytes(b"numpy==\xff\x81\n")
    assert_fails(capsys, requirements, "requirements.txt", "cannot be read", "full copy of the course")


def test_a_missing_package_is_wrong(requirements, capsys):
    requirements.write_text("no-such-package-here==1.0\n")
    assert_fails(capsys, requirements, "no-such-package-here", "missing", "no-such-package-here==1.0")


def test_a_package_of_one_part_alone_may_be_missing_and_is_named_with_its_command(requirements, capsys):
    requirements.with_name("requirements-ray.txt").write_text("no-such-package-here[train]==1.0\n")
    assert doctor.main(requirements) == 0
    said = capsys.readouterr().out
    assert "warn  no-such-package-here" in said
    assert "only 4.4c needs it: python -m pip install -r requirements-ray.txt" in said


def test_with_several_packages_wrong_one_command_is_named_for_all(requirements, capsys):
    requirements.write_text("numpy==0.1\nscipy==0.1\n")
    assert doctor.main(requirements) == 1
    assert "python -m pip install -r requirements.txt" in capsys.readouterr().out


def test_a_build_of_the_pinned_version_meets_the_pin_and_another_build_does_not(requirements, monkeypatch):
    requirements.write_text("torch==2.13.0\n")
    for installed, mark in (("2.13.0+cu130", "ok"), ("2.13.0", "ok"), ("2.13.01", "FAIL"), ("2.13", "FAIL")):
        monkeypatch.setattr(importlib.metadata, "version", lambda name, it=installed: it)
        assert doctor._packages(requirements)[0].mark == mark, installed
    requirements.write_text("torch==2.13.0+cpu\n")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.13.0+cu130")
    assert doctor._packages(requirements)[0].mark == "FAIL"


def test_a_requirement_that_is_no_pin_is_not_silently_passed(requirements):
    requirements.write_text("numpy>=1\n")
    assert [row.mark for row in doctor._packages(requirements)] == ["warn"]


def test_missing_requirements_are_wrong(requirements, capsys):
    requirements.unlink()
    assert_fails(capsys, requirements, "requirements.txt", "full copy of the course")


def test_every_line_of_the_real_requirements_is_understood():
    rows = doctor._packages(doctor.REQUIREMENTS)
    assert len(rows) > 20
    assert not [row for row in rows if row.mark == "warn"]


def test_an_unknown_profile_is_wrong(requirements, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "fast")
    assert_fails(capsys, requirements, "profile", "'fast'", "quick or full")


@pytest.mark.parametrize(("value", "found"), [("", "quick"), ("  ", "quick"), ("full ", "full")])
def test_blanks_do_not_count_in_the_variables(requirements, monkeypatch, value, found):
    for name in ("COURSE_DEVICE", "COURSE_MIRROR"):
        monkeypatch.setenv(name, " ")
    monkeypatch.setenv("COURSE_PROFILE", value)
    monkeypatch.setenv("COURSE_DATA_DIR", os.environ["COURSE_DATA_DIR"] + " ")
    rows = doctor.report(requirements)
    assert rows_named(rows, "profile") == [doctor.Row("ok", "profile", found)]
    assert [row.thing for row in rows if row.mark == "FAIL"] == []
    assert "is not set" in rows_named(rows, "data mirror")[0].found
    assert "cache (is made" in rows_named(rows, "data cache")[0].found


def test_an_unknown_device_is_wrong(requirements, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "tpu")
    assert_fails(capsys, requirements, "device", "'tpu'", "cuda, mps, xpu, cpu")


def test_an_unknown_device_is_wrong_even_where_torch_is_missing(requirements, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "tpu")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert_fails(capsys, requirements, "device", "'tpu'")


def test_a_device_that_is_not_there_is_wrong(requirements, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cuda:99")
    if doctor._device()[0].mark == "ok":
        pytest.skip("this machine has a hundred CUDA devices")
    assert_fails(capsys, requirements, "device", "'cuda:99'")


def test_the_device_asked_for_is_reported_with_its_reason(requirements, monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    rows = doctor.report(requirements)
    assert rows_named(rows, "device")[0].found == "cpu (asked for)"
    assert rows_named(rows, "precision")[0].found.startswith("float32 (")


@pytest.mark.parametrize("error", ["OSError", "ImportError", "RuntimeError", "AttributeError", "ValueError"])
def test_a_torch_that_does_not_load_is_wrong(requirements, capsys, monkeypatch, tmp_path, error):
    (tmp_path / "torch.py").write_text(f"raise {error}('a library it needs was not found')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert_fails(capsys, requirements, "device", "a library it needs was not found", "reinstall")


@pytest.mark.parametrize("module", ["torch", "helpers.device", "psutil", "pooch", "helpers.plotting"])
def test_a_missing_module_leaves_one_thing_unknown_and_the_report_whole(requirements, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)  # so that importing it fails
    monkeypatch.delenv("COURSE_DATA_DIR")
    rows = doctor.report(requirements)
    unknown = [row for row in rows if "is missing" in row.found]
    assert [(row.mark, row.found) for row in unknown] == [("warn", f"not known, because {module} is missing")]
    assert rows[-1].thing == "Chinese font"


def test_without_requests_the_mirror_is_one_thing_unknown(requirements, monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    monkeypatch.setenv("COURSE_MIRROR", "http://mirror")
    (row,) = rows_named(doctor.report(requirements), "data mirror")
    assert (row.mark, row.found) == ("warn", "not known, because requests is missing")


def test_too_little_memory_is_wrong(requirements, capsys, monkeypatch):
    memory = namedtuple("memory", "total available")(int(4e9), int(1e9))
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    monkeypatch.setattr(doctor, "QUICK_RAM_GB", 2.0)
    assert_fails(capsys, requirements, "RAM", "1.0 GB available of 4.0 GB", "may need 2 GB")


def test_the_limit_of_a_container_counts_as_its_memory(requirements, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "_container_bytes", lambda: 1.5e9)
    monkeypatch.setattr(doctor, "QUICK_RAM_GB", 2.0)
    assert_fails(capsys, requirements, "RAM", "of 1.5 GB")


def test_a_full_disk_is_wrong_and_a_nearly_full_one_is_noted(requirements, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor, "QUICK_DISK_GB", 1.0)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(0, 0, int(3e9)))
    assert rows_named(doctor.report(requirements), "disk")[0].mark == "warn"
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(0, 0, int(2e8)))
    assert_fails(capsys, requirements, "disk", "0.2 GB free", "make room")


def test_a_cache_below_a_file_is_wrong(requirements, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "file" / "cache"))
    assert_fails(capsys, requirements, "data cache", doctor._short(tmp_path / "file"), "set COURSE_DATA_DIR")


def test_paths_below_the_home_folder_do_not_tell_whose_it_is(requirements, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("os.path.expanduser", lambda path: str(tmp_path) if path == "~" else path)
    doctor.main(requirements)
    out = capsys.readouterr().out
    assert str(tmp_path) not in out
    assert f"~{os.sep}cache" in out


def read_only(monkeypatch, folder: Path) -> None:
    """Nothing can be written in ``folder``: nobody can forbid it to root, so the attempt is made to fail."""

    def refuse(dir=None, **options):
        if Path(dir).is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(dir))
        return tempfile_of_the_system(dir=dir, **options)

    tempfile_of_the_system = doctor.tempfile.TemporaryFile
    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)


def fill(cache: Path, *sets: str) -> None:
    """Put empty files in the cache under the names that the manifest gives."""
    described = tomllib.loads((ROOT / "data" / "datasets.toml").read_text(encoding="utf-8"))
    for name in sets:
        for file in described[name]["files"]:
            (cache / name).mkdir(parents=True, exist_ok=True)
            (cache / name / file["name"]).touch()


def test_a_cache_without_permission_is_wrong(requirements, capsys, monkeypatch, tmp_path):
    (tmp_path / "closed").mkdir()
    read_only(monkeypatch, tmp_path / "closed")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "closed" / "cache"))
    assert_fails(capsys, requirements, "data cache", "closed", "Permission denied", "set COURSE_DATA_DIR")
    assert rows_named(doctor.report(requirements), "disk")[0].found.endswith("GB free for temporary files")


def test_a_filled_cache_that_can_only_be_read_is_in_order_and_says_what_it_has(
    requirements, capsys, monkeypatch, tmp_path
):
    fill(tmp_path / "cache", "tinyshakespeare", "weibo-ner", "cmn-eng")
    (tmp_path / "cache" / "cmn-eng" / "unpacked").mkdir()
    fill(tmp_path / "cache", "ml-latest-small")  # a zip that was never unpacked: nobody can do it here now
    fill(tmp_path / "cache", "fashion-mnist")
    next((tmp_path / "cache" / "fashion-mnist").iterdir()).unlink()
    read_only(monkeypatch, tmp_path / "cache")
    (row,) = rows_named(doctor.report(requirements), "data cache")
    assert row.mark == "ok"
    assert row.found.endswith("cannot be written, has tinyshakespeare, cmn-eng, weibo-ner")
    assert "other sets" in row.advice
    assert doctor.main(requirements) == 0
    assert "\nDO" not in capsys.readouterr().out


@pytest.mark.parametrize("closed", [".", "tinyshakespeare", "tinyshakespeare/input.txt"])
@pytest.mark.parametrize("writable", [True, False])
def test_a_cache_that_its_owner_alone_can_read_is_wrong(
    requirements, capsys, monkeypatch, tmp_path, closed, writable
):
    fill(tmp_path / "cache", "tinyshakespeare")
    if not writable:
        read_only(monkeypatch, tmp_path / "cache")
    shut = tmp_path / "cache" / closed
    wanted = os.X_OK if shut.is_dir() else os.R_OK
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (shut, wanted))
    assert_fails(capsys, requirements, "data cache", "cannot be read", "chmod -R a+rX", "COURSE_DATA_DIR")


def test_a_folder_of_nobody_is_wrong(requirements, capsys, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_DIR", "~nosuchuser/cache")
    assert_fails(capsys, requirements, "data cache", "~nosuchuser/cache", "set COURSE_DATA_DIR to a path")


@pytest.mark.skipif(os.name == "nt", reason="Windows knows the home folder without HOME")
def test_a_user_without_a_home_is_told_to_name_a_folder(requirements, capsys, monkeypatch):
    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "XDG_CACHE_HOME", "COURSE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert_fails(capsys, requirements, "data cache", "no home folder", "set COURSE_DATA_DIR to a path")
    assert len(doctor.report(requirements)) == 12


def test_looking_at_the_cache_makes_nothing(requirements, tmp_path):
    assert rows_named(doctor.report(requirements), "data cache")[0].found == (
        f"{doctor._short(tmp_path / 'cache')} (is made at the first download)"
    )
    assert list(tmp_path.iterdir()) == [requirements]


def test_without_a_mirror_no_network_is_touched(requirements, monkeypatch):
    def touched(*arguments, **named):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", touched)
    monkeypatch.setattr(socket, "getaddrinfo", touched)
    assert rows_named(doctor.report(requirements), "data mirror")[0].mark == "ok"


def test_a_mirror_that_answers_anything_is_there(requirements, monkeypatch, web_server):
    monkeypatch.setenv("COURSE_MIRROR", f"{web_server}数据/")
    assert doctor._mirror() == doctor.Row("ok", "data mirror", f"{web_server}数据 answers")
    assert doctor.main(requirements) == 0


def test_a_mirror_with_user_and_password_answers_and_the_password_is_never_shown(
    requirements, capsys, monkeypatch, web_server
):
    monkeypatch.setenv("COURSE_MIRROR", web_server.replace("//", "//ann:s%2Fcret@") + "closed")
    assert doctor.main(requirements) == 0
    monkeypatch.setenv("COURSE_MIRROR", web_server.replace("//", "//ann:s%2Fcrat@") + "closed")
    assert doctor.main(requirements) == 1
    out = capsys.readouterr().out
    assert f"{web_server}closed answers" in out
    assert f"{web_server}closed does not answer: 401" in out
    for secret in ("ann", "s%2Fcr", "s/cr"):
        assert secret not in out.replace("cannot", "")


def test_the_password_of_a_mirror_is_not_passed_on_to_another_address(requirements, monkeypatch, web_server):
    monkeypatch.setenv("COURSE_MIRROR", web_server.replace("//", "//ann:s%2Fcret@") + "moved")
    row = doctor._mirror()
    assert row.mark == "FAIL", "a mirror that moved is asked there without the password: 401"
    assert "401" in row.found


@pytest.mark.parametrize(
    "url",
    [
        "http://ann:secret@127.0.0.1:1",
        "http://ann:sec/secret@host",
        "http://ann:secret@[::1",
        "http://ann:secret@host:port",
        "ann:secret@host",
        "ann:one@secret@host",
        "ftp://ann:secret@host",
        "http://ann:one@secret@127.0.0.1:1",
    ],
)
def test_the_password_of_a_mirror_that_does_not_answer_is_not_shown_either(
    requirements, capsys, monkeypatch, url
):
    monkeypatch.setattr(doctor, "MIRROR_SECONDS", 1.0)
    monkeypatch.setenv("COURSE_MIRROR", url)
    assert doctor.main(requirements) == 1
    assert "secret" not in capsys.readouterr().out


def test_a_mirror_on_a_closed_port_is_wrong(requirements, capsys, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: nobody else can open this port meanwhile
        monkeypatch.setenv("COURSE_MIRROR", f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert_fails(capsys, requirements, "data mirror", "does not answer", "start the mirror")


def test_a_mirror_that_takes_the_call_and_says_nothing_is_wrong(requirements, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "MIRROR_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("COURSE_MIRROR", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert_fails(capsys, requirements, "data mirror", "does not answer", "or unset it")


def test_a_mirror_whose_name_is_looked_up_for_ever_is_given_up(requirements, capsys, monkeypatch):
    looked_up = threading.Event()

    def for_ever(url, **options):
        looked_up.wait(60)
        raise OSError("unknown name")

    monkeypatch.setattr(doctor, "MIRROR_SECONDS", 0.1)
    monkeypatch.setattr("requests.get", for_ever)
    monkeypatch.setenv("COURSE_MIRROR", "http://mirror")
    started = time.monotonic()
    try:
        assert_fails(capsys, requirements, "data mirror", "no answer within 0.1 s")
    finally:
        looked_up.set()
    assert time.monotonic() - started < 30


def test_a_failure_without_words_is_not_taken_for_an_answer(requirements, capsys, monkeypatch):
    def fails(url, **options):
        raise OSError

    monkeypatch.setattr("requests.get", fails)
    monkeypatch.setenv("COURSE_MIRROR", "http://mirror")
    assert_fails(capsys, requirements, "data mirror", "does not answer: OSError")


@pytest.mark.parametrize(
    "url", ["ftp://mirror", "file:///mirror", "mirror:8000", "C:\\mirror", "http://[broken"]
)
def test_a_mirror_that_is_no_web_address_is_wrong(requirements, capsys, monkeypatch, url):
    monkeypatch.setenv("COURSE_MIRROR", url)
    assert_fails(capsys, requirements, "data mirror", url, "COURSE_MIRROR")


@pytest.mark.parametrize("system", ["Linux", "Darwin", "Windows", "Plan9"])
def test_a_missing_chinese_font_is_a_note_with_advice_for_the_system(requirements, monkeypatch, system):
    monkeypatch.setattr("helpers.plotting.CJK_FONTS", ("no such font",))
    monkeypatch.setattr(doctor.platform, "system", lambda: system)
    row = doctor._chinese_font()
    assert row.mark == "warn"
    assert doctor.FONT_ADVICE.get(system, "Noto Sans CJK") in row.advice
    assert doctor.main(requirements) == 0


def test_a_chinese_font_that_is_there_is_named(monkeypatch):
    monkeypatch.setattr("helpers.plotting.CJK_FONTS", ("no such font", "DejaVu Sans"))  # always there
    assert doctor._chinese_font() == doctor.Row("ok", "Chinese font", "DejaVu Sans")


def run(*python_arguments: str, **environment: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COURSE_")}
    return subprocess.run(
        [sys.executable, *python_arguments],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        timeout=120,
    )


def test_the_command_survives_an_environment_with_no_packages_and_a_narrow_console(tmp_path):
    done = run("-S", "-m", "helpers.doctor", PYTHONIOENCODING="ascii", COURSE_DATA_DIR=str(tmp_path / "数据"))
    assert done.returncode == 1
    assert done.stderr == b""
    lines = done.stdout.decode("ascii").splitlines()
    assert any(line.startswith("FAIL  torch") for line in lines)
    assert any(line.startswith("DO  torch: python -m pip install torch==") for line in lines)
    assert r"\u6570\u636e" in done.stdout.decode("ascii")


def test_help_is_shown_and_nothing_else_is_done():
    done = run("-m", "helpers.doctor", "--help")
    assert done.returncode == 0
    assert b"usage: python -m helpers.doctor" in done.stdout
    assert b"marked ok, warn or FAIL" in done.stdout
    assert b"data cache" not in done.stdout
    assert run("-m", "helpers.doctor", "--hlep").returncode == 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_what_a_console_cannot_show_is_printed_as_a_code_and_stops_nobody(encoding):
    code = "from helpers import check_true; check_true('3 − 1 = 2, …, 数', True)"
    done = run("-c", code, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"ok   3 \u2212 1 = 2, " in done.stdout
    assert rb"\u6570" in done.stdout


@pytest.mark.parametrize("module", ["helpers", "exercises", "tools.notebooks"])
def test_each_room_prints_whatever_the_console_shows(module):
    done = run("-c", f"import {module}; print('−')", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout.strip()) == (0, rb"\u2212")


def test_the_command_never_imports_tensorflow(tmp_path):
    code = (
        "import sys; from helpers import doctor; doctor.report(); "
        "print({'tensorflow', 'keras', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = run("-c", code, COURSE_DATA_DIR=str(tmp_path))
    assert done.stdout.split() == [b"set()"], done
