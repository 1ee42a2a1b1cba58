"""What the tests of the service share: a model, the service on a free port, pictures."""

import base64
import contextlib
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest
import uvicorn
from PIL import Image, ImageDraw

from service.app import create_app
from service.limits import Limits
from service.protocol import TimelyProtocol

ROOT = Path(__file__).resolve().parents[2]
MODEL = "/v1/models/resnet"
EPOCHS = 24  # of the model of these tests; after 12 it misread a sample on one processor
NO_TLS = False  # reading the certificates takes longer than a request, and everything here is plain HTTP
# Set, the contract is tested there, on a TensorFlow Serving say, instead of on our service in this process.
ELSEWHERE = os.environ.get("COURSE_SERVICE_URL")


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """A folder with one version of a small ResNet, trained as ``make serve`` does, but for a few epochs only.

    COURSE_MODELS names one that was made before: `COURSE_MODELS=build/models pytest tests/service`.
    """
    if os.environ.get("COURSE_MODELS"):
        return Path(os.environ["COURSE_MODELS"]).absolute()
    folder = tmp_path_factory.mktemp("models")
    command = [sys.executable, "-m", "service.make_model", str(folder), "--epochs", str(EPOCHS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


# A model whose answers can be worked out by hand: it sees x = (value - 0.4) / 0.2, and its logits are ln 2
# times 0, x[0, 0], x[0, 2] and x[1, 0]. Of the values HAND these x are 1, 2 and -1, e to the power of the
# logits is 1, 2, 4 and 1/2, and the probabilities are that over its sum, 7.5.
HAND = [[0.6, 0.0, 0.8], [0.2, 1.0, 0.4]]
BY_HAND = [2 / 15, 4 / 15, 8 / 15, 1 / 15]


def hand_made(folder, version=1, *, classes="abcd", scale=1.0, spoil=None, **changed) -> Path:
    """Write that model to ``folder``, its logits times ``scale``; returns the folder of the version.

    ``spoil`` is called with the weights (6, 4) before they are written, ``changed`` goes into "input" of the
    metadata.
    """
    weights = np.zeros((6, 4), dtype=np.float32)
    for column, pixel in ((1, 0), (2, 2), (3, 3)):  # pixels row by row, 3 in a row
        weights[pixel, column] = scale * np.log(2)
    if spoil:
        spoil(weights)
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Flatten", ["pictures"], ["flat"]),
            onnx.helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "by hand",
        [onnx.helper.make_tensor_value_info("pictures", onnx.TensorProto.FLOAT, ["N", 1, 2, 3])],
        [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", 4])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    home = Path(folder) / "resnet" / str(version)
    home.mkdir(parents=True)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, home / "model.onnx")
    shape = {"height": 2, "width": 3, "channels": 1, "mean": [0.4], "std": [0.2], "ink": "any"}
    card = {
        "name": "resnet",
        "classes": list(classes),
        "trained_on": "nothing",
        "input": {**shape, **changed},
    }
    (home / "metadata.json").write_text(json.dumps(card))
    return home


@pytest.fixture
def by_hand(tmp_path):
    """The service with the model whose answers are known by hand, started for this test alone."""
    hand_made(tmp_path)
    with run_service(tmp_path) as running:
        yield running


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
    thread: threading.Thread

    def stop(self):
        """End it as SIGTERM would, and wait for that; what it counted can be read afterwards."""
        self.server.should_exit = True
        self.thread.join()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextlib.contextmanager
def run_service(folder, limits=None, header_seconds=10):
    """The service on a free port of loopback, by uvicorn in a thread."""
    app = create_app(folder, limits or Limits())
    protocol = type("Protocol", (TimelyProtocol,), {"header_seconds": header_seconds})
    as_started = {"loop": "asyncio", "ws": "none", "timeout_graceful_shutdown": 60}
    config = uvicorn.Config(app, http=protocol, log_config=None, log_level="error", **as_started)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        until(lambda: server.started or not thread.is_alive())
        running = Running(f"http://127.0.0.1:{port}", app.state.service, server, thread)
        try:
            yield running
        finally:
            running.stop()


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


# ---- the service in this process, its model held by a gate


class Gate:
    """A model that works only while the gate is open; remembers the sizes of its batches."""

    def model(self, rows):
        return rows + 1

    def __init__(self, open=False):
        self.gate, self.entered, self.sizes = threading.Event(), threading.Event(), []
        if open:
            self.gate.set()

    def __call__(self, rows):
        self.sizes.append(len(rows))
        self.entered.set()
        self.gate.wait(30)
        return self.model(rows)


@pytest.fixture
def gated(models):
    """Start a service whose model, one run at a time, works only while a gate is open: (running, model)."""
    opened = []

    def start(**limits):
        running = run_service(models, Limits(**{"runs": 1, **limits}))
        started = running.__enter__()
        (batcher,) = started.service.batchers.values()
        model, batcher.run = batcher.run, Gate()
        batcher.run.model = model
        opened.append((running, batcher.run))
        return started, batcher.run

    yield start
    for running, model in opened:
        model.gate.set()
        running.__exit__(None, None, None)


@pytest.fixture
def question(digits):
    return json.dumps({"instances": [b64(encoded(digits[0][0]))]}).encode()


# ---- asking


def connected(running):
    return socket.create_connection(("127.0.0.1", running.port), timeout=30)


def ask(url, body, path=f"{MODEL}:predict"):
    return httpx.post(url + path, content=body, timeout=60, trust_env=False, verify=NO_TLS)


def start_command(*arguments):
    """`python -m service` on a free port: the process and its address, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "service", "--port", str(port), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def answers():
        assert process.poll() is None, process.stdout.read()
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(answers, 60)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return process, f"http://127.0.0.1:{port}"


# ---- pictures, good and hostile


def seven(size=(200, 240), paper=255, ink=0, mode="L"):
    """A drawn 7, which looks different turned or mirrored.

    With a hook and a bar across, as most of the sevens that the model learns from: it is sure of these. One
    without is half a 3 to it, and which of the two comes out may differ from machine to machine.
    """
    image = Image.new(mode, size, paper)
    width, height = size
    for stroke in ([(0.25, 0.3), (0.25, 0.2), (0.75, 0.2), (0.45, 0.85)], [(0.38, 0.52), (0.78, 0.52)]):
        points = [(x * width, y * height) for x, y in stroke]
        ImageDraw.Draw(image).line(points, ink, width // 10)
    return image


def png_of(width, height):
    """A PNG that says it has this size, with next to nothing in it."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


def bombs():
    size = struct.pack("<HH", 50_000, 50_000)
    jpeg = bytearray(encoded(Image.new("L", (8, 8)), "JPEG"))
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = struct.pack(">HH", 50_000, 50_000)
    bmp = bytearray(encoded(Image.new("L", (8, 8)), "BMP"))
    bmp[18:26] = struct.pack("<ii", 50_000, 50_000)
    return {
        "PNG": png_of(50_000, 50_000),
        "JPEG": bytes(jpeg),
        "BMP": bytes(bmp),
        "GIF": b"GIF89a" + size + b"\x80\0\0" + b"\0" * 6 + b",\0\0\0\0" + size + b"\0\x02\x02L\x01\0;",
        "just above": png_of(5_001, 5_000),
        "between Pillow's own two limits": png_of(12_000, 10_000),
    }
