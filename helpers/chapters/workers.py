"""For section 4.4: a program that several processes run together (torchrun), what they hold, two drawings."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from torch import nn

from helpers.files import replacing
from helpers.plotting import PALETTE

ROOT = Path(__file__).resolve().parents[2]
GRACE = 60  # seconds that torchrun gets to end its workers


def run_workers(
    program: str | Path,
    *arguments: object,
    processes: int = 2,
    port: int | None = None,
    seconds: float = 300,
) -> list[str]:
    """Run a Python program in several processes with torchrun -> the lines they print, worker 0 first.

    program    a file; its processes find each other with ``torch.distributed.init_process_group("gloo")``
    arguments  what it finds in sys.argv[1:]
    port       where they meet, 1 to 65535; None: any that is free
    seconds    how long they may take

    No process is left when this returns or raises. Raises FileNotFoundError for a program that is not there;
    ValueError for fewer than one process or no such port; OSError for a port that is taken; RuntimeError
    where a worker fails (its number, exit code and error are named) or the time is over.
    """
    program = Path(program)
    if not program.is_file():
        raise FileNotFoundError(f"no program {program.name}: write the file first")
    if processes < 1:
        raise ValueError(f"processes is {processes}; it takes at least 1")
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    if port is None:
        command += ["--standalone"]
    else:
        check_port(port)
        command += ["--master-addr=127.0.0.1", f"--master-port={port}"]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory() as folder:
        command += ["--redirects=1", f"--log-dir={folder}"]  # each worker prints into a file of its own
        agent = subprocess.Popen(
            [*command, str(program), *map(str, arguments)],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _, errors = agent.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise RuntimeError(
                f"{program.name} has not ended after {seconds:g} seconds, so its processes were ended: one "
                "may wait for a message that no other sends; or give it more seconds"
            ) from None
        finally:
            _end(agent)
        if agent.returncode:
            raise RuntimeError(f"{program.name}: {_what_failed(errors)}")
        printed = [next(Path(folder).glob(f"*/attempt_0/{rank}/stdout.log")) for rank in range(processes)]
        return [line for file in printed for line in file.read_text().splitlines()]


def check_port(port: int) -> None:
    """Raise OSError if something on this machine listens at the port, ValueError if there is no such port."""
    if not 1 <= port <= 65535:
        raise ValueError(f"port is {port}; ports are numbered 1 to 65535, or None for any that is free")
    with socket.socket() as probe:
        if sys.platform != "win32":  # there it would allow what we want to find out
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            raise OSError(
                f"port {port} is taken: another run, or another program, listens there. Choose another "
                "port, or leave it out: then one that is free is found"
            ) from None


def _end(agent: subprocess.Popen) -> None:
    """End torchrun, which ends its workers first; do nothing if it has ended."""
    if agent.poll() is None:
        agent.terminate()
        try:
            agent.communicate(timeout=GRACE)
        except subprocess.TimeoutExpired:
            agent.kill()
            agent.communicate()


def _what_failed(errors: str) -> str:
    """In one sentence, what torchrun reports at length: which worker failed first, and how."""
    cause = re.search(r"Root Cause.*?rank +: (\d+).*?exitcode +: (-?\d+)", errors, re.DOTALL)
    if not cause:
        last = errors.strip().splitlines()[-1:] or ["no word of why"]
        return f"torchrun ended with an error: {last[0]}"
    rank, code = cause.groups()
    said = re.search(rf"^(?:\[rank{rank}\]: )?(\w*(?:Error|Exception|Interrupt)\b.*)$", errors, re.MULTILINE)
    return (
        f"worker {rank} ended with exit code {code}{f' ({said[1]})' if said else ''}; the others were ended"
    )


def draw_ring(chunks: np.ndarray, step: int | None = None) -> Axes:
    """Draw what each worker of a ring holds, chunks (W, W), and what it sends in ``step``; returns the Axes.

    Row w of ``chunks`` belongs to worker w; they hold sums of positive numbers, and one that is complete is
    green. In step s worker w sends its chunk (w - s) mod W to the same chunk of the next worker (an arrow);
    without ``step`` none is sent.
    """
    chunks = np.asarray(chunks, dtype=float)
    workers = len(chunks)
    totals = chunks.max(axis=0)
    ax = plt.subplots(figsize=(7.4, 4.6))[1]
    angles = np.pi / 2 - 2 * np.pi * np.arange(workers) / workers
    places = np.stack([2.3 * np.cos(angles), 1.35 * np.sin(angles)], axis=1)
    for worker, (x, y) in enumerate(places):
        ax.text(x, y - 0.6 if y < -0.1 else y + 0.38, f"worker {worker}", ha="center", va="bottom")
        for chunk, value in enumerate(chunks[worker]):
            left = x + 0.5 * (chunk - workers / 2)
            done = np.ptp(chunks[:, chunk]) == 0 or (step is not None and step >= workers - 1)
            done = done and value == totals[chunk]
            sends = step is not None and chunk == (worker - step) % workers
            look = {"facecolor": "#BFE3D5" if done else "white", "edgecolor": "0.4"}
            if sends:
                look |= {"edgecolor": PALETTE[1], "linewidth": 3, "zorder": 3}
            ax.add_patch(plt.Rectangle((left, y - 0.22), 0.5, 0.44, **look))
            ax.text(left + 0.25, y, f"{value:g}", ha="center", va="center", fontsize=11, zorder=4)
    if step is not None:
        for worker in range(workers):
            chunk = (worker - step) % workers
            ends = places[[worker, (worker + 1) % workers]]
            ends[:, 0] += 0.25 + 0.5 * (chunk - workers / 2)
            up = 0.24 if ends[1, 1] > ends[0, 1] else -0.24  # from the upper or the lower side of its box
            line = {"arrowstyle": "-|>", "color": PALETTE[1], "lw": 2, "mutation_scale": 18}
            line |= {"shrinkA": 0, "shrinkB": 0}
            ax.annotate("", ends[1] - (0, up), ends[0] + (0, up), arrowprops=line)
    ax.set(xlim=(-3.6, 3.6), ylim=(-2.1, 2.1))
    ax.set_axis_off()
    return ax


# ---- what a process holds ------------------------------------------------------------------------------


def bytes_held(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, int]:
    """Bytes of parameters, gradients and optimiser states that this process holds, its own pieces only.

    A parameter that is divided among processes (a DTensor, as ``fully_shard`` makes it) counts with the piece
    that lies here.
    """
    states = [value for state in optimizer.state.values() for value in state.values() if value.ndim]
    held = {
        "parameters": list(model.parameters()),
        "gradients": [p.grad for p in model.parameters() if p.grad is not None],
        "optimiser": states,
    }
    return {name: sum(_piece(t).nbytes for t in tensors) for name, tensors in held.items()}


def _piece(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def save_whole(model: nn.Module, path: str | Path) -> None:
    """Put the pieces of all processes together, and write the whole weights to ``path`` (by rank 0 alone).

    All processes must call this: each sends its pieces to the others.
    """
    weights = {
        name: p.full_tensor() if hasattr(p, "full_tensor") else p for name, p in model.named_parameters()
    }
    if torch.distributed.get_rank() == 0:
        with replacing(path) as neighbour:
            torch.save({name: weight.detach().cpu() for name, weight in weights.items()}, neighbour)
    torch.distributed.barrier()


def peak_bytes(*, afresh: bool = False) -> int:
    """The most memory that this process has had so far (its resident set), in bytes; 0 on Windows.

    With ``afresh`` the record begins again, where Linux allows it: from what the process has now.
    """
    if sys.platform == "win32":
        return 0
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage also counts the process that started this one
        if afresh:
            with suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes


def draw_schedule(table: np.ndarray) -> Axes:
    """Draw a pipeline: table (S, T) says on which micro-batch stage s works at time t, -1 for none."""
    stages, times = table.shape
    ax = plt.subplots(figsize=(min(0.62 * times + 1.6, 10), 0.55 * stages + 0.9))[1]
    for (stage, time), batch in np.ndenumerate(table):
        colour = "#EEEEEE" if batch < 0 else (*to_rgb(PALETTE[int(batch) % 6]), 0.55)
        ax.add_patch(plt.Rectangle((time, -stage), 0.94, 0.9, color=colour, linewidth=0))
        if batch >= 0:
            ax.text(time + 0.47, 0.45 - stage, int(batch), ha="center", va="center")
    ax.set(xlim=(0, times), ylim=(1 - stages, 1), xlabel="time")
    ax.set(xticks=np.arange(times) + 0.47, xticklabels=range(times))
    ax.set(yticks=0.45 - np.arange(stages), yticklabels=[f"stage {stage}" for stage in range(stages)])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return ax
