"""Claims about what fit and evaluate refuse, because it would train something else than was meant."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers import accuracy, batches, evaluate, fit
from helpers.feeding import Losses
from tests.helpers.test_training import CE, adam, assert_same_weights, mlp, planted, trained

# ---------------------------------------------------------------- outputs (N, 1) against targets (N,)


def line(n=64):
    """Points near a line, x (N, 1) and y (N,), and a model that gives (N, 1)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 1)).astype(np.float32)
    torch.manual_seed(0)
    return x, (3 * x[:, 0] + 1).astype(np.float32), nn.Linear(1, 1)


def fit_line(loss, x, y, model):
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    return fit(model, batches(x, y, batch_size=16), loss, sgd, epochs=30, device="cpu")


def by_hand(outputs, targets):
    return ((outputs - targets) ** 2).mean()


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, nn.HuberLoss(), by_hand])
def test_a_loss_over_all_pairs_of_rows_is_refused_with_both_shapes_and_the_remedy(loss):
    x, y, model = line()
    message = (
        r"epoch 1, step 1: outputs \(16, 1\) and targets \(16,\) are broadcast .*targets\.reshape\(-1, 1\)"
    )
    with pytest.raises(ValueError, match=message):
        fit_line(loss, x, y, model)
    assert fit_line(loss, x, y[:, None], model).history[-1]["loss"] < 0.1


def test_the_other_way_round_is_refused_too():
    x, y, model = line()
    with pytest.raises(ValueError, match=r"outputs \(16,\) and targets \(16, 1\) are broadcast"):
        fit_line(by_hand, x, y[:, None], nn.Sequential(model, nn.Flatten(0)))


@pytest.mark.parametrize(
    "metric",
    [
        by_hand,
        lambda out, y: (out - y).abs().mean().item(),
        lambda out, y: ((out > 0) == (y > 0.5)).float().mean(),
    ],
)
def test_evaluate_refuses_a_metric_over_all_pairs_of_rows(metric):
    x, y, model = line()
    with pytest.raises(ValueError, match=r"batch 1: outputs \(16, 1\) and targets \(16,\) are broadcast"):
        evaluate(model, batches(x, y, batch_size=16), {"mine": metric})
    with pytest.raises(ValueError, match="are broadcast"):
        fit(
            nn.Sequential(model, nn.Flatten(0)),
            batches(x, y, batch_size=16),
            by_hand,
            adam(model),
            validation=batches(x, y[:, None], batch_size=16),
            metrics={"mine": metric},
            device="cpu",
        )


def test_a_loss_that_brings_the_shapes_together_itself_is_served():
    x, y, model = line()
    assert fit_line(lambda out, target: by_hand(out[:, 0], target), x, y, model).history[-1]["loss"] < 0.01
    told = (y > 1).astype(np.float32)
    values = evaluate(
        model,
        batches(x, told, batch_size=16),
        {"accuracy": accuracy, "loss": lambda out, t: F.binary_cross_entropy_with_logits(out.flatten(), t)},
    )
    assert 0 <= values["accuracy"] <= 1


def test_shapes_that_differ_as_they_should_are_served():
    X, y = planted(40)
    one_class = nn.Linear(6, 1)
    cases = [
        (mlp(), CE, y),  # (N, C) and (N,)
        (
            mlp(),
            lambda out, t: ((out - t) ** 2).mean(),
            np.ones((40, 1), np.float32),
        ),  # three quantiles, one target
        (one_class, lambda out, t: by_hand(out, t), np.ones((40, 1), np.float32)),
    ]
    for model, loss, targets in cases:
        fit(model, batches(X, targets, batch_size=20), loss, adam(model), device="cpu")
        evaluate(model, batches(X, targets, batch_size=1), {"loss": loss})


# ---------------------------------------------------------------- what the optimiser holds


def test_a_head_replaced_after_the_optimiser_was_made_is_named():
    model = mlp()
    optimizer = adam(model)
    model[3] = nn.Linear(16, 3)
    with pytest.raises(
        ValueError, match=r"does not hold '3\.weight'.*Make the optimiser last.*requires_grad_"
    ):
        fit(model, batches(*planted(), batch_size=32), CE, optimizer, device="cpu")


def test_a_part_that_is_frozen_need_not_be_in_the_optimiser():
    model, before = mlp(), mlp()
    model[0].requires_grad_(False)
    fit(model, batches(*planted(), batch_size=32), CE, adam(model[3]), device="cpu")
    assert torch.equal(model[0].weight, before[0].weight)
    assert not torch.equal(model[3].weight, before[3].weight)


def test_a_model_with_everything_frozen_is_refused():
    model = mlp()
    optimizer = adam(model)
    model.requires_grad_(False)
    with pytest.raises(ValueError, match=r"every parameter of the model is frozen.*requires_grad_\(True\)"):
        fit(model, batches(*planted(), batch_size=32), CE, optimizer, device="cpu")


def test_an_optimiser_or_schedule_that_needs_another_loop_is_told_which():
    model, feed = mlp(), batches(*planted(), batch_size=32)
    with pytest.raises(ValueError, match=r"LBFGS .* optimizer\.step\(closure\)"):
        fit(model, feed, CE, torch.optim.LBFGS(model.parameters()), device="cpu")
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd, patience=0)
    with pytest.raises(ValueError, match=r"ReduceLROnPlateau .* on_epoch="):
        fit(model, feed, CE, sgd, schedule=plateau, device="cpu")
    # and the advice works
    noise = batches(planted()[0], np.random.default_rng(1).integers(0, 3, 203), batch_size=64)
    hook = (lambda run: plateau.step(run.history[-1]["val_loss"]),)
    run = fit(model, feed, CE, sgd, epochs=20, validation=noise, on_epoch=hook, device="cpu")
    assert run.history[-1]["lr"] < 0.1


# ---------------------------------------------------------------- what the loss gives


def test_a_loss_of_each_row_is_told_to_take_the_mean():
    model = mlp()
    feed = batches(*planted(), batch_size=32)
    rows = nn.CrossEntropyLoss(reduction="none")
    with pytest.raises(
        ValueError, match=r"epoch 1, step 1: .* one number, .* gives \(32,\).*reduction=\"none\""
    ):
        fit(model, feed, rows, adam(model), device="cpu")
    with pytest.raises(ValueError, match=r"batch 1: .* gives \(32,\)"):
        evaluate(model, feed, {"rows": rows})


@pytest.mark.parametrize("loss", [lambda out, y: CE(out.detach(), y), lambda out, y: CE(out, y).item()])
def test_a_loss_without_a_gradient_is_refused(loss):
    model = mlp()
    with pytest.raises(ValueError, match=r"epoch 1, step 1: the loss has no gradient.*detach\(\)"):
        fit(model, batches(*planted(), batch_size=32), loss, adam(model), device="cpu")


def test_a_loss_that_cannot_read_the_outputs_names_their_kind():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            return {"logits": self.net(x)}

    model = Named()
    with pytest.raises(ValueError, match=r"outputs dict and targets \(32,\) int64 do not fit the loss"):
        fit(model, batches(*planted(), batch_size=32), CE, adam(model), device="cpu")


def test_a_batch_of_one_row_in_batch_normalisation_is_told_what_to_do():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    X, y = planted(65)
    message = r"epoch 1, step 3: the model does not accept a batch of \(1, 6\) float32.*no single row over"
    with pytest.raises(ValueError, match=message):
        fit(model, batches(X, y, batch_size=32), CE, adam(model), device="cpu")


def test_labels_are_compared_with_the_outputs_before_the_first_update_from_any_loader():
    X, y = planted(64)
    y[3] = 7
    loader = [(torch.from_numpy(X), torch.from_numpy(y))]
    for loss in (CE, lambda out, t: CE(out, t.clamp(max=2))):  # the second would hide it
        model = mlp()
        with pytest.raises(ValueError, match=r"epoch 1, step 1: label 7 \(example 3\) is out of range"):
            fit(model, loader, loss, adam(model), device="cpu")
        assert_same_weights(model, mlp())


def test_a_model_given_too_many_inputs_is_explained():
    X, y = planted(32)
    with pytest.raises(ValueError, match=r"does not accept a batch of \(32, 6\) float32, \(32, 6\) float32"):
        fit(model := mlp(), batches(X, X, y, batch_size=32), CE, adam(model), device="cpu")


def test_an_error_of_memory_keeps_its_kind():
    class Full(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            raise torch.OutOfMemoryError("no room")

    with pytest.raises(torch.OutOfMemoryError):
        fit(model := Full(), batches(*planted(), batch_size=32), CE, adam(model), device="cpu")


@pytest.mark.parametrize("batch", [torch.zeros(2, 6), (torch.zeros(2, 6),), {"x": torch.zeros(2, 6)}])
def test_a_batch_without_targets_is_refused(batch):
    with pytest.raises(ValueError, match=r"batch 1: a batch must be \(inputs\.\.\., targets\); got"):
        fit(model := mlp(), [batch], CE, adam(model), device="cpu")


# ---------------------------------------------------------------- mixed precision, on the CPU


def moved_by(precision, **options):
    """How far one step of plain descent with rate 1 moves the weights, and the run."""
    model = mlp()
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    X, y = planted(32)
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    fit(model, batches(X, y, batch_size=32), CE, sgd, precision=precision, device="cpu", **options)
    return torch.cat([p.detach().flatten() for p in model.parameters()]) - before


def test_in_float16_the_gradient_is_clipped_after_its_scale_is_taken_out():
    exact = moved_by(torch.float32)
    assert exact.norm() > 0.2
    for precision, tolerance in ((torch.float16, 0.02), (torch.bfloat16, 0.1)):
        torch.testing.assert_close(moved_by(precision), exact, rtol=0, atol=tolerance)
        clipped = moved_by(precision, clip_norm=0.1)
        assert clipped.norm().item() == pytest.approx(0.1, rel=0.01)
        assert torch.cosine_similarity(clipped, exact, dim=0) > 0.99


def test_in_float16_a_skipped_step_moves_neither_weights_nor_schedule():
    model = mlp()
    X, y = planted()
    optimizer = adam(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)
    started, seen = mlp(), []

    def look(run):
        updates = optimizer.state[model[0].weight].get("step", torch.tensor(0.0))
        seen.append((int(updates), schedule.last_epoch, torch.equal(model[0].weight, started[0].weight)))

    feed = batches(X * 300, y, batch_size=32)  # the scaled gradient overflows at first
    options = {"schedule": schedule, "precision": torch.float16, "on_step": (look,), "device": "cpu"}
    run = fit(model, feed, CE, optimizer, epochs=3, **options)
    assert seen[0] == (0, 0, True)
    assert all(updates == steps for updates, steps, _ in seen)
    assert 0 < schedule.last_epoch < run.step == 21
    assert run.history[-1]["lr"] == pytest.approx(0.01 * 0.9 ** (schedule.last_epoch - 1))


def test_the_forward_pass_is_in_the_precision_asked_for_and_the_loss_too():
    seen = []

    def loss(outputs, targets):
        seen.append(outputs.dtype)
        return CE(outputs, targets)

    for precision in (torch.float32, torch.float16, torch.bfloat16):
        model = mlp()
        fit(model, batches(*planted(), batch_size=203), loss, adam(model), precision=precision, device="cpu")
    assert seen == [torch.float32, torch.float16, torch.bfloat16]
    assert model[0].weight.dtype == torch.float32


# ---------------------------------------------------------------- the loop


def test_hooks_see_the_gradient_of_the_step_and_each_step_begins_with_none():
    norms = []

    def look(run):
        norms.append(run.model[0].weight.grad.norm().item())

    model, X, y = mlp(), *planted(32)
    frozen = torch.optim.SGD(model.parameters(), lr=0.0)
    fit(model, batches(X, y, batch_size=32), CE, frozen, epochs=3, on_step=(look,), device="cpu")
    assert norms[0] > 0
    assert norms == [norms[0]] * 3


def test_run_loss_is_that_of_the_last_step_and_hangs_on_no_graph():
    losses = []
    _, run = trained(epochs=1, on_step=(lambda run: losses.append(run.loss),))
    assert len({loss.item() for loss in losses}) == 7
    assert not any(loss.requires_grad for loss in losses)
    assert run.loss is losses[-1]


def test_the_losses_that_an_epoch_keeps_hang_on_no_graph():
    losses = Losses(None, None)
    losses.add(torch.ones(3, requires_grad=True).sum(), 3)
    assert not losses.losses[0].requires_grad


def test_a_hook_of_the_epoch_stops_after_the_checkpoint_of_that_epoch(tmp_path):
    def stop(run):
        run.stop = run.epoch == 2

    _, run = trained(epochs=5, checkpoint=tmp_path, on_epoch=(stop,))
    assert (run.epoch, run.step, len(run.history)) == (2, 14, 2)
    assert torch.load(tmp_path / "last.pt", weights_only=True)["run"]["epoch"] == 2


def test_a_loss_that_is_nan_on_the_last_of_accumulated_batches_is_seen_before_the_update():
    X, y = planted(64)
    X[-1] = np.nan
    model = mlp()
    with pytest.raises(FloatingPointError, match=r"epoch 1, step 1"):
        fit(model, batches(X, y, batch_size=16), CE, adam(model), accumulate=4, device="cpu")
    assert_same_weights(model, mlp())


def test_with_accumulation_each_optimiser_step_is_one_step_of_the_schedule():
    model = mlp()
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(sgd, lambda step: 0.5**step)
    feed = batches(*planted(), batch_size=32)  # 7 batches: 3, 3 and 1
    run = fit(model, feed, CE, sgd, epochs=2, accumulate=3, schedule=schedule, device="cpu")
    assert (run.step, schedule.last_epoch) == (6, 6)
    assert [row["lr"] for row in run.history] == [0.5**2, 0.5**5]


def test_val_loss_is_weighed_by_count_as_the_loss_is():
    X, y = planted(64)
    y[:24] = -100  # of the first batch of 32, three in four
    model, held_out = mlp(), batches(X, y, batch_size=32)
    frozen = torch.optim.SGD(model.parameters(), lr=0.0)
    options = {"validation": held_out, "count": lambda y: int((y != -100).sum()), "device": "cpu"}
    row = fit(model, held_out, CE, frozen, **options).history[0]
    whole = CE(model(torch.from_numpy(X)), torch.from_numpy(y)).item()
    assert (row["loss"], row["val_loss"]) == pytest.approx((whole, whole), rel=1e-6)


def test_a_bar_counts_the_steps_where_somebody_looks(monkeypatch):
    bars = []

    def bar(**options):
        bars.append({**options, "n": 0})
        return type(
            "Bar",
            (),
            {
                "update": lambda self: bars[-1].update(n=bars[-1]["n"] + 1),
                "set_postfix": lambda self, shown: bars[-1].update(shown=shown),
                "close": lambda self: bars[-1].update(closed=True),
            },
        )()

    monkeypatch.setattr("tqdm.auto.tqdm", bar)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    trained(epochs=2, accumulate=2)
    monkeypatch.setenv("CI", "true")
    trained(epochs=1)
    seen, hidden = bars
    assert (seen["total"], seen["n"], seen["disable"], seen["closed"]) == (8, 8, False, True)
    assert set(seen["shown"]) == {"loss"}
    assert (hidden["total"], hidden["disable"]) == (7, True)


def test_convolutions_run_channels_last_and_pictures_come_so():
    seen = []

    class Looking(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 16, 3))

        def forward(self, x):
            seen.append(x.is_contiguous(memory_format=torch.channels_last))
            return self.net(x)

    X, y = np.zeros((8, 3, 6, 6), np.float32), np.zeros(8, np.int64)
    for channels_last in (True, False):
        model = Looking()
        feed = batches(X, y, batch_size=8)
        fit(model, feed, CE, adam(model), channels_last=channels_last, device="cpu")
        evaluate(model, feed, {"loss": CE})
        assert model.net[0].weight.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert seen == [True, True, False, False]


# ---------------------------------------------------------------- several processes

REFUSED = """
import sys
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler
sys.path.insert(0, sys.argv[1])
from test_training import CE, adam, mlp, planted
from helpers import accuracy, batches, evaluate, fit

data = TensorDataset(*map(torch.from_numpy, planted()))
seeded = torch.Generator().manual_seed(0)
good = DataLoader(data, batch_size=32, shuffle=True, generator=seeded)
plain = DataLoader(data, batch_size=32)
divided = DataLoader(data, batch_size=32, sampler=DistributedSampler(data, 2, 0))
bad = {
    "shuffled": DataLoader(data, batch_size=32, shuffle=True),
    "weighted": DataLoader(data, batch_size=32, sampler=WeightedRandomSampler([1.0] * 203, 203)),
    "inside": DataLoader(data, sampler=BatchSampler(RandomSampler(data), 32, False), batch_size=None),
    "divided": divided,
}

def ends(**loaders):
    model = mlp()
    try:
        fit(model, loaders.pop("loader", plain), CE, adam(model), device="cpu", **loaders)
    except ValueError as error:
        return "leave DistributedSampler out" in str(error), "seeded generator" in str(error)

for name, loader in bad.items():
    wanted = (True, False) if name == "divided" else (False, True)
    assert ends(loader=loader) == ends(validation=loader) == wanted, name
    try:
        evaluate(mlp(), loader, {"accuracy": accuracy})
        raise SystemExit(name)
    except ValueError:
        pass
assert ends(loader=good, validation=plain) is None
sys.stdout.write("ends\\n")  # in one piece, for two write at once
"""


@pytest.mark.skipif(sys.platform == "win32", reason="gloo over torchrun is tested on Linux and macOS")
def test_under_torchrun_loaders_that_would_feed_the_processes_differently_are_refused(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(REFUSED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(script), str(Path(__file__).parent)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.split() == ["ends", "ends"], done.stderr[-3000:]


def test_without_torchrun_an_unseeded_loader_is_served():
    data = torch.utils.data.TensorDataset(*map(torch.from_numpy, planted()))
    feed = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)
    model = mlp()
    assert fit(model, feed, CE, adam(model), device="cpu").step == 7
