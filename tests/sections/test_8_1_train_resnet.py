"""Section 8.1: its exercises agree with the libraries, and right answers in another form are accepted."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from exercises import check
from exercises.ch8_project.s1_train_resnet import (
    BOTTLENECK,
    best_temperature,
    one_cycle,
    receptive_field,
    residual_block,
)
from helpers.chapters.resnet import Block


def test_the_block_with_matrices_is_the_one_of_torch():
    dice = torch.Generator().manual_seed(0)
    x, W1, W2, S = (torch.randn(shape, generator=dice) for shape in ((4, 3), (3, 6), (6, 5), (3, 5)))
    wanted = ((x @ W1).relu() @ W2 + x @ S).relu()
    got = residual_block(x.numpy(), W1.numpy(), W2.numpy(), S.numpy())
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_the_bottleneck_is_counted_as_the_network_has_it():
    assert sum(p.numel() for p in Block(256, 256, bottleneck=True).parameters()) == BOTTLENECK
    basic = Block(256, 256)
    assert sum(p.numel() for p in basic.parameters()) == 1_180_672  # as the statement says


@pytest.mark.parametrize("layers", [[(3, 1), (3, 1)], [(7, 2), (3, 2), (3, 1)], [(3, 2), (1, 1), (5, 3)]])
def test_the_receptive_field_is_where_the_gradient_is_not_zero(layers):
    net = nn.Sequential(*(nn.Conv2d(1, 1, kernel, stride) for kernel, stride in layers)).double()
    for p in net.parameters():
        nn.init.ones_(p)
    x = torch.ones(1, 1, 60, 60, dtype=torch.float64, requires_grad=True)
    out = net(x)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    assert int((x.grad[0, 0] != 0).any(dim=0).sum()) == receptive_field(layers)


@pytest.mark.parametrize(("steps", "highest", "rise"), [(152, 0.2, 0.2), (20, 1.0, 0.5), (33, 0.05, 0.3)])
def test_the_rates_are_those_of_torch(steps, highest, rise):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, highest, total_steps=steps, pct_start=rise, cycle_momentum=False
    )
    for step in range(steps):
        assert math.isclose(
            optimizer.param_groups[0]["lr"], one_cycle(step, steps, highest, rise), rel_tol=1e-9
        )
        optimizer.step()
        if step + 1 < steps:
            schedule.step()


@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_the_temperature_is_the_minimum_that_scipy_finds(scale):
    dice = np.random.default_rng(0)
    labels = dice.integers(0, 4, 200)
    logits = scale * (dice.normal(size=(200, 4)) + 2 * np.eye(4)[labels])

    def loss(log_temperature):
        scaled = torch.tensor(logits / math.exp(log_temperature))
        return nn.functional.cross_entropy(scaled, torch.tensor(labels)).item()

    found = minimize_scalar(loss, bounds=(-5, 5), method="bounded", options={"xatol": 1e-8})
    assert math.isclose(best_temperature(logits, labels), math.exp(found.x), rel_tol=1e-4)


# right answers, written in another way


def block_by_loops(x, W1, W2, shortcut=None):
    rows = []
    if shortcut is None and len(x[0]) != len(W2[0]):
        raise ValueError(f"D is {len(x[0])}, E is {len(W2[0])}: they differ, and there is no shortcut")
    for row in x:
        hidden = [max(0, sum(a * w[j] for a, w in zip(row, W1, strict=True))) for j in range(len(W1[0]))]
        out = []
        for j in range(len(W2[0])):
            f = sum(h * w[j] for h, w in zip(hidden, W2, strict=True))
            side = row[j] if shortcut is None else sum(a * s[j] for a, s in zip(row, shortcut, strict=True))
            out.append(max(0.0, f + side))
        rows.append(out)
    return np.array(rows, dtype=np.float32)


def reach_from_behind(layers):
    if bad := [pair for pair in layers if min(pair) < 1]:
        raise ValueError(f"no such layer: kernel and stride {bad[0]}")
    side = 1
    for kernel, stride in reversed(layers):
        side = (side - 1) * stride + kernel
    return np.int64(side)


def cycle_with_numpy(step, steps, highest, rise=0.2):
    if step not in range(steps):
        raise ValueError(f"{step} is not one of {steps} steps")
    places = [0, rise * steps - 1, steps - 1]
    if places != sorted(set(places)):
        raise ValueError(f"rise={rise} leaves no way up or down")
    rates = np.array([highest / 25, highest, highest / 250_000])
    leg = 0 if step <= places[1] else 1
    share = (step - places[leg]) / (places[leg + 1] - places[leg])
    return rates[leg] + (rates[leg + 1] - rates[leg]) * np.sin(np.pi * share / 2) ** 2


def temperature_with_torch(logits, labels):
    logits, labels = torch.tensor(logits), torch.tensor(labels)
    grid = torch.logspace(-2, 2, 4_001, dtype=torch.float64)
    losses = torch.stack([nn.functional.cross_entropy(logits / t, labels) for t in grid])
    return grid[losses.argmin()].item()


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("8.1.1", block_by_loops),
        ("8.1.2", np.int64(70_400)),
        ("8.1.3", reach_from_behind),
        ("8.1.4", cycle_with_numpy),
        ("8.1.5", temperature_with_torch),
    ],
)
def test_a_right_answer_in_another_way_is_accepted(number, answer, capsys):
    check(number, answer)
    assert capsys.readouterr().out.startswith(f"ok   {number}")
