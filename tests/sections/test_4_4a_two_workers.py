"""Section 4.4a: its programs leave no process behind, and what its text says of gradients and rings is so."""

import os
import re
import signal
import socket
import sys
import threading
import time

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from exercises.finding import find
from helpers import load_data
from helpers.chapters.workers import check_port, draw_ring, run_workers
from tools.notebooks import ENGLISH, cells_of

NOTEBOOK = ENGLISH / "4_training" / "4a_two_workers.ipynb"

combined_gradient, ring_step, pooled_statistics = (find(f"4.4.{n}").solution for n in (1, 2, 3))
posix = pytest.mark.skipif(sys.platform == "win32", reason="gloo over torchrun is tested on Linux and macOS")

WAITS = """
import os, sys, time
from pathlib import Path
rank = os.environ["RANK"]
Path(sys.argv[1], rank + ".part").write_text(str(os.getpid()))
Path(sys.argv[1], rank + ".part").rename(Path(sys.argv[1], rank))
while sys.argv[2] == "fails" and len(list(Path(sys.argv[1]).glob("[01]"))) < 2:
    time.sleep(0.01)
if sys.argv[2] == "fails" and rank == "1":
    raise MemoryError("no room for the gradients")
if sys.argv[2] != "prints":
    time.sleep(3600)
print("worker", rank)
print("again", rank)
"""


@pytest.fixture
def waits(tmp_path):
    """A program whose processes write down their numbers, and then wait, fail, or print."""
    program = tmp_path / "waits.py"
    program.write_text(WAITS)
    return program


def running(folder):
    """Which of the processes that wrote their numbers into the folder are there still."""
    numbers = [int(file.read_text()) for file in folder.glob("[01]")]
    alive = []
    for number in numbers:
        try:
            os.kill(number, 0)
            alive.append(number)
        except ProcessLookupError:
            pass
    return numbers, alive


# ---------------------------------------------------------------- programs of several processes


@posix
def test_a_worker_that_fails_is_named_with_its_error_and_no_process_is_left(waits, tmp_path):
    said = r"waits\.py: worker 1 ended with exit code 1 \(MemoryError: no room for the gradients\)"
    with pytest.raises(RuntimeError, match=said):
        run_workers(waits, tmp_path, "fails")
    numbers, alive = running(tmp_path)
    assert (len(numbers), alive) == (2, [])


@posix
def test_workers_that_do_not_end_in_time_are_refused_with_what_to_do(waits, tmp_path):
    with pytest.raises(RuntimeError, match=r"waits\.py has not ended after 1 seconds.* give it more seconds"):
        run_workers(waits, tmp_path, "waits", processes=1, seconds=1)
    assert running(tmp_path)[1] == []


@posix
def test_an_interrupted_run_leaves_no_process(waits, tmp_path):
    def interrupt():
        while not (tmp_path / "0").exists():
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # else ignored in a background job
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            run_workers(waits, tmp_path, "waits", processes=1)
    finally:
        signal.signal(signal.SIGINT, before)
    numbers, alive = running(tmp_path)
    assert (len(numbers), alive) == (1, [])


@posix
def test_what_the_workers_print_comes_back_in_the_order_of_their_ranks(waits, tmp_path):
    said = run_workers(waits, tmp_path, "prints")
    assert said == ["worker 0", "again 0", "worker 1", "again 1"]


def test_a_port_that_is_taken_and_one_that_does_not_exist_are_refused(waits, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=rf"port {port} is taken"):
            run_workers(waits, tmp_path, "waits", port=port)
    check_port(port)
    for wrong in (0, 65536, -1):
        with pytest.raises(ValueError, match=f"port is {wrong}; ports are numbered 1 to 65535"):
            check_port(wrong)
    assert running(tmp_path)[0] == []


def test_a_missing_program_and_no_processes_are_refused(waits, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no program missing\.py"):
        run_workers(tmp_path / "missing.py")
    with pytest.raises(ValueError, match="processes is 0"):
        run_workers(waits, processes=0)


# ---------------------------------------------------------------- gradients


def test_the_plain_mean_is_exact_where_all_workers_have_as_many_rows_and_else_not():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(6, 3))  # the gradient of each row
    halves, uneven = np.split(rows, 2), np.split(rows, [4])
    for shares, exact in ((halves, True), (uneven, False)):
        means = np.stack([share.mean(axis=0) for share in shares])
        sizes = np.array([len(share) for share in shares])
        np.testing.assert_allclose(combined_gradient(means, sizes), rows.mean(axis=0))
        assert np.allclose(means.mean(axis=0), rows.mean(axis=0)) is exact


def test_the_numbers_of_the_text_are_those_of_the_network_and_the_data():
    X, y = load_data("digits", "train")
    network = nn.Sequential(nn.Flatten(), nn.Linear(X[0].size, 32), nn.ReLU(), nn.Linear(32, 10))
    assert sum(p.numel() for p in network.parameters()) == 2410
    assert divmod(len(y), 50) == (23, 7)


def test_in_both_profiles_the_last_batch_cannot_be_shared_equally():
    (cell,) = cells_of(NOTEBOOK, "constants")
    sizes = re.findall(
        r"SEEDS, N_TRAIN = profile\(quick=\(\d+, ([\d_]+)\), full=\(\d+, ([\d_]+)\)\)", cell.source
    )
    assert [int(size) % 50 % 2 for size in sizes[0]] == [1, 1]


# ---------------------------------------------------------------- the ring


@pytest.mark.parametrize("workers", [2, 3, 4, 7])
def test_the_ring_gives_everybody_the_sums_and_halfway_each_worker_has_one(workers):
    start = np.random.default_rng(workers).integers(1, 100, size=(workers, workers))
    chunks = start
    for step in range(2 * (workers - 1)):
        if step == workers - 1:
            whole = chunks == start.sum(axis=0)
            assert whole.sum() == workers
            assert whole.any(axis=1).all()
            assert whole.any(axis=0).all()
        before, chunks = chunks, ring_step(chunks, step)
        assert (before != chunks).sum() == workers  # one chunk sent by each
    assert (chunks == start.sum(axis=0)).all()


def test_the_drawn_ring_shows_all_numbers_and_one_arrow_for_each_worker():
    chunks = np.arange(1, 10).reshape(3, 3)
    ax = draw_ring(chunks, 0)
    texts = [text.get_text() for text in ax.texts]
    assert [text for text in texts if text.isdigit()] == [str(n) for n in range(1, 10)]
    assert sum(hasattr(text, "arrow_patch") and text.arrow_patch is not None for text in ax.texts) == 3
    finished = draw_ring(np.tile([6, 15, 24], (3, 1)))
    green = [patch for patch in finished.patches if patch.get_facecolor()[:3] != (1, 1, 1)]
    assert len(green) == 9
    plt.close("all")


@pytest.mark.parametrize(("workers", "step"), [(2, 1), (3, 0), (4, 0), (4, 5)])
def test_each_arrow_of_the_drawn_ring_leads_from_the_chunk_sent_to_the_same_one_of_the_next_worker(
    workers, step
):
    ax = draw_ring(np.arange(1, workers**2 + 1).reshape(workers, workers), step)
    boxes = {text.get_text(): text.get_position()[0] for text in ax.texts if text.get_text().isdigit()}
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None) is not None]
    for worker, arrow in enumerate(arrows):
        chunk, other = (worker - step) % workers, (worker + 1) % workers
        assert arrow.get_position()[0] == pytest.approx(boxes[str(1 + worker * workers + chunk)])
        assert arrow.xy[0] == pytest.approx(boxes[str(1 + other * workers + chunk)])
    plt.close("all")


# ---------------------------------------------------------------- batch statistics


def test_pooled_statistics_are_those_of_batch_normalisation():
    h = torch.randn(9, 4, generator=torch.Generator().manual_seed(0)).double()
    shares, norm = h.split([2, 3, 4]), nn.BatchNorm1d(4, momentum=1.0).double()
    norm(h)
    means, variances = (np.stack([f(s).numpy() for s in shares]) for f in (mean_of, variance_of))
    mean, variance = pooled_statistics(means, variances, np.array([2, 3, 4]))
    np.testing.assert_allclose(mean, norm.running_mean)
    np.testing.assert_allclose(variance * 9 / 8, norm.running_var)  # the running one divides by one row less


def mean_of(rows):
    return rows.mean(dim=0)


def variance_of(rows):
    return rows.var(dim=0, correction=0)


def test_the_variance_of_two_rows_is_on_average_half_the_true_one():
    pairs = np.random.default_rng(0).normal(size=(20_000, 2))
    assert pairs.var(axis=1).mean() == pytest.approx(0.5, abs=0.02)
