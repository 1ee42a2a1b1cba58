"""The service of chapter 8 under load: against the bare model, itself without batching, two serving peers.

    python benchmarks/serving.py [--models build/models] [--rounds 7]     writes serving.md

Needs benchmarks/requirements.txt and Linux or macOS. 1, 8 and 64 clients ask with 1 and with 32 pictures a
request. Each round runs all contestants, turned by one place from round to round; who is not measured is
stopped (SIGSTOP). All servers get the same bodies, decode with service/pictures.py, run the same ONNX file
and may put 64 pictures into one run; the load comes from a process of its own. Each peer is there twice,
with one worker whose model uses all cores and with a worker of one thread for each core, and is judged by
what suits it better at each point. The bare model is called in a loop, with ONNX Runtime's own settings, on
arrays that are ready: no HTTP, no JSON, no PNG.

The machine must have nothing else to do, for about half an hour: 3 minutes a round, 6 for the rest.
"""

import argparse
import asyncio
import base64
import contextlib
import io
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
CLIENTS, PICTURES = (1, 8, 64), (1, 32)
POINTS = [(clients, pictures) for pictures in PICTURES for clients in CLIENTS]
SECONDS = {1: 2.0, 32: 4.0}  # of a measurement, by the pictures of a request
ROWS = 64  # pictures in one run of the model, for everyone
PREDICT = "/v1/models/resnet:predict"

# ---- the load


class Client(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it has an answer."""

    def __init__(self, bodies, until, done):
        self.bodies, self.until, self.done = bodies, until, done
        self.seconds, self.failed, self.buffer, self.asked = [], 0, b"", 0

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        if time.perf_counter() >= self.until and self.seconds:
            self.transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        body = self.bodies[self.asked % len(self.bodies)]
        self.asked += 1
        self.started = time.perf_counter()
        self.transport.write(body)

    def data_received(self, data):
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        head = head.lower()
        if b"content-length: " in head:
            whole = len(rest) >= int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        else:
            whole = rest.endswith(b"0\r\n\r\n")
        if whole:
            self.seconds.append(time.perf_counter() - self.started)
            self.failed += b" 200 " not in head[:20]
            self.buffer = b""
            self.ask()

    def connection_lost(self, error):
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))


async def load(port, path, bodies, clients, seconds):
    """Ask for so many seconds: (seconds in all, latencies, answers other than 200)."""
    loop = asyncio.get_running_loop()
    header = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    )
    requests = [header.encode() % len(body) + body for body in bodies]
    started = time.perf_counter()
    everyone = []
    for number in range(clients):
        turned = requests[number % len(requests) :] + requests[: number % len(requests)]
        client = Client(turned, started + seconds, loop.create_future())
        everyone.append(client)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await asyncio.gather(*(client.done for client in everyone))
    taken = time.perf_counter() - started
    latencies = [seconds for client in everyone for seconds in client.seconds]
    return taken, latencies, sum(client.failed for client in everyone)


def bodies(pictures):
    """Sixteen bodies with so many PNGs each, from digits."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    files = []
    for _ in range(64):
        drawn = np.zeros((28, 28), dtype=np.uint8)
        drawn[4:24, 4:24] = np.kron(rng.integers(0, 2, (5, 5)), np.ones((4, 4))) * rng.integers(128, 256)
        file = io.BytesIO()
        Image.fromarray(drawn).save(file, "PNG")
        files.append({"b64": base64.b64encode(file.getvalue()).decode()})
    picked = [[files[(8 * number + place) % 64] for place in range(pictures)] for number in range(16)]
    return [json.dumps({"instances": instances}).encode() for instances in picked]


def ask(port, path, clients, pictures, seconds):
    taken, latencies, failed = asyncio.run(load(port, path, bodies(pictures), clients, seconds))
    print(json.dumps({"taken": taken, "latencies": latencies, "failed": failed}))


def bare(models, pictures, seconds):
    """The model in a loop, with ONNX Runtime's own settings."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(newest(models) / "model.onnx", providers=["CPUExecutionProvider"])
    rows = np.random.default_rng(0).random((pictures, *session.get_inputs()[0].shape[1:]), dtype=np.float32)
    latencies, started, used = [], time.perf_counter(), time.process_time()
    while (now := time.perf_counter()) < started + seconds or not latencies:
        session.run(None, {"pictures": rows})
        latencies.append(time.perf_counter() - now)
    taken, used = time.perf_counter() - started, time.process_time() - used
    print(json.dumps({"taken": taken, "latencies": latencies, "failed": 0, "processor": used}))


# ---- the peers: the same work, put as their documentation has it


def newest(models):
    files = (Path(models) / "resnet").glob("[0-9]*/model.onnx")
    return max((file.parent for file in files), key=lambda folder: int(folder.name))


READ = """
import base64, sys
from pathlib import Path
import numpy as np
from service.models import load_model
from service.pictures import for_model, open_picture

def read(instances, card):
    # What our service does with the instances of a body, without its limits.
    files = [base64.b64decode(instance["b64"]) for instance in instances]
    return np.stack([for_model(open_picture(file), card["input"]) for file in files])
"""
LITSERVE = """
import litserve

class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = load_model(Path({model!r}), {threads})

    def decode_request(self, request):
        return read(request["instances"], self.model.card)

    def batch(self, inputs):
        self.lengths = [len(rows) for rows in inputs]
        return np.concatenate(inputs)

    def predict(self, rows):
        return self.model.run(rows)

    def unbatch(self, output):
        return np.split(output, np.cumsum(self.lengths)[:-1])

    def encode_response(self, output):
        return {{"predictions": output.tolist()}}

if __name__ == "__main__":
    port, pictures = map(int, sys.argv[1:])
    api = Api(max_batch_size={rows} // pictures, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device={workers}, timeout=False)
    server.run("127.0.0.1", port, num_api_servers=1, log_level="warning", generate_client_file=False)
"""
BENTO = """
import bentoml

@bentoml.service(workers={workers}, traffic={{"timeout": 300}}, logging={{"access": {{"enabled": False}}}})
class Resnet:
    def __init__(self):
        self.model = load_model(Path({model!r}), {threads})

    @bentoml.api(batchable=True, max_batch_size={rows}, max_latency_ms=60_000)
    def predict(self, instances: list[dict]) -> list[list[float]]:
        return self.model.run(read(instances, self.model.card)).tolist()
"""


# ---- the contestants


class Server:
    """A server in processes of its own, which are stopped whenever it is not measured."""

    def __init__(self, command, path, folder=None, stopped=True):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.path = path
        command = [part.replace("PORT", str(self.port)) for part in command]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        env = {**os.environ, "BENTOML_DO_NOT_TRACK": "true", "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(command, cwd=folder or ROOT, start_new_session=True, env=env, **quiet)
        body = bodies(1)[0]
        deadline = time.monotonic() + 120
        while True:
            try:
                request = urllib.request.Request(
                    f"http://127.0.0.1:{self.port}{path}", body, {"content-type": "application/json"}
                )
                urllib.request.urlopen(request, timeout=60).read()
                break
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.process.kill()
                    complaint = self.process.stderr.read()
                    self.end()
                    raise SystemExit(f"{command}: {error}\n{complaint}") from None
                time.sleep(0.1)
        self.idle = signal.SIGSTOP if stopped else signal.SIGCONT
        self.signal(self.idle)

    def processes(self):
        """The server and all that it started, even in sessions of their own, as BentoML's workers are."""
        parent = psutil.Process(self.process.pid)
        return [*parent.children(recursive=True), parent]

    def signal(self, number):
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def processor_seconds(self):
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def measure(self, clients, pictures, seconds):
        self.signal(signal.SIGCONT)
        try:
            before = self.processor_seconds()
            got = measured("--ask", str(self.port), self.path, str(clients), str(pictures), str(seconds))
            return {**got, "processor": self.processor_seconds() - before}
        finally:
            self.signal(self.idle)

    def end(self):
        with contextlib.suppress(psutil.NoSuchProcess):
            self.signal(signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()


def measured(*arguments):
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


class Bare:
    def __init__(self, models):
        self.models = models

    def measure(self, clients, pictures, seconds):
        return measured("--bare", str(self.models), str(pictures), str(seconds))

    def end(self):
        pass


OURS, ALONE, BARE = "our service", "our service, no batching", "bare model in a loop"
ONE_RUN, PEERS = "our service, one run at a time", ("LitServe", "BentoML")


def contestants(models, folder):
    """{name: {(clients, pictures a request): what can be measured}}."""
    cores = psutil.cpu_count()
    common = {"model": str(newest(models) / "model.onnx"), "rows": ROWS}
    shapes = {
        "one worker": {"workers": 1, "threads": cores},
        f"{cores} workers": {"workers": cores, "threads": 1},
    }
    ours = [sys.executable, "-m", "service", "--models", str(models), "--port", "PORT", "--max-batch"]
    variants = {OURS: [str(ROWS)], ALONE: ["1"], ONE_RUN: [str(ROWS), "--runs", "1"]}
    found = {BARE: {(1, pictures): Bare(models) for pictures in PICTURES}}
    try:
        for name, options in variants.items():
            found[name] = dict.fromkeys(POINTS, Server([*ours, *options], PREDICT))
        for shape, options in shapes.items():
            lit = folder / f"lit_{options['workers']}.py"
            lit.write_text(READ + LITSERVE.format(**common, **options))
            points = found[f"LitServe, {shape}"] = {}
            for pictures in PICTURES:  # it counts requests in a batch, not pictures
                server = Server([sys.executable, str(lit), "PORT", str(pictures)], "/predict")
                points.update({(clients, pictures): server for clients in CLIENTS})
            module = f"bento_{options['workers']}"
            (folder / f"{module}.py").write_text(READ + BENTO.format(**common, **options))
            command = [sys.executable, "-m", "bentoml", "serve", f"{module}:Resnet", "--port", "PORT"]
            points = found[f"BentoML, {shape}"] = {}
            for point in POINTS:  # it learns how long to wait, and would take that from one load to the next
                points[point] = Server(command, "/predict", folder)
    except BaseException:
        end(found)
        raise
    return found


def end(found):
    for servers in found.values():
        for server in servers.values():
            server.end()


def run(models, rounds):
    """{(clients, pictures): {name: [summary of a round, …]}}, and the failures."""
    results, failures = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        found = contestants(models, Path(folder))
        try:
            names = list(found)
            for number in range(-1, rounds):  # one round more, first, to warm up
                turned = names[number % len(names) :] + names[: number % len(names)]
                for clients, pictures in POINTS:
                    for name in turned:
                        if (clients, pictures) not in found[name]:
                            continue
                        got = found[name][clients, pictures].measure(clients, pictures, SECONDS[pictures])
                        if number < 0:
                            continue
                        point = results.setdefault((clients, pictures), {}).setdefault(name, [])
                        point.append(summary(got, pictures))
                        failures[name] = failures.get(name, 0) + got["failed"]
                print(f"round {number + 1} of {rounds}", flush=True)
        finally:
            end(found)
    return results, failures


def run_workers(models, rounds):
    """{(workers, point): [summary of a round, …]}: one process and two behind one port.

    Neither is stopped meanwhile: uvicorn would take a stopped worker for a dead one.
    """
    command = [sys.executable, "-m", "service", "--models", str(models), "--port", "PORT", "--workers"]
    results, servers = {}, {}
    try:
        for workers in (1, 2):
            servers[workers] = Server([*command, str(workers)], PREDICT, stopped=False)
        for number in range(-1, rounds):
            for point in POINTS:
                for workers in (1, 2) if number % 2 else (2, 1):
                    got = servers[workers].measure(*point, SECONDS[point[1]])
                    if number >= 0:
                        results.setdefault((workers, point), []).append(summary(got, point[1]))
    finally:
        for server in servers.values():
            server.end()
    return results


def summary(got, pictures):
    """(pictures a second, p50 in s, p99 in s, seconds of the processor for a picture, load not counted)."""
    latencies = sorted(got["latencies"])
    p50, p99 = (latencies[int(len(latencies) * part)] for part in (0.5, 0.99))
    answered = len(latencies) * pictures
    return answered / got["taken"], p50, p99, got["processor"] / answered


def medians(rows):
    """[summary of a round, …] -> the median of each of its parts."""
    return [statistics.median(part) for part in zip(*rows, strict=True)]


def against(ours, theirs):
    """How many times as fast, round by round: the median, the range, and in how many rounds ahead."""
    ratios = [mine[0] / other[0] for mine, other in zip(ours, theirs, strict=True)]
    ahead = sum(ratio > 1 for ratio in ratios)
    return (
        f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f}, "
        f"ahead in {ahead} of {len(ratios)} rounds)"
    )


def report(results, failures, workers, models, rounds):
    from common import where, write

    card = json.loads((newest(models) / "metadata.json").read_text())
    size = (newest(models) / "model.onnx").stat().st_size
    lines = [
        "# The service of chapter 8 under load",
        "",
        where("onnxruntime", "uvicorn", "starlette", "litserve", "bentoml", "pillow", "numpy"),
        f"The model: {card['trained_on']}, test accuracy {card['test_accuracy']}, {size / 1e6:.1f} MB. "
        "`python benchmarks/serving.py`, medians of "
        f"{rounds} interleaved rounds of {SECONDS[1]:g} s a point, {SECONDS[32]:g} s with 32 pictures. "
        "Processor: its time for a picture, without the load's; bare: throughput over the bare model's.",
        "",
        "| pictures a request | clients | | pictures a second | p50 ms | p99 ms | processor ms | bare |",
        "|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    verdicts = []
    for (clients, pictures), point in sorted(results.items(), key=lambda item: item[0][::-1]):
        found = {name: medians(rows) for name, rows in point.items()}
        base = medians(results[1, pictures][BARE])[0]
        for name in sorted(found, key=lambda name: -found[name][0]):
            speed, p50, p99, processor = found[name]
            lines.append(
                f"| {pictures} | {clients} | {name} | {speed:,.0f} | {p50 * 1000:.2f} | {p99 * 1000:.2f} "
                f"| {processor * 1000:.2f} | {speed / base:.2f} |"
            )
        best = max((name for name in found if name.startswith(PEERS)), key=lambda name: found[name][0])
        verdicts.append(
            f"- {pictures} pictures a request, {clients} clients, our service: "
            f"{against(point[OURS], point[best])} the best peer, {best}; "
            f"{against(point[OURS], point[ALONE])} the same without batching; "
            f"{found[OURS][0] / base:.2f} of the bare model."
        )
    lines += [
        "",
        *verdicts,
        "",
        "One process and two behind one port (`--workers`), measured by themselves:",
        "",
    ]
    lines += [
        "| pictures a request | clients | one: pictures a second, p99 ms | two |",
        "|---:|---:|---:|---:|",
    ]
    for clients, pictures in POINTS:
        both = [medians(workers[number, (clients, pictures)]) for number in (1, 2)]
        cells = [f"{speed:,.0f}, {p99 * 1000:.1f}" for speed, _, p99, _ in both]
        lines.append(f"| {pictures} | {clients} | {cells[0]} | {cells[1]} |")
    failed = {name: count for name, count in failures.items() if count}
    how = " ".join(__doc__.split("\n\n")[2].split())
    lines += ["", f"Answers other than 200: {failed or 'none'}. {how}"]
    write("serving.md", lines)


def main():
    if sys.argv[1:2] == ["--ask"]:
        port, path, clients, pictures, seconds = sys.argv[2:]
        return ask(int(port), path, int(clients), int(pictures), float(seconds))
    if sys.argv[1:2] == ["--bare"]:
        models, pictures, seconds = sys.argv[2:]
        return bare(models, int(pictures), float(seconds))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default=str(ROOT / "build" / "models"))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    models = Path(options.models).absolute()
    results, failures = run(models, options.rounds)
    report(results, failures, run_workers(models, options.rounds), models, options.rounds)


if __name__ == "__main__":
    main()
