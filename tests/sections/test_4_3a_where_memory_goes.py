"""Section 4.3a: the meter sees what autograd keeps; parts and checkpoints give the gradient of the whole."""

import itertools
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from exercises.finding import find
from helpers.chapters import memory
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
nn = torch.nn
training_bytes, best_segments = find("4.3.1").solution, find("4.3.2").solution


@pytest.fixture(scope="module")
def part():
    """What 4.3a defines."""
    ids = ("meter", "kept", "result-stack", "accumulate-code", "checkpoint-code", "checkpoint-run")
    names = define(ENGLISH / "4_training" / "3a_where_memory_goes.ipynb", ids=("imports", "constants", *ids))
    return SimpleNamespace(**names)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def same_start():
    torch.manual_seed(0)


def stack(widths):
    layers = [nn.Sequential(nn.Linear(*pair), nn.ReLU()) for pair in itertools.pairwise(widths)]
    return nn.Sequential(*layers)


def step_of(forward, x):
    return lambda: forward(x).square().mean().backward()


# ---------------------------------------------------------------- the meter


@pytest.mark.parametrize(("widths", "batch"), [([3, 2], 4), ([7, 1, 30, 5], 9), ([64] * 6, 128)])
def test_what_is_kept_is_what_the_exercise_counts(part, widths, batch):
    net, x = stack(widths), torch.randn(batch, widths[0])
    for kept_over_time in (part.kept_over_time, memory.kept_over_time):
        assert max(kept_over_time(step_of(net, x), net.parameters())) == training_bytes(widths, batch)[3]
    weights = sum(weight.nbytes for weight in net.parameters())
    gradients = sum(weight.grad.nbytes for weight in net.parameters())
    assert (weights, gradients) == training_bytes(widths, batch)[:2]


def test_all_is_let_go_at_the_end_of_the_backward_pass(part):
    net = stack([8, 8, 8])
    for kept_over_time in (part.kept_over_time, memory.kept_over_time):
        assert kept_over_time(step_of(net, torch.randn(5, 8)), net.parameters())[-1] == 0


def test_two_views_of_one_storage_count_once(part):
    x = torch.randn(10, requires_grad=True)

    def two_storages():
        (x.exp()[:5] * x.exp()[5:]).sum().backward()

    def one_storage():
        y = x.exp()
        (y[:5] * y[5:]).sum().backward()

    for kept_over_time in (part.kept_over_time, memory.kept_over_time):
        assert max(kept_over_time(two_storages, [x])) == 2 * x.nbytes
        assert max(kept_over_time(one_storage, [x])) == x.nbytes


# ---------------------------------------------------------------- parts of a batch


@pytest.mark.parametrize("size", [1, 3, 4, 9, 10, 50])
def test_parts_of_any_size_give_the_gradient_of_the_whole(part, size):
    net, x = stack([6, 5, 4]).double(), torch.randn(10, 6, dtype=torch.float64)
    torch.testing.assert_close(part.gradient(net, x, size), part.gradient(net, x, 10))
    if size == 3:
        forgotten = part.gradient(net, x, size, weigh=False)
        assert forgotten.norm() > 2 * part.gradient(net, x, 10).norm()


# ---------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("count", range(1, 9))
def test_segments_give_the_gradient_of_the_whole_down_to_the_input(part, count):
    net = stack([5] * 8).double()
    slopes = []
    for forward in (net, lambda x: part.in_segments(net, x, count)):
        x = torch.arange(20.0, dtype=torch.float64).reshape(4, 5).div(10).requires_grad_()
        net.zero_grad()
        step_of(forward, x)()
        slopes.append([x.grad, *[weight.grad.clone() for weight in net.parameters()]])
    torch.testing.assert_close(slopes[0], slopes[1])


@pytest.mark.parametrize("layers", [1, 7, 12, 16])
def test_no_number_of_segments_keeps_less_than_the_best(part, layers):
    net, x = stack([4] * (layers + 1)), torch.randn(3, 4)

    def kept(count):
        step = step_of(lambda x: part.in_segments(net, x, count), x)
        return max(part.kept_over_time(step, net.parameters())) // x.nbytes

    assert kept(best_segments(layers)) == min(kept(count) for count in range(1, layers + 1))
    if layers == 7:
        assert kept(4) == 3 + 2 == 4 + 1  # 2, 2, 2 and 1 layers: the third on its way back, and the last


def test_the_librarys_checkpoint_keeps_as_much(part):
    net, x = stack([16] * 13), torch.randn(8, 16)
    library = torch.utils.checkpoint.checkpoint
    segments = [net[start : start + 4] for start in (0, 4, 8)]

    def forward(x):
        for segment in segments:
            x = library(segment, x, use_reentrant=True)
        return x

    theirs = max(part.kept_over_time(step_of(forward, x.clone().requires_grad_()), net.parameters()))
    ours = max(part.kept_over_time(step_of(lambda x: part.in_segments(net, x, 3), x), net.parameters()))
    assert theirs == ours == (3 + 4) * x.nbytes


PROCESS = """
import re, torch
from torch.utils.checkpoint import checkpoint_sequential
torch.set_num_threads(1)
layers = [torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.ReLU()) for _ in range(16)]
net, x = torch.nn.Sequential(*layers), torch.randn(8192, 256, requires_grad=True)
checkpoint_sequential(net, 4, x[:8], use_reentrant=True).mean().backward()  # what is loaded on first use
open("/proc/self/clear_refs", "w").write("5")  # the highest point so far is forgotten
status = lambda name: int(re.search(name + r":\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024
before = status("VmRSS")
{forward}.square().mean().backward()
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_of_its_own_grows_by_about_what_was_predicted():
    # pages of its own for each tensor; else freed pieces leave holes, and the step takes far more
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}
    one = 8192 * 256 * 4 / 2**20  # MiB of one activation; the input was there before
    for forward, predicted in (("net(x)", 16), ("checkpoint_sequential(net, 4, x, use_reentrant=True)", 7)):
        run = [sys.executable, "-c", PROCESS.format(forward=forward)]
        done = subprocess.run(run, capture_output=True, text=True, check=True, env=environment)
        # the slopes on their way back, and the results before each ReLU, take a few more
        assert predicted <= float(done.stdout) / one < predicted + 6, done.stdout
