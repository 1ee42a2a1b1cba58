"""The environment report: each fault, made for real or simulated, is seen and advised upon."""

import importlib.metadata
import os
import socket
import subprocess
import sys
import threading
import time
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
    """A loopback server that answers 404 to everything; yields its address."""

    class NotFound(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

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


def test_an_old_python_is_wrong(requirements, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    assert_fails(capsys, requirements, "Python", "install Python 99.0 or newer")


def test_a_pin_that_is_not_met_is_wrong(requirements, capsys):
    requirements.write_text("numpy==0.1\n")
    installed = importlib.metadata.version("numpy")
    assert_fails(capsys, requirements, "numpy", installed, "pinned: 0.1", "pip install numpy==0.1")


def test_a_missing_package_is_wrong(requirements, capsys):
    requirements.write_text("no-such-package-here==1.0\n")
    assert_fails(capsys, requirements, "no-such-package-here", "missing", "no-such-package-here==1.0")


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


def test_the_doctor_knows_the_profiles_and_devices_that_the_notebooks_know():
    from helpers import device

    assert doctor.PROFILES == device.PROFILES
    assert doctor.DEVICES == device.DEVICES


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


def test_a_torch_that_does_not_load_is_wrong(requirements, capsys, monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text("raise OSError('a library it needs was not found')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert_fails(capsys, requirements, "device", "a library it needs was not found", "reinstall")


@pytest.mark.parametrize("module", ["torch", "helpers.device", "psutil", "helpers.data", "helpers.plotting"])
def test_a_missing_module_leaves_one_thing_unknown_and_the_report_whole(requirements, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)  # so that importing it fails
    monkeypatch.delenv("COURSE_DATA_DIR")
    rows = doctor.report(requirements)
    unknown = [row for row in rows if "is missing" in row.found]
    assert [(row.mark, row.found) for row in unknown] == [("warn", f"not known, because {module} is missing")]
    assert rows[-1].thing == "Chinese font"


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


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user who may not write")
def test_a_cache_without_permission_is_wrong(requirements, capsys, monkeypatch, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "closed" / "cache"))
    assert_fails(capsys, requirements, "data cache", "closed", "set COURSE_DATA_DIR")


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
    monkeypatch.setenv("COURSE_MIRROR", web_server)
    assert doctor._mirror(web_server) == doctor.Row("ok", "data mirror", f"{web_server} answers")
    assert doctor.main(requirements) == 0


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

    def for_ever(url, timeout):
        looked_up.wait(60)
        raise OSError("unknown name")

    monkeypatch.setattr(doctor, "MIRROR_SECONDS", 0.1)
    monkeypatch.setattr("urllib.request.urlopen", for_ever)
    monkeypatch.setenv("COURSE_MIRROR", "http://mirror")
    started = time.monotonic()
    try:
        assert_fails(capsys, requirements, "data mirror", "no answer within 0.1 s")
    finally:
        looked_up.set()
    assert time.monotonic() - started < 30


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


def test_the_command_never_imports_tensorflow(tmp_path):
    code = (
        "import sys; from helpers import doctor; doctor.report(); "
        "print({'tensorflow', 'keras', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = run("-c", code, COURSE_DATA_DIR=str(tmp_path))
    assert done.stdout.split() == [b"set()"], done
