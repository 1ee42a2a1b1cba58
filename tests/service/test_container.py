"""Without a container engine: the files are read, and the Dockerfile's steps run in a bare environment."""

import importlib.metadata
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import venv
from pathlib import Path

import httpx
import pytest
import yaml

from service.__main__ import GRACEFUL_SECONDS
from tests.service.serving import ROOT, ask, b64, encoded, seven, until

DOCKERFILE = ROOT / "service" / "Dockerfile"
COMPOSE = ROOT / "service" / "compose.yaml"


def instructions():
    """[(word, rest)] of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def values(word):
    return [rest for name, rest in instructions() if name == word]


def test_the_dockerfile_has_only_known_instructions_and_ends_as_another_user_than_root():
    known = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}
    assert {word for word, _ in instructions()} <= known
    assert instructions()[0][0] == "FROM"
    assert re.fullmatch(r"[a-z]+:[\w.-]+", values("FROM")[0])
    assert "latest" not in values("FROM")[0]
    (user,) = values("USER")
    assert int(user.partition(":")[0]) > 0
    words = [word for word, _ in instructions()]
    assert words.index("USER") > max(place for place, word in enumerate(words) if word in ("RUN", "COPY"))


def test_what_is_copied_is_there_and_the_command_is_the_service():
    for copied in values("COPY"):
        *sources, _ = copied.split()
        for source in sources:
            assert (ROOT / source).exists()
    (command,) = values("CMD")
    assert json.loads(command)[:3] == ["python", "-m", "service"]
    (check,) = values("HEALTHCHECK")
    assert isinstance(json.loads(check.partition("CMD ")[2]), list)


def test_its_requirements_are_the_pins_of_the_course():
    pins = dict(re.findall(r"^([\w-]+)==([\w.]+)$", (ROOT / "service/requirements.txt").read_text(), re.M))
    assert {"starlette", "uvicorn", "onnxruntime", "pillow"} <= set(pins)
    assert {name: importlib.metadata.version(name) for name in pins} == pins


def test_the_compose_file_has_both_services_on_this_machine_only():
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    assert set(services) == {"resnet", "tensorflow"}
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert all(volume.endswith(":ro") for volume in service["volumes"])
        assert "build" in service or ":" in service["image"]
    build = services["resnet"]["build"]
    assert (COMPOSE.parent / build["context"]).resolve() == ROOT
    assert ROOT / build["dockerfile"] == DOCKERFILE
    assert services["tensorflow"]["ports"][0].endswith(":8501")  # REST; 8500 is gRPC's


def test_the_compose_file_gives_the_service_no_rights_and_the_time_to_stop():
    resnet = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]["resnet"]
    assert resnet["read_only"] is True
    assert resnet["cap_drop"] == ["ALL"]
    assert resnet["security_opt"] == ["no-new-privileges:true"]
    assert resnet["mem_limit"]
    assert int(resnet["stop_grace_period"].removesuffix("s")) > GRACEFUL_SECONDS


def test_only_the_service_is_sent_to_the_builder():
    ignored = (ROOT / "service" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert [line for line in ignored if not line.startswith("#")] == [
        "*",
        "!service/",
        "service/**/__pycache__",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="the folders of an environment have other names")
def test_the_steps_of_the_dockerfile_give_a_running_service_in_a_bare_environment(tmp_path, models):
    """Only the copied files, only the packages of service/requirements.txt and what they need."""
    app, home = tmp_path / "app", tmp_path / "venv"
    app.mkdir()
    for copied in values("COPY"):
        source, target = (Path(part) for part in copied.split())
        if (ROOT / source).is_dir():
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, app / target, ignore=leave, dirs_exist_ok=True)
        else:
            (app / target).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / source, app / target)
    venv.create(home)
    # The network may be away: the packages are linked from this environment instead of being downloaded.
    packages = next((home / "lib").glob("python*/site-packages"))
    for name in closure(re.findall(r"^([\w-]+)==", (app / "service/requirements.txt").read_text(), re.M)):
        root = Path(importlib.metadata.distribution(name).locate_file(""))
        for top in {file.parts[0] for file in importlib.metadata.files(name)} - {"..", "__pycache__"}:
            if not (packages / top).exists():
                (packages / top).symlink_to(root / top)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(home / "bin" / "python"), *json.loads(values("CMD")[0])[1:]]
    command[command.index("--host") + 1], command[command.index("--port") + 1] = "127.0.0.1", str(port)
    env = {"COURSE_MODELS": str(models), "PATH": os.environ["PATH"]}
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=app, env=env, **quiet) as process:
        url, question = f"http://127.0.0.1:{port}", json.dumps({"instances": [b64(encoded(seven()))]})
        answers = []

        def answered():
            assert process.poll() is None, process.stdout.read()
            try:
                answers.append(ask(url, question).json()["predictions"][0])
            except httpx.TransportError:  # nobody listens yet
                return False
            return True

        try:
            until(answered, 60)
            assert answers[0].index(max(answers[0])) == 7
            assert "What does the model see?" in httpx.get(url, trust_env=False).text
            assert httpx.get(url + "/openapi.json", trust_env=False).json()["openapi"] == "3.1.0"
            assert checked(home, port) == 0
        finally:
            process.terminate()
            log = process.communicate(timeout=30)[0]
    assert "Traceback" not in log
    assert checked(home, port) != 0  # nobody is there any more


def checked(home, port):
    """The exit status of the Dockerfile's health check, asked at another port than in the container."""
    (check,) = values("HEALTHCHECK")
    _, *command = [part.replace("8501", str(port)) for part in json.loads(check.partition("CMD ")[2])]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run([home / "bin" / "python", *command], timeout=60, check=False, **quiet).returncode


def closure(names):
    """These packages and all that they require here."""
    found, left = set(), list(names)
    while left:
        name = left.pop()
        if name.lower() in found:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name.lower())
        left += [re.match(r"[\w.-]+", need)[0] for need in needs if "extra ==" not in need]
    return found
