"""Section 4.4c: a run goes on after a kill, Ray leaves nothing behind, and the numbers of the text are so."""

import importlib.util
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from helpers.chapters import clusters
from helpers.chapters.workers import run_workers
from tools.notebooks import ENGLISH, cells_of, define

NOTEBOOK = ENGLISH / "4_training" / "4c_clusters.ipynb"
ROOT = Path(__file__).resolve().parents[2]
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs Ray: python -m pip install -r requirements-ray.txt"
)


@pytest.fixture
def training(tmp_path, monkeypatch):
    """The notebook's training.py and two.py in an empty folder, in which we work."""
    for name in ("training", "two"):
        (cell,) = cells_of(NOTEBOOK, f"{name}-file")
        (tmp_path / f"{name}.py").write_text(cell.source.partition("\n")[2], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(folder):
    saved = torch.load(folder / "last.pt", weights_only=True)["model"]
    return torch.cat([value.flatten() for value in saved.values()])


def test_without_an_engine_a_kill_ends_the_run_and_the_next_call_goes_on_to_the_same_weights(training):
    """What the part says of a loop around run_workers."""
    kill = "import os, signal\nstop = lambda run: run.step == 30 and os.kill(os.getpid(), signal.SIGKILL)\n"
    call = "on_step=(stop,) if os.environ['RANK'] == '1' else ())"
    text = (training / "two.py").read_text(encoding="utf-8")
    (training / "killed.py").write_text(kill + text.replace("int(sys.argv[3]))", f"int(sys.argv[3]), {call}"))
    with pytest.raises(RuntimeError, match="worker 1 ended with exit code -9"):
        run_workers("killed.py", "after", "digits", 2)
    assert torch.load(training / "after" / "last.pt", weights_only=True)["run"]["step"] == 24
    run_workers("two.py", "after", "digits", 2)
    assert not (training / "after" / "last.old.pt").exists()  # a run from the start would put it aside
    alone = subprocess.run(
        [sys.executable, "two.py", "alone", "digits", "2"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=200,
        check=True,
    )
    assert alone.returncode == 0
    assert (weights(training / "after") - weights(training / "alone")).abs().max() < 1e-12


@needs_ray
@pytest.mark.alone
def test_an_error_inside_the_block_ends_every_process_of_ray_and_takes_its_folder():
    code = (
        "from helpers.chapters.clusters import ray_node, running\n"
        "try:\n"
        "    with ray_node(cpus=1) as started:\n"
        "        import ray\n"
        "        assert ray.cluster_resources()['CPU'] == 1\n"
        "        raise KeyError('a fault')\n"
        "except KeyError:\n"
        "    print(len(started) >= 6, running(started))\n"
    )
    assert run_python(code).stdout.split() == ["True", "[]"]


@needs_ray
@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, which ends the children of a dead process")
def test_a_notebook_that_is_killed_takes_ray_with_it():
    """Two agents first try for a minute to tell somebody."""
    code = (
        "import os, psutil, signal\n"
        "from helpers.chapters.clusters import ray_node\n"
        "with ray_node(cpus=1):\n"
        "    children = psutil.Process().children(recursive=True)\n"
        "    print(*(child.pid for child in children), file=OUT, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = run_python("import sys\nOUT = sys.stdout\n" + code, status=-signal.SIGKILL)
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) >= 6
    there = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    assert clusters.running(psutil.wait_procs(there, timeout=180)[1]) == []


def run_python(code, status=0):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == status, done.stderr[-2000:]
    return done


def test_without_ray_the_error_names_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install -r requirements-ray\.txt"):
        clusters.need_ray()


def test_ray_imported_too_early_is_refused(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(RuntimeError, match="before need_ray"):
        clusters.need_ray()


@pytest.mark.parametrize(
    ("code", "seconds", "says"),
    [
        ("print('no room')", 60, "Ray ended. .*no room"),
        ("import time; print('soon', flush=True); time.sleep(600)", 1, "not ready after 1 seconds"),
    ],
)
def test_a_node_that_does_not_start_says_why_and_what_were_its_last_words(tmp_path, code, seconds, says):
    with open(tmp_path / "said", "w") as said:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=said)
    try:
        with pytest.raises(RuntimeError, match=says):
            clusters.wait_for("started", tmp_path / "said", process, seconds)
    finally:
        process.kill()
        process.wait()


def test_ports_given_away_are_different_ones():
    assert len(set(clusters.free_ports(20))) == 20


# the time between checkpoints


def solved():
    from exercises.ch4_training import s4_distributed

    return s4_distributed


def test_no_interval_near_the_best_one_loses_less():
    for write, hours, machines in ((50, 25, 9), (60, 50_000, 16_384), (1, 10, 3)):
        best, between = solved().best_interval(write, hours, machines), hours * 3600 / machines
        lost = [write / T + T / (2 * between) for T in (0.9 * best, best, 1.1 * best)]
        assert lost[1] == min(lost) == pytest.approx(math.sqrt(2 * write / between))


def test_the_simulated_loss_agrees_with_the_formula_where_failures_are_rare_compared_with_intervals():
    simulated = define(NOTEBOOK, ["imports", "interval-simulate"])["simulated"]
    for write, between in ((20, 40_000), (5, 4_000)):
        every = math.sqrt(2 * write * between)
        shares = [simulated(every, write, between, seed) for seed in range(5)]
        assert sum(shares) / 5 == pytest.approx(math.sqrt(2 * write / between), rel=0.15)


def test_what_the_text_says_of_llama_3_is_so():
    between = 54 * 24 * 3600 / 419
    assert between / 3600 == pytest.approx(3.1, abs=0.05)  # "about three hours"
    assert between * 16_384 / 3600 / 24 / 365 == pytest.approx(5.8, abs=0.1)  # "almost six years"
    assert between * 16_384 / 8 / 3600 / 24 == pytest.approx(264, abs=0.5)  # "one in 264 days"
    best = solved().best_interval(60, between / 3600 * 16_384, 16_384)
    assert best / 60 == pytest.approx(19.3, abs=0.1)
    lost = 60 / best + best / (2 * between)
    assert 1 / (1 + lost) == pytest.approx(0.906, abs=0.0005)  # "91 % of the time"


# the seconds of a step, and published runs


def test_a_ring_that_is_walked_round_by_round_takes_the_seconds_of_step_seconds():
    """By a second way: every round each worker sends one chunk, and all wait for the slowest."""
    for workers in (1, 2, 5, 64):
        clock, sent = [0.25] * workers, [0] * workers
        for _ in range(workers - 1 + workers - 1):
            clock = [max(clock) + 4_000 / workers / 1_000 + 0.01] * workers
            sent = [bytes_ + 4_000 / workers for bytes_ in sent]
        assert clock[0] == pytest.approx(solved().step_seconds(workers, 0.25, 4_000, 1_000, 0.01))
        assert sent[0] == pytest.approx(2 * (workers - 1) / workers * 4_000)


def test_six_operations_per_parameter_are_those_of_three_products():
    """6 N by a second way: torch counts the operations of a linear layer, forward and backward."""
    from torch.utils.flop_counter import FlopCounterMode

    layer, x = torch.nn.Linear(64, 48, bias=False), torch.randn(10, 64, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        layer(x).sum().backward()
    assert counter.get_total_flops() == 6 * 64 * 48 * 10


def test_the_share_that_a_cluster_computes_is_that_of_the_text():
    names = {"step_seconds": solved().step_seconds, "print": lambda *_: None}
    share = define(NOTEBOOK, ["gpu-table"], names)["share_computed"]
    assert share(8, 16_384) > 0.98
    assert share(64, 2**20 / 64) == share(64, 16_384) == pytest.approx(0.816, abs=5e-4)
    assert share(1_000, 16_384) == pytest.approx(0.807, abs=5e-4)  # "four fifths"
    assert share(1_000, 2**20 / 1_000) == pytest.approx(0.211, abs=5e-4)  # "a fifth"
    assert share(384, 2**20 / 384) / share(1_536, 2**20 / 1_536) == pytest.approx(2.9, abs=0.05)
    # more GPUs with enough to do lose little, and a share is never above 1
    assert 1 == share(1, 16_384) > share(8, 16_384) > share(64, 16_384) > share(4_000, 16_384) > 0.75


def test_the_falling_line_of_narayanan_is_in_the_proportions_of_the_text():
    """The days for 300 billion tokens (90, 74, 74) agree with 144, 88 and 44 · 10¹² operations per second."""
    layers, width, length, words = 96, 12_288, 2_048, 51_200
    per_token = 96 * layers * width**2 * (1 + length / (6 * width) + words / (16 * layers * width))
    for gpus, speed, days, percent in ((384, 144, 90, 46), (768, 88, 74, 28), (1_536, 44, 74, 14)):
        assert round(per_token * 300e9 / (gpus * speed * 1e12) / 86_400) == days
        assert round(100 * speed / 312) == percent
    assert round(144 / 44, 1) == 3.3


def test_palm_with_attention_is_at_46_2_percent():
    """The paper's own formula: 6 N + 12 · layers · heads · width of a head · length, per token."""
    operations = 6 * 540.35e9 + 12 * 118 * 48 * 256 * 2_048
    utilisation = define(NOTEBOOK, ["published"])["utilisation"]
    assert operations * 238_300 / (6_144 * 275e12) == pytest.approx(0.462, abs=5e-4)
    assert utilisation(540e9, 238_300, 6_144, 275e12) == pytest.approx(0.457, abs=5e-4)
