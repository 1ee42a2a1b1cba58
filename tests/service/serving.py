"""What the tests of the service share: a model, the service on a free port, pictures."""

import base64
import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image

from service.app import Limits, create_app
from service.protocol import TimelyProtocol

ROOT = Path(__file__).resolve().parents[2]
MODEL = "/v1/models/resnet"
# Set, the contract is tested there, on a TensorFlow Serving say, instead of on our service in this process.
ELSEWHERE = os.environ.get("COURSE_SERVICE_URL")


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """A folder with one version of a small ResNet, trained on the digits as ``make serve`` does.

    COURSE_MODELS names one that was made before: `COURSE_MODELS=build/models pytest tests/service`.
    """
    if os.environ.get("COURSE_MODELS"):
        return Path(os.environ["COURSE_MODELS"]).absolute()
    folder = tmp_path_factory.mktemp("models")
    command = [sys.executable, "-m", "service.make_model", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def two_versions(models, tmp_path) -> Path:
    """A folder with the versions 1 and 3, of which 1 is labelled stable; 2 is not whole, so not there."""
    folder = tmp_path / "models"
    for version in ("1", "3"):
        shutil.copytree(models / "resnet" / "1", folder / "resnet" / version)
    (folder / "resnet" / "2").mkdir()
    (folder / "resnet" / "labels.json").write_text('{"stable": 1}')
    return folder


@dataclass
class Running:
    """A service in this process: where it listens, and what its requests share."""

    url: str
    service: object
    server: uvicorn.Server

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextlib.contextmanager
def run_service(folder, limits=None, header_seconds=10):
    """The service on a free port of loopback, by uvicorn in a thread."""
    app = create_app(folder, limits or Limits())
    protocol = type("Protocol", (TimelyProtocol,), {"header_seconds": header_seconds})
    as_started = {"loop": "asyncio", "ws": "none", "timeout_graceful_shutdown": 60}
    config = uvicorn.Config(app, http=protocol, log_level="critical", **as_started)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        until(lambda: server.started or not thread.is_alive())
        try:
            yield Running(f"http://127.0.0.1:{port}", app.state.service, server)
        finally:
            server.should_exit = True
            thread.join()


def until(true, seconds=30):
    """Wait for a condition; fails if it does not come true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        threading.Event().wait(0.005)


@pytest.fixture(scope="session")
def running(models):
    if ELSEWHERE:
        pytest.skip("looks inside the service, which COURSE_SERVICE_URL puts elsewhere")
    with run_service(models) as running:
        yield running


@pytest.fixture(scope="session")
def client(request):
    """An HTTP client for the service in this process, or for the one at COURSE_SERVICE_URL."""
    url = ELSEWHERE or request.getfixturevalue("running").url
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def digits():
    """Twenty pictures (20, 28, 28) uint8 as the model knows them, and their labels (20,)."""
    from service.digits import digit_pictures

    pictures, labels = digit_pictures("test")
    return np.round(pictures[:20, 0] * 255).astype(np.uint8), labels[:20]


def encoded(pixels, kind="PNG", **options) -> bytes:
    """Pixels or a Pillow image as a file of this kind."""
    file = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(file, kind, **options)
    return file.getvalue()


def b64(data: bytes) -> dict:
    return {"b64": base64.b64encode(data).decode()}
