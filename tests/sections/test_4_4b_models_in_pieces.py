"""Section 4.4b: what is counted is what a process holds, and each cut gives what the whole gives."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from exercises.finding import find
from helpers.chapters.workers import bytes_held, draw_schedule, peak_bytes
from tools.notebooks import ENGLISH, cells_of, define

NOTEBOOK = ENGLISH / "4_training" / "4b_models_in_pieces.ipynb"
bytes_per_worker, schedule = (find(f"4.4.{n}").solution for n in (4, 5))


@pytest.fixture(scope="module")
def pieces():
    """The functions that 4.4b defines, with the course's answers to its exercises."""
    ids = ("adam-halves", "tensor-parallel", "pipeline")
    names = {"torch": torch, "nn": nn, "F": F, "schedule": schedule}
    return define(NOTEBOOK, ids, names)


# ---------------------------------------------------------------- what is held


def test_bytes_held_counts_parameters_gradients_and_both_averages_of_adam():
    model = nn.Linear(3, 2).double()
    adam = torch.optim.Adam(model.parameters())
    assert bytes_held(model, adam) == {"parameters": 64, "gradients": 0, "optimiser": 0}
    model(torch.ones(1, 3).double()).sum().backward()
    adam.step()
    assert bytes_held(model, adam) == {"parameters": 64, "gradients": 64, "optimiser": 128}
    assert sum(bytes_held(model, adam).values()) == 2 * bytes_per_worker(8, 1, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux says of a process")
def test_the_peak_is_in_bytes_and_not_that_of_the_process_that_started_this_one():
    here = np.ones(80_000_000)  # 640 MB, which a program that is started by this process does not have
    program = "from helpers.chapters.workers import peak_bytes; import numpy as np; a = peak_bytes(); "
    program += "b = np.ones(60_000_000); print(a, peak_bytes())"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = map(int, run.stdout.split())
    assert 250e6 < after - before < 600e6
    assert peak_bytes() > here.nbytes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux says of a process")
def test_a_peak_afresh_forgets_what_has_been_given_back():
    program = "from helpers.chapters.workers import peak_bytes; import numpy as np; a = peak_bytes(); "
    program += "b = np.ones(60_000_000); del b; print(a, peak_bytes(), peak_bytes(afresh=True))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, peak, afresh = map(int, run.stdout.split())
    assert peak > before + 250e6
    assert afresh < before + 100e6


def test_the_network_of_the_text_has_the_parameters_that_it_says(monkeypatch):
    (cell,) = cells_of(NOTEBOOK, "network-program")
    namespace = {}
    monkeypatch.setattr(sys, "argv", ["network.py", "digits"])
    exec(cell.source.partition("\n")[2], namespace)
    assert sum(p.numel() for p in namespace["model"].parameters()) == 4_275_210
    assert all(isinstance(layer, nn.Linear) for layer in namespace["model"][::2])
    assert not any(list(layer.parameters()) for layer in namespace["model"][1::2])


# ---------------------------------------------------------------- the cuts


def test_adam_on_pieces_is_adam_on_the_whole_wherever_the_cut_is(pieces):
    generator = torch.Generator().manual_seed(1)
    w, g = torch.randn(7, generator=generator), torch.randn(4, 7, generator=generator)
    whole = pieces["adam_steps"](w, g)
    for cut in (1, 3, 6):
        parts = [pieces["adam_steps"](w[part], g[:, part]) for part in (slice(cut), slice(cut, 7))]
        torch.testing.assert_close(torch.cat(parts), whole)


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_columns_then_rows_give_the_whole_layer_also_where_they_cannot_be_shared_equally(pieces, workers):
    generator = torch.Generator().manual_seed(0)
    shapes = (4, 6), (6, 9), (9, 5)
    x, W1, W2 = (torch.randn(*shape, generator=generator).double() for shape in shapes)
    whole = torch.relu(x @ W1) @ W2
    torch.testing.assert_close(pieces["tensor_parallel"](x, W1, W2, workers), whole)


def test_backward_each_worker_finds_a_part_of_the_gradient_of_x():
    generator = torch.Generator().manual_seed(0)
    x, W1, W2 = (torch.randn(*s, generator=generator).double() for s in ((4, 6), (6, 8), (8, 5)))
    whole, copies = x.clone().requires_grad_(), [x.clone().requires_grad_() for _ in range(2)]
    pieces = zip(copies, W1.chunk(2, dim=1), W2.chunk(2, dim=0), strict=True)
    (torch.relu(whole @ W1) @ W2).square().sum().backward()
    sum(torch.relu(mine @ columns) @ rows for mine, columns, rows in pieces).square().sum().backward()
    torch.testing.assert_close(copies[0].grad + copies[1].grad, whole.grad)
    assert not torch.allclose(copies[0].grad, whole.grad, rtol=0.1)


def stages_of(seed):
    torch.manual_seed(seed)
    return [nn.Sequential(nn.Linear(a, b), nn.Tanh()).double() for a, b in ((5, 4), (4, 4), (4, 3))]


@pytest.mark.parametrize(("rows", "micro_batches", "equal"), [(12, 1, True), (12, 4, True), (10, 4, False)])
def test_a_pipeline_gives_the_gradients_of_the_whole_batch_where_micro_batches_are_equal(
    pieces, rows, micro_batches, equal
):
    stages = stages_of(0)
    X, y = torch.randn(rows, 5).double(), torch.arange(rows) % 3
    pieces["pipeline"](stages, X, y, micro_batches)
    whole = nn.Sequential(*stages)
    mine = parameters_to_vector(p.grad for p in whole.parameters())
    whole.zero_grad()
    F.cross_entropy(whole(X), y).backward()
    reference = parameters_to_vector(p.grad for p in whole.parameters())
    assert torch.allclose(mine, reference, rtol=1e-10) is equal


@pytest.mark.parametrize(("stages", "micro_batches"), [(1, 1), (1, 5), (4, 1), (4, 6), (6, 32)])
def test_a_stage_follows_the_one_before_and_the_bubble_is_that_of_the_formula(stages, micro_batches):
    table = schedule(stages, micro_batches)
    for stage in range(1, stages):
        assert (table[stage, 1:] == table[stage - 1, :-1]).all()
    assert (table < 0).mean() == pytest.approx((stages - 1) / (micro_batches + stages - 1))


def test_a_drawn_pipeline_has_a_box_for_every_time_and_a_number_in_the_busy_ones():
    ax = draw_schedule(schedule(3, 4))
    assert len(ax.patches) == 3 * 6
    assert sorted(text.get_text() for text in ax.texts) == sorted("0123" * 3)
    grey = [patch for patch in ax.patches if len(set(patch.get_facecolor()[:3])) == 1]
    assert len(grey) == 6
    plt.close("all")
