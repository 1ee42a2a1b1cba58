"""Section 8.1: its exercises agree with the libraries, and right answers in another form are accepted."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from exercises import check
from exercises.ch8_project.s1_train_resnet import (
    BOTTLENECK,
    LEAST,
    PICTURES,
    hand_over,
    one_cycle,
    residual_block,
)
from helpers import batches, fit, predict, seed_everything
from helpers.chapters import resnet
from helpers.chapters.resnet import Block
from service.digits import digit_pictures
from tests.sections.run_cell import run_cell
from tools.notebooks import ENGLISH, cells_of, define

PROJECT = ENGLISH / "8_project"
BUILT = PROJECT / "1a_add_do_not_replace.ipynb"
TRAINED = PROJECT / "1b_three_ingredients.ipynb"
JUDGED = PROJECT / "1c_judging_a_network.ipynb"
TRAVELLED = PROJECT / "1d_a_score_that_did_not_travel.ipynb"


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


def test_no_answer_has_a_smoothed_loss_below_the_entropy_of_the_target():
    logits = torch.zeros(1, 10, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], lr=0.5, max_iter=500)

    def loss():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(logits, torch.tensor([3]), label_smoothing=0.05)
        value.backward()
        return value

    optimizer.step(loss)
    assert math.isclose(loss().item(), LEAST, rel_tol=1e-6)


def test_twice_the_standard_error_of_that_many_pictures_is_the_margin():
    assert math.isclose(2 * math.sqrt(0.95 * 0.05 / PICTURES), 0.01)


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


def test_the_schedule_overwrites_the_momentum_from_0_95_to_0_85_and_back():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=20, pct_start=0.2)
    momenta = [optimizer.param_groups[0]["momentum"]]
    for _ in range(19):
        optimizer.step()
        schedule.step()
        momenta.append(optimizer.param_groups[0]["momentum"])
    np.testing.assert_allclose([momenta[0], momenta[3], momenta[-1]], [0.95, 0.85, 0.95])


@pytest.mark.parametrize("scale", [0.1, 1.0, 20.0])
def test_the_temperature_is_the_one_that_torch_finds_best(scale):
    dice = np.random.default_rng(0)
    labels = dice.integers(0, 4, 200)
    logits = scale * (dice.normal(size=(200, 4)) + 2 * np.eye(4)[labels])
    grid = np.geomspace(0.02, 50, 101)
    losses = [nn.functional.cross_entropy(torch.tensor(logits / t), torch.tensor(labels)) for t in grid]
    T, before, after = hand_over(logits, labels, logits, grid)
    assert grid[int(np.argmin(losses))] == T
    for temperature, share in ((1.0, before), (T, after)):
        confidence = torch.tensor(logits / temperature).softmax(dim=1).max(dim=1).values
        assert (confidence < 0.9).double().mean().item() == share


# what the notebooks build and say


@pytest.mark.parametrize(
    ("kind", "blocks", "widths"), [("BasicBlock", (1, 2, 1), (8, 16, 24)), ("Bottleneck", (2, 1), (8, 16))]
)
def test_the_network_of_the_notebook_is_that_of_the_course_weight_for_weight(kind, blocks, widths):
    built = define(BUILT, ["imports", "conv-norm", "basic-code", "bottleneck-code", "resnet-code"])
    torch.manual_seed(0)
    mine = built["ResNet"](blocks, widths, channels=1, classes=10, block=built[kind])
    torch.manual_seed(0)
    theirs = resnet.ResNet(blocks, widths, channels=1, classes=10, bottleneck=kind == "Bottleneck")
    assert mine.state_dict().keys() == theirs.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True))
    x = torch.randn(4, 1, 20, 20)
    torch.testing.assert_close(mine(x), theirs(x))


def test_the_slopes_of_a_residual_block_are_those_of_f_plus_the_identity():
    torch.manual_seed(0)
    f = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 3))
    x = torch.randn(3)
    of_f, of_block = (torch.autograd.functional.jacobian(g, x) for g in (f, lambda x: x + f(x)))
    torch.testing.assert_close(of_block, torch.eye(3) + of_f)


def test_the_smoothed_target_has_0_955_at_the_right_class_and_0_005_at_each_other():
    logits = torch.tensor([[2.0, 0.5] + [0.0] * 8])
    target = torch.full((1, 10), 0.005)
    target[0, 0] = 0.955
    by_hand = -(target * logits.log_softmax(dim=1)).sum()
    given = nn.functional.cross_entropy(logits, torch.tensor([0]), label_smoothing=0.05)
    torch.testing.assert_close(given, by_hand)


def test_hardly_a_test_picture_of_the_digits_stands_in_train_or_val():
    prints = {s: {p.tobytes() for p in digit_pictures(s)[0]} for s in ("train", "val", "test")}
    copies = sum(len(prints[one] & prints["test"]) for one in ("train", "val"))
    assert copies < 0.01 * len(prints["test"])


@pytest.mark.parametrize("notebook", [TRAINED, JUDGED, TRAVELLED])
def test_normalised_pictures_have_mean_0_and_variance_1_over_train(notebook):
    imports = ["imports"] if notebook == TRAINED else ["imports", "imports-course"]
    known = define(notebook, imports, {"DATA": "digits", "__name__": notebook.stem}, whole=["data"])
    train = known["normal"](known["X"])
    assert train.dtype == np.float32
    assert max(abs(train.mean()), abs(train.var() - 1)) < 1e-3
    assert abs(known["normal"](known["X_val"]).mean()) > 1e-4  # the numbers of train, not its own


def test_the_bins_of_the_reliability_are_those_counted_by_hand():
    reliability = define(JUDGED, ["imports", "calibration"])["reliability"]
    tiny = reliability(np.array([0.62, 0.68, 0.95, 1.0]), np.array([True, False, True, True]))
    np.testing.assert_allclose(tiny, [[2, 2], [0.65, 0.975], [0.5, 1.0]])


def test_normalised_layers_that_replace_learn_less_than_layers_that_add_from_another_seed():
    known = define(BUILT, ["imports", "stack-code"], whole=["constants"])

    def right(add, norm):
        generator = seed_everything(3)
        stack = known["Stack"](add)
        if norm:
            for place, layer in enumerate(stack.layers):
                stack.layers[place] = nn.Sequential(layer, nn.BatchNorm1d(64))
        feed = batches(known["X"], known["y"], batch_size=64, shuffle=True, generator=generator)
        optimiser = torch.optim.Adam(stack.parameters(), lr=1e-3)
        fit(stack, feed, nn.functional.cross_entropy, optimiser, epochs=known["EPOCHS"], device="cpu")
        return (predict(stack, known["X_val"]).argmax(dim=1).numpy() == known["y_val"]).mean()

    assert right(add=False, norm=False) < 0.2 < right(add=False, norm=True) < 0.6
    assert right(add=True, norm=False) > 0.8


def test_both_parts_that_judge_train_the_same_network_and_find_the_same_calibration_error():
    sources = [[cell.source for cell in cells_of(part, "train-code", "data")] for part in (JUDGED, TRAVELLED)]
    assert sources[0] == sources[1]
    dice = torch.Generator().manual_seed(0)
    logits, labels = 3 * torch.randn(300, 10, generator=dice), torch.randint(10, (300,), generator=dice)
    known = define(TRAVELLED, ["imports"]) | {"network": None, "normal": abs, "X_test": np.zeros(1)}
    given = SimpleNamespace(**known | {"predict": lambda *_: logits, "y_test": labels.numpy()})
    again = run_cell(TRAVELLED, given, "again")
    reliability = define(JUDGED, ["imports", "calibration"])["reliability"]
    counts, sure, right = reliability(again.confidence, again.right)
    assert again.ece == pytest.approx(np.average(abs(sure - right), weights=counts), rel=1e-5)


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


def hand_over_with_torch(val_logits, val_labels, test_logits, temperatures, at=0.9):
    val, labels, test = torch.tensor(val_logits), torch.tensor(val_labels), torch.tensor(test_logits)
    losses = torch.stack([nn.functional.cross_entropy(val / t, labels) for t in temperatures])
    T = temperatures[losses.argmin()]
    shares = [((test / t).softmax(dim=1).amax(dim=1) < at).double().mean().item() for t in (1, T)]
    return [T, *shares]


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        ("8.1.1", block_by_loops),
        ("8.1.2", np.int64(70_400)),
        ("8.1.3", np.float32(0.28)),
        ("8.1.4", cycle_with_numpy),
        ("8.1.5", hand_over_with_torch),
        ("8.1.6", np.int64(1_900)),
    ],
)
def test_a_right_answer_in_another_way_is_accepted(number, answer, capsys):
    check(number, answer)
    assert capsys.readouterr().out.startswith(f"ok   {number}")
