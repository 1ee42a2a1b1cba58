"""For section 8.2: a network to serve, pictures as clients send them, the service as a process."""

import asyncio
import atexit
import base64
import io
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from matplotlib import pyplot as plt
from PIL import Image, ImageDraw
from torch.nn import functional as F

from helpers.chapters.resnet import ResNet, export_onnx, write_card
from helpers.checkpoints import load_checkpoint
from helpers.data import class_names, load_data
from helpers.device import seed_everything
from helpers.feeding import batches
from helpers.plotting import show_images
from helpers.training import fit
from service.app import create_app
from service.digits import digit_pictures
from service.limits import Limits

ROOT = Path(__file__).resolve().parents[2]
PREDICT = "/v1/models/resnet:predict"
COUNTERS = "service_batch_pictures_sum", "service_batch_pictures_count"  # pictures run, runs of the model


# ---- a network to serve ----------------------------------------------------------------------------------


def pictures(data: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, 1, 28, 28) float32 in 0 … 1, light on dark, and labels (N,)."""
    X, y = digit_pictures(split) if data == "digits" else load_data(data, split)
    return np.asarray(X, dtype=np.float32), np.asarray(y)


# For each data set: the network (for clothes, that of 8.1's full run), and how a picture is to be laid out.
NETWORKS = {
    "digits": {"blocks": (1, 1, 1), "widths": (8, 16, 32), "epochs": 6},
    "fashion-mnist": {"blocks": (2, 2, 2), "widths": (24, 64, 128), "epochs": 2},
}
INKS = {"digits": "light on dark", "fashion-mnist": "light on dark, filling"}


def network_to_serve(
    data: str, trained: Path | None = None, n_train: int = 10_000, **changed: Any
) -> tuple[ResNet, float, float]:
    """A network trained for a moment as in section 8.1 -> (network, mean and spread of its training pixels).

    ``trained`` names a checkpoint of 8.1, which is taken instead if it is there. A line says which it was.
    ``changed`` replaces blocks, widths or epochs of NETWORKS.
    """
    blocks, widths, epochs = (NETWORKS[data] | changed).values()
    X, y = pictures(data, "train")
    generator = seed_everything(0)
    network = ResNet(blocks, widths, channels=1, classes=10)
    if trained is not None and trained.exists():
        load_checkpoint(trained, network)
        print("the weights of section 8.1")
        return network.cpu().eval(), float(X.mean()), float(X.std())
    X, y = X[:n_train], y[:n_train]
    mean, std = float(X.mean()), float(X.std())
    feed = batches((X - mean) / std, y, batch_size=64, shuffle=True, generator=generator)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=epochs * len(feed))
    fit(network, feed, F.cross_entropy, optimizer, epochs=epochs, schedule=rate, device="cpu")
    print(f"trained on {len(X):,} pictures of {data}, {epochs} epochs")
    return network.cpu().eval(), mean, std


def write_model(folder: Path, net: ResNet, mean: float, std: float, data: str) -> dict:
    """Write a version to ``folder``, as section 8.2a does: model.onnx and the card beside it -> the card."""
    shape = {"height": 28, "width": 28, "channels": 1}
    example = (torch.as_tensor(pictures(data, "test")[0][:2]) - mean) / std
    export_onnx(net, folder / "model.onnx", example)
    card = {
        "name": "resnet",
        "classes": list(class_names(data)),
        "trained_on": data,
        "input": {**shape, "mean": [mean], "std": [std], "ink": INKS[data]},
    }
    write_card(folder, card)
    return card


# ---- pictures as clients send them -----------------------------------------------------------------------


def png(values: np.ndarray, **options: object) -> bytes:
    """Values (H, W) in 0 … 1 -> the bytes of a PNG."""
    file = io.BytesIO()
    Image.fromarray(np.round(values * 255).astype(np.uint8)).save(file, "PNG", **options)
    return file.getvalue()


def drawn(lines: Sequence[Sequence[tuple[int, int]]], pen: int = 24) -> bytes:
    """Lines, each through its points (x, y), dark on a white sheet (280, 280) -> the bytes of a PNG."""
    sheet = Image.new("L", (280, 280), 255)
    pencil = ImageDraw.Draw(sheet)
    for points in lines:
        pencil.line(points, fill=0, width=pen)
        for x, y in points:  # round ends and corners
            pencil.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=0)
    return png(np.asarray(sheet) / 255)


def _on_a_sheet(values: np.ndarray) -> bytes:
    """Light on dark (28, 28) -> dark on light, 110 pixels in one corner of a sheet of 280."""
    sheet, small = Image.new("L", (280, 280), 0), Image.fromarray(np.round(values * 255).astype(np.uint8))
    sheet.paste(small.resize((110, 110), Image.Resampling.BICUBIC), (20, 140))
    return png(1 - np.asarray(sheet) / 255)


def _turned(values: np.ndarray) -> bytes:
    """Turned by 90 degrees, with a note that says so: EXIF orientation 6, turn me clockwise."""
    note = Image.Exif()
    note[0x0112] = 6
    return png(np.rot90(values), exif=note)


def _transparent(values: np.ndarray) -> bytes:
    """Black ink on a transparent ground: what a canvas exports."""
    ink = np.round(values * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.stack([0 * ink, 0 * ink, 0 * ink, ink], axis=-1)).save(file, "PNG")
    return file.getvalue()


# How five clients send one picture, values (28, 28) in 0 … 1, light on dark: -> the bytes of a PNG.
CLIENTS: dict[str, Callable[[np.ndarray], bytes]] = {
    "as in training": png,
    "dark on light": lambda values: png(1 - values),
    "a large sheet": _on_a_sheet,
    "turned, with a note": _turned,
    "transparent": _transparent,
}


# A drawing for the model of each data set: (the class that is meant, the bytes of a PNG).
DRAWINGS: dict[str, tuple[str, bytes]] = {
    "digits": ("7", drawn([[(70, 60), (210, 60), (120, 240)], [(105, 150), (200, 150)]])),
    "fashion-mnist": ("Trouser", drawn([[(115, 230), (115, 50), (165, 50), (165, 230)]], pen=40)),
}


def with_size(file: bytes, width: int, height: int) -> bytes:
    """A PNG (bytes) whose header says another size: a decompression bomb."""
    header = b"IHDR" + struct.pack(">II", width, height) + file[24:29]
    return file[:12] + header + struct.pack(">I", zlib.crc32(header)) + file[33:]


def shown(file: bytes, side: int = 84) -> np.ndarray:
    """What a person sees of a picture (bytes), on white: values (side, side) in 0 … 1."""
    image = Image.open(io.BytesIO(file)).convert("RGBA")
    white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(white.convert("L").resize((side, side))) / 255


# ---- the service -----------------------------------------------------------------------------------------


def start_service(models: str | Path, *options: str) -> tuple[subprocess.Popen, httpx.Client]:
    """Start ``python -m service`` on a free port -> (process, client), as soon as it is up.

    Raises RuntimeError with the end of its log if it is not up in a minute. It ends with this process.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # 0: any port that is free
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "service", "--models", str(models), "--port", str(port), *options]
    with tempfile.NamedTemporaryFile("w", prefix="course-service-", suffix=".log", delete=False) as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    log = Path(log.name)
    atexit.register(log.unlink, missing_ok=True)
    atexit.register(process.kill)
    client = client_of(f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if client.get("/healthz").status_code == 200:
                return process, client
        except httpx.TransportError:  # nobody listens yet
            pass
        time.sleep(0.1)
    process.kill()
    client.close()
    raise RuntimeError(f"the service did not start: {log.read_text()[-500:]}")


def client_of(url: str | httpx.URL) -> httpx.Client:
    """A client of the service at an address of this machine; it waits for an answer for a minute."""
    return httpx.Client(base_url=url, timeout=60, trust_env=False, verify=False)  # plain HTTP: no TLS


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for a condition. Raises TimeoutError if it does not come true."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.02)


def metrics(client: httpx.Client) -> dict[str, float]:
    """The counters of a service now: {name with labels: value}."""
    lines = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def asking(*files: bytes) -> dict:
    """The body of a predict request for these files, as a dictionary."""
    return {"instances": [{"b64": base64.b64encode(file).decode("ascii")} for file in files]}


def at_once(client: httpx.Client, bodies: Sequence[dict], clients: int) -> tuple[list, list[float]]:
    """Post each body in a request of its own, by so many clients at once -> answers, seconds of each."""

    def one(body: dict) -> tuple[httpx.Response, float]:
        started = time.perf_counter()
        answer = client.post(PREDICT, json=body)
        return answer, time.perf_counter() - started

    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(one, bodies))
    return [answer for answer, _ in done], [seconds for _, seconds in done]


async def flood(models: str | Path, question: dict, requests: int, waiting: int) -> tuple[list, list]:
    """So many requests at once while the model stands still: (answers meanwhile, answers afterwards).

    The application itself, without a network, with one run of the model at a time and room for ``waiting``
    pictures. The model goes on as soon as nobody new is answered: when those who cannot wait were refused.
    """
    app = create_app(models, Limits(waiting_pictures=waiting, runs=1))
    batcher = app.state.service.batchers[max(app.state.service.batchers)]
    run, stuck, go_on = batcher.run, threading.Event(), threading.Event()
    batcher.run = lambda rows: (stuck.set(), go_on.wait(60), run(rows))[-1]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        tasks = [asyncio.create_task(client.post(PREDICT, json=question))]
        await asyncio.to_thread(stuck.wait, 60)  # the first is with the model
        tasks += [asyncio.create_task(client.post(PREDICT, json=question)) for _ in range(requests - 1)]
        fit_in = waiting // len(question["instances"])
        for _ in range(400):  # 20 seconds at most
            await asyncio.sleep(0.05)
            if sum(task.done() for task in tasks) >= requests - 1 - fit_in:
                break
        meanwhile = [task.result() for task in tasks if task.done()]
        go_on.set()
        answers = await asyncio.gather(*tasks)
    app.state.service.close()
    return meanwhile, [answer for answer in answers if answer not in meanwhile]


def half_sent(client: httpx.Client, body: bytes, count: int) -> list[socket.socket]:
    """Send the header and the first half of ``body`` on ``count`` connections; return when they are in."""
    header = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    place = (client.base_url.host, client.base_url.port)
    connections = [socket.create_connection(place, timeout=60) for _ in range(count)]
    for connection in connections:
        connection.sendall(header + body[: len(body) // 2])
    wait_until(lambda: metrics(client)["service_body_bytes"] == count * (len(body) // 2))
    return connections


def second_half(connections: Sequence[socket.socket], body: bytes) -> list[bytes]:
    """Send the rest of ``body`` on each connection -> the answers, header and all."""
    for connection in connections:
        connection.sendall(body[len(body) // 2 :])
    answers = []
    for connection in connections:
        answers.append(b"".join(iter(lambda one=connection: one.recv(65_536), b"")))
        connection.close()
    return answers


def nobody_listens(client: httpx.Client) -> bool:
    """Whether a new connection to the service is refused."""
    try:
        socket.create_connection((client.base_url.host, client.base_url.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


# ---- drawings --------------------------------------------------------------------------------------------


def draw_runs(
    arrivals: Sequence[float],
    ends: Sequence[float],
    sizes: Sequence[int],
    label: str,
    begins: Sequence[float] | None = None,
) -> plt.Axes:
    """Draw who travels together: requests (N,) as points at their time in ms, each batch as a bar.

    A batch holds the next of ``sizes`` requests; its bar reaches from its first arrival to its end, and is
    dark from where it ``begins`` to run. Returns the Axes. Raises ValueError where the batches do not hold
    all requests.
    """
    if sum(sizes) != len(arrivals) or len(sizes) != len(ends):
        counts = f"{len(sizes)} sizes with {sum(sizes)} requests in all, {len(ends)} ends"
        raise ValueError(f"{counts}; there are {len(arrivals)} requests: each belongs to one batch")
    _, ax = plt.subplots(figsize=(7, 0.9 + 0.35 * len(sizes)))
    first = 0
    for row, (end, size) in enumerate(zip(ends, sizes, strict=True)):
        members, colour = arrivals[first : first + size], f"C{row % 10}"
        ax.barh(-row, end - members[0], left=members[0], height=0.7, color=colour, alpha=0.25)
        if begins is not None:
            ax.barh(-row, end - begins[row], left=begins[row], height=0.7, color=colour, alpha=0.6)
        ax.plot(members, [-row] * size, "o", color=colour, markeredgecolor="white", clip_on=False)
        ax.text(end, -row, f"  {size} {label} at {end:g}", va="center")
        first += size
    ax.set(xlabel="ms", yticks=[], xlim=(min(arrivals), 1.25 * max(ends) + 1))
    return ax


def draw_reading(sheet: bytes, answer: dict) -> np.ndarray:
    """Draw a file, what the model saw of it, and the best classes of /classify; returns three Axes."""
    _, axes = plt.subplots(1, 3, figsize=(8, 2.6), width_ratios=(1, 1, 1.5))
    axes[0].imshow(shown(sheet, 280), cmap="gray", vmin=0, vmax=1)
    axes[1].imshow(what_it_saw(answer), cmap="gray", vmin=0, vmax=1)
    for ax, title in zip(axes, ("sent", "what the model sees", "its answer"), strict=False):
        ax.set_title(title)
    for ax in axes[:2]:
        ax.set_axis_off()
    best = answer["classes"][::-1]
    axes[2].barh([one["name"] for one in best], [one["probability"] for one in best])
    axes[2].set(xlim=(0, 1), xlabel="probability")
    return axes


def what_it_saw(answer: dict) -> np.ndarray:
    """The picture (28, 28) in 0 … 1 that comes with an answer of /classify."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["saw"])))) / 255


def draw_clients(
    values: np.ndarray, seen: dict[str, Sequence[np.ndarray]], ways: Sequence[str]
) -> np.ndarray:
    """Draw values (28, 28) as each of CLIENTS sends them, and below, as the model sees them each way.

    ``seen`` has for each client what each of the ``ways`` made of it, (28, 28). Returns the Axes.
    """
    rows = [shown(send(values)) for send in CLIENTS.values()]
    rows += [np.kron(seen[who][place], np.ones((3, 3))) for place in range(len(ways)) for who in CLIENTS]
    titles = [*CLIENTS, *(way for way in ways for _ in CLIENTS)]
    return show_images(np.stack(rows), titles, ncols=len(CLIENTS), size=1.5)


def draw_answers(answers: Sequence[httpx.Response]) -> plt.Axes:
    """Draw one square per answer, twenty in a row, with its status; returns the Axes."""
    ncols = 20
    rows = -(-len(answers) // ncols)
    _, ax = plt.subplots(figsize=(0.42 * ncols, 0.42 * rows + 0.3))
    for place, answer in enumerate(answers):
        y, x = divmod(place, ncols)
        good = answer.status_code == 200
        ax.add_patch(plt.Rectangle((x, -y), 0.92, 0.92, color="#b7dfc3" if good else "#e4572e"))
        ax.text(x + 0.46, 0.46 - y, answer.status_code, ha="center", va="center", fontsize=10)
    ax.set(xlim=(0, ncols), ylim=(1 - rows, 1))
    ax.set_axis_off()
    return ax
