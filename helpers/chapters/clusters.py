"""For section 4.4: Ray on this machine, from its start to the end of its last process."""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import psutil

SETTINGS = {  # read by every process of Ray
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody
    "RAY_AUTH_MODE": "token",  # other machines can reach its ports, so it obeys only who knows a secret
    "RAY_enable_metrics_collection": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_enable_worker_prestart": "0",  # no processes in store
    "RAY_prestart_worker_first_driver": "0",
    # a busy machine takes its time, and Ray's processes shall not come last
    "RAY_worker_niceness": "0",
    "RAY_agent_register_timeout_ms": "180000",
    "RAY_worker_register_timeout_seconds": "180",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "180",
}
PORTS = (
    "port",
    "dashboard-agent-listen-port",
    "dashboard-agent-grpc-port",
    "runtime-env-agent-port",
    "metrics-export-port",
    "ray-client-server-port",
)
# `ray start` with two additions. On Linux it ends when the process that started it ends, however that comes
# about, and takes all others with it (two agents after a minute). And the raylet is told the port of its
# agent, which Ray 2.60 forgets: else it waits 15 seconds for the agent to write it down, gives up, and a busy
# machine never gets a cluster.
START = """
import ctypes, runpy, sys
getattr(ctypes.CDLL(None), "prctl", lambda *_: None)(1, 9)
from ray._private import services
start, port = services.start_ray_process, sys.argv.pop(1)
told = {"raylet": ["--dashboard_agent_listen_port=" + port]}
services.start_ray_process = lambda command, kind, *rest, **named: start(
    command + told.get(kind, []), kind, *rest, **named)
runpy.run_module("ray.scripts.scripts", run_name="__main__")
"""

# Each process of Ray imports jsonschema, which compiles a grammar of web addresses if this module is there:
# three quarters of the seconds that `import ray` takes, twenty times over. Without it, "iri" is not checked.
WITHOUT = {"rfc3987_syntax.py": "raise ImportError('not needed by Ray')"}


def need_ray() -> None:
    """Get this process ready for ``import ray``, which reads its settings from the environment.

    Raises ModuleNotFoundError that names the command if Ray is not installed; RuntimeError if it has been
    imported before.
    """
    if importlib.util.find_spec("ray") is None:
        raise ModuleNotFoundError(
            "Ray is not installed; this part alone needs it: python -m pip install -r requirements-ray.txt",
            name="ray",
        )
    if "ray" in sys.modules and any(os.environ.get(name) != value for name, value in SETTINGS.items()):
        raise RuntimeError("Ray was imported before need_ray() was called: restart, and call it first")
    os.environ.update(SETTINGS)
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def ray_node(cpus: int = 2, seconds: float = 180) -> Iterator[list[psutil.Process]]:
    """A Ray cluster of one machine, to which this process is connected inside the ``with`` block.

    It does what ``ray start --head`` does on the first machine of a real cluster, with ``cpus`` places for
    workers, and then ``ray.init(address=...)``.  What is printed inside the block, by Ray or by others, is
    not shown.  Yields a list; after the block it holds every process that Ray had started here, and none of
    them is left.  Raises ModuleNotFoundError without Ray; RuntimeError with Ray's last words if it has not
    started within ``seconds``.
    """
    need_ray()
    import ray

    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    options = [f"--num-cpus={cpus}", "--num-gpus=0", "--object-store-memory=80000000", f"--temp-dir={folder}"]
    options += ["--include-dashboard=false", "--include-log-monitor=false", "--no-monitor", "--block"]
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    options += [f"--{name}={number}" for name, number in ports.items()]
    started: list[psutil.Process] = []
    for name, text in WITHOUT.items():
        (folder / name).write_text(text, encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    with open(folder / "said", "w", encoding="utf-8") as said:
        node = subprocess.Popen(
            [sys.executable, "-c", START, str(ports[PORTS[1]]), "start", "--head", *options],
            env={**os.environ, "PYTHONPATH": path},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for("Ray runtime started", folder / "said", node, seconds)
        with (
            open(folder / "printed", "w", encoding="utf-8") as printed,
            redirect_stdout(printed),
            redirect_stderr(printed),
        ):
            ray.init(address=f"127.0.0.1:{ports[PORTS[0]]}", log_to_driver=False, logging_level="ERROR")
            yield started
    finally:
        if node.poll() is None:
            started += [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]
        ray.shutdown()
        end(started)
        node.wait()
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(number: int) -> list[int]:
    """Ports of this machine at which nothing listens."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()
    return ports


def wait_for(words: str, path: Path, process: subprocess.Popen, seconds: float) -> None:
    """Return when the words stand in the file that a process writes; RuntimeError if they do not come."""
    deadline = time.monotonic() + seconds
    while words not in (text := path.read_text(encoding="utf-8", errors="replace")):
        if process.poll() is not None or time.monotonic() > deadline:
            last = " | ".join(text.split("\n")[-8:]) or "not a word"
            why = "ended" if process.poll() is not None else f"is not ready after {seconds:g} seconds"
            raise RuntimeError(f"Ray {why}. Close other programs and try again. Its last words: {last}")
        time.sleep(0.1)


def end(processes: list[psutil.Process], seconds: float = 30) -> None:
    """End these processes, the first one first, and wait until they are gone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + seconds
    while running(processes) and time.monotonic() < deadline:
        time.sleep(0.05)


def running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended."""
    alive = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive
