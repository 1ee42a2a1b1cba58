"""Claims about helpers.training: the loop, what it measures, what it saves, what it refuses."""

import json
import math
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers import (
    accuracy,
    batches,
    evaluate,
    fit,
    load_checkpoint,
    predict,
    save_checkpoint,
    seed_everything,
)

ROOT = Path(__file__).resolve().parents[2]
CE = nn.CrossEntropyLoss()


def planted(n=203, features=6, classes=3):
    """Separable blobs: an uneven last batch for every batch size used here."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, classes, n)
    X = rng.standard_normal((n, features)).astype(np.float32) + 2 * np.eye(classes, features)[y].astype("f4")
    return X, y.astype(np.int64)


def mlp(seed=0, dropout=0.0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))


def cnn(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)
    )


def adam(model, lr=0.01):
    return torch.optim.Adam(model.parameters(), lr=lr)


def trained(model=None, *, epochs=3, seed=1, **options):
    X, y = planted()
    model = mlp() if model is None else model
    generator = seed_everything(seed)
    loader = batches(X, y, batch_size=32, shuffle=True, generator=generator)
    run = fit(model, loader, CE, adam(model), epochs=epochs, device="cpu", **options)
    return model, run


def assert_same_weights(a, b):
    for (name, mine), theirs in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs), name


def by_hand(model, X, y, *, epochs, layout=torch.preserve_format):
    """The bare loop, written out with nothing from helpers."""
    model.to(memory_format=layout)
    optimizer, generator = adam(model), torch.Generator().manual_seed(1)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(X), generator=generator).split(32):
            loss = CE(model(X[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


# ---------------------------------------------------------------- the loop


def test_fit_equals_a_hand_written_loop_bit_for_bit():
    X, y = planted()
    assert_same_weights(trained()[0], by_hand(mlp(), X, y, epochs=3))


def test_fit_of_a_convolutional_net_equals_a_hand_written_channels_last_loop_bit_for_bit():
    rng = np.random.default_rng(0)
    X, y = rng.random((75, 1, 6, 6), dtype=np.float32), rng.integers(0, 3, 75)
    mine = cnn()
    loader = batches(X, y, batch_size=32, shuffle=True, generator=seed_everything(1))
    fit(mine, loader, CE, adam(mine), epochs=2, device="cpu")
    assert_same_weights(mine, by_hand(cnn(), X, y, epochs=2, layout=torch.channels_last))


def test_two_seeded_runs_are_identical_and_another_seed_differs():
    first, second, other = (trained(mlp(dropout=0.3), seed=s)[0] for s in (1, 1, 2))
    assert_same_weights(first, second)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_the_loss_halves_on_separable_data():
    _, run = trained(epochs=10)
    assert run.history[-1]["loss"] < 0.5 * run.history[0]["loss"]


@pytest.mark.parametrize(
    "disabled", [{"precision": torch.float32}, {"accumulate": 1}, {"clip_norm": None}, {"clip_norm": 1e9}]
)
def test_mixed_precision_accumulation_and_clipping_change_nothing_when_disabled(disabled):
    assert_same_weights(trained()[0], trained(**disabled)[0])


def test_mixed_precision_and_clipping_do_change_the_weights_when_enabled():
    plain = trained()[0]
    for enabled in ({"precision": torch.bfloat16}, {"clip_norm": 0.01}):
        assert not torch.equal(plain[0].weight, trained(**enabled)[0][0].weight), enabled


def test_accumulated_batches_give_the_gradient_of_one_large_batch_even_if_the_last_is_short():
    X, y = planted(100)  # 16, 16, 16, 16 and 16, 16, 4
    small, large = mlp().double(), mlp().double()
    for model, size, accumulate in ((small, 16, 4), (large, 64, 1)):
        loader = batches(X.astype(np.float64), y, batch_size=size)
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        run = fit(model, loader, CE, sgd, epochs=2, accumulate=accumulate, device="cpu")
        assert run.step == 2 * 2
    for mine, theirs in zip(small.parameters(), large.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)


def test_clipping_bounds_the_whole_gradient():
    model = mlp()
    before = [p.detach().clone() for p in model.parameters()]
    X, y = planted(32)
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    fit(model, batches(X * 100, y, batch_size=32), CE, sgd, clip_norm=0.5, device="cpu")
    moved = torch.cat([(p - q).flatten() for p, q in zip(model.parameters(), before, strict=True)])
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-4)


def test_the_schedule_is_stepped_once_an_optimiser_step():
    model = mlp()
    X, y = planted()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    run = fit(model, batches(X, y, batch_size=32), CE, optimizer, epochs=2, schedule=schedule, device="cpu")
    assert run.step == 14
    assert [row["lr"] for row in run.history] == pytest.approx([1 / 7, 1 / 14])  # of each epoch's last step


def test_accumulated_batches_share_one_step_of_the_schedule_and_one_clipping():
    model = mlp()
    before = [p.detach().clone() for p in model.parameters()]
    X, y = planted(64)
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(sgd, lambda step: 0.5**step)
    feed = batches(X * 100, y, batch_size=16)
    run = fit(model, feed, CE, sgd, schedule=schedule, accumulate=4, clip_norm=0.5, device="cpu")
    moved = torch.cat([(p - q).flatten() for p, q in zip(model.parameters(), before, strict=True)])
    assert (run.step, sgd.param_groups[0]["lr"]) == (1, 0.5)
    assert moved.norm().item() == pytest.approx(0.5, rel=1e-4)


def test_the_epoch_loss_is_the_mean_over_examples_not_the_last_batch_nor_the_mean_of_batches():
    X, y = planted(100)
    y = np.sort(y)  # so that batches differ
    model = mlp()
    frozen = torch.optim.SGD(model.parameters(), lr=0.0)
    run = fit(model, batches(X, y, batch_size=64), CE, frozen, device="cpu")
    whole = CE(predict(model, X), torch.from_numpy(y)).item()
    parts = [CE(predict(model, X[s]), torch.from_numpy(y[s])).item() for s in (slice(64), slice(64, None))]
    assert run.history[0]["loss"] == pytest.approx(whole, rel=1e-6)
    assert abs(parts[1] - whole) > 0.01
    assert abs(np.mean(parts) - whole) > 0.001


def test_hooks_run_in_order_and_stop_stops():
    seen = []

    def stop_at_ten(run):
        run.stop = run.step == 10

    hooks = (lambda run: seen.append(("a", run.step)), stop_at_ten, lambda run: seen.append(("b", run.step)))
    _, run = trained(epochs=5, on_step=hooks, on_epoch=(lambda run: seen.append(("epoch", run.epoch)),))
    assert run.step == 10
    assert seen[:2] == [("a", 1), ("b", 1)]
    assert seen[-2:] == [("a", 10), ("b", 10)]  # no row for an epoch that was not finished
    assert [row["epoch"] for row in run.history] == [1]


def test_a_run_stopped_within_an_epoch_and_resumed_repeats_that_epoch(tmp_path):
    def stop(run):
        run.stop = run.step == 11

    trained(mlp(dropout=0.2), epochs=4, checkpoint=tmp_path, on_step=(stop,))
    resumed, run = trained(mlp(dropout=0.2), epochs=4, checkpoint=tmp_path, resume=True)
    assert run.step == 4 * 7
    assert_same_weights(resumed, trained(mlp(dropout=0.2), epochs=4)[0])


def test_fit_trains_in_training_mode_and_leaves_alone_what_the_caller_froze():
    X, y = np.random.default_rng(0).random((64, 1, 6, 6), dtype=np.float32), np.zeros(64, np.int64)
    model = cnn().eval()  # as a whole: fit puts it in training mode, and the statistics move
    fit(model, batches(X, y, batch_size=32), CE, adam(model), device="cpu")
    assert model.training
    statistics = model[1].running_mean.clone()
    assert not torch.equal(statistics, torch.zeros(4))
    model[1].eval()
    fit(model, batches(X, y, batch_size=32), CE, adam(model), epochs=2, device="cpu")
    assert not model[1].training
    assert torch.equal(model[1].running_mean, statistics)


def test_early_stopping_waits_for_patience_and_remembers_the_best_epoch(tmp_path):
    X, y = planted()
    noise = np.random.default_rng(1).permutation(y)  # labels that cannot be learned
    held_out = batches(X, noise, batch_size=64)
    model, run = trained(epochs=50, validation=held_out, patience=3, checkpoint=tmp_path)
    values = [row["val_loss"] for row in run.history]
    assert len(values) == run.best["epoch"] + 3 < 50
    assert min(values) == run.best["val_loss"] == values[run.best["epoch"] - 1]
    assert load_checkpoint(tmp_path / "best.pt", model)["best"] == run.best
    assert evaluate(model, held_out, {"loss": CE})["loss"] == pytest.approx(run.best["val_loss"])


def test_no_progress_bar_under_ci(capfd, monkeypatch):
    monkeypatch.setenv("CI", "true")
    trained()
    assert capfd.readouterr() == ("", "")


def test_a_data_loader_serves_as_well_as_batches():
    X, y = map(torch.from_numpy, planted())
    data = torch.utils.data.TensorDataset(X, y)
    generator = torch.Generator().manual_seed(0)
    loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True, generator=generator)
    model = mlp()
    run = fit(model, loader, CE, adam(model), epochs=3, device="cpu")
    assert run.history[-1]["loss"] < run.history[0]["loss"]


# ---------------------------------------------------------------- measuring


def test_evaluate_leaves_weights_and_the_mode_of_every_part_alone():
    model = cnn()
    model.train()
    model[1].eval()  # a frozen normalisation layer inside a model in training mode
    before = {name: value.clone() for name, value in model.state_dict().items()}
    X, y = np.random.default_rng(0).random((10, 1, 6, 6), dtype=np.float32), np.zeros(10, np.int64)
    evaluate(model, batches(X, y, batch_size=4), {"loss": CE})
    assert [module.training for module in model] == [True, False, True, True, True]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_evaluate_restores_the_mode_after_an_error():
    model = mlp()
    with pytest.raises(ValueError, match="does not accept"):
        evaluate(model, [(torch.zeros(2, 5), torch.zeros(2, dtype=torch.long))], {"loss": CE})
    assert model.training


def test_evaluate_weighs_an_uneven_last_batch_by_its_size():
    X, y = planted(100)
    y = np.sort(y)
    model, metrics = mlp(), {"loss": CE, "accuracy": accuracy}
    whole = evaluate(model, batches(X, y, batch_size=100), metrics)
    uneven = evaluate(model, batches(X, y, batch_size=64), metrics)
    assert uneven == pytest.approx(whole, rel=1e-6)


def test_accuracy_counts_classes_and_signs():
    assert accuracy(torch.tensor([[2.0, 1], [0, 3], [5, 4]]), torch.tensor([0, 1, 1])) == pytest.approx(2 / 3)
    one_logit, truth = torch.tensor([2.0, -1, -3]), torch.tensor([1.0, 0, 1])
    assert accuracy(one_logit, truth) == pytest.approx(2 / 3)
    assert accuracy(one_logit[:, None], truth) == pytest.approx(2 / 3)
    for logits, targets in ((torch.zeros(3, 4), torch.zeros(3, 4)), (torch.zeros(3), torch.zeros(4))):
        with pytest.raises(ValueError, match="accuracy takes logits"):
            accuracy(logits, targets)


def test_predict_gives_all_rows_in_order_and_restores_the_mode():
    X, _ = planted()
    model = mlp(dropout=0.5)
    torch.testing.assert_close(predict(model, X, batch_size=10), predict(model, X, batch_size=1000))
    assert model.training


# ---------------------------------------------------------------- feeding


def test_batches_give_every_row_once_an_epoch_in_a_new_order():
    rows = np.arange(103)
    loader = batches(rows, rows * 2, batch_size=10, shuffle=True, generator=torch.Generator().manual_seed(0))
    first, second = ([torch.cat(part) for part in zip(*loader, strict=True)] for _ in range(2))
    assert len(loader) == 11
    assert sorted(first[0].tolist()) == rows.tolist() == sorted(second[0].tolist())
    assert not torch.equal(first[0], second[0])
    assert torch.equal(first[1], 2 * first[0])


def test_the_order_of_batches_is_that_of_their_generator_whatever_else_draws():
    def order(seed, other_seed):
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(other_seed)
        loader = batches(np.arange(50), batch_size=7, shuffle=True, generator=generator)
        return torch.cat([batch for (batch,) in loader]).tolist()

    assert order(0, 1) == order(0, 2) != order(1, 1)


def test_augment_sees_only_the_first_array_and_the_generator():
    generator = torch.Generator().manual_seed(0)
    X, y = np.ones((5, 2), np.float32), np.arange(5)

    def noisy(x, g):
        assert g is generator
        return x + torch.rand(x.shape, generator=g)

    for x, labels in batches(X, y, batch_size=2, generator=generator, augment=noisy):
        assert (x >= 1).all()
        assert labels.dtype == torch.int64
    assert (X == 1).all()


def test_what_is_done_to_a_batch_in_place_does_not_reach_the_data():
    X, y = -np.ones((6, 2), np.float32), np.zeros(6, np.int64)
    for x, _ in batches(X, y, batch_size=4, augment=lambda x, _: x.mul_(2)):
        assert (x == -2).all()
    predict(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, 2)), X)
    assert (X == -1).all()


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ([], {}, "at least one array"),
        ([np.zeros((0, 3))], {}, "no examples"),
        ([np.zeros(3), np.zeros(4)], {}, r"unequal length \[3, 4\]"),
        ([np.zeros(3)], {"batch_size": 0}, "batch_size is 0"),
        ([np.zeros(3)], {"batch_size": 2.5}, "batch_size is 2.5"),
    ],
)
def test_batches_refuse_what_they_cannot_feed(arrays, options, message):
    with pytest.raises(ValueError, match=message):
        batches(*arrays, **{"batch_size": 2, **options})


def test_pictures_stored_channels_last_come_so_in_every_batch_and_others_as_they_are():
    rows = torch.arange(2 * 3 * 4 * 4.0).reshape(2, 3, 4, 4)
    for layout in (torch.contiguous_format, torch.channels_last):
        for shuffle in (False, True):
            stored = rows.to(memory_format=layout)
            ((batch, order),) = batches(stored, np.arange(2), batch_size=2, shuffle=shuffle)
            assert torch.equal(batch, rows[order])
            assert batch.is_contiguous(memory_format=layout)


PAGES = """
import resource, torch
from torch import nn
from helpers import batches, fit

def pages_of_ten_steps():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        activations = [torch.ones(5_000_000) for _ in range(5)]  # 20 MB each, freed together
        del activations
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

pages_of_ten_steps()
before, model = pages_of_ten_steps(), nn.Linear(2, 1)
sgd = torch.optim.SGD(model.parameters(), lr=0.1)
fit(model, batches(torch.ones(4, 2), torch.ones(4, 1), batch_size=4), nn.MSELoss(), sgd, device="cpu")
pages_of_ten_steps()
print(before > 10_000, pages_of_ten_steps() < 1_000)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no mallopt")
def test_after_fit_what_a_step_frees_is_kept_for_the_next_one():
    giving_back = {"MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"}
    done = subprocess.run(
        [sys.executable, "-c", PAGES],
        capture_output=True,
        text=True,
        env={**os.environ, **giving_back},
        check=True,
    )
    assert done.stdout.split() == ["True", "True"]


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"clip_norm": -1.0}, "clip_norm is -1.0"),
        ({"patience": 2}, "needs validation"),
        ({"resume": True}, "needs checkpoint"),
        ({"precision": torch.float64}, "precision is torch.float64"),
    ],
)
def test_fit_refuses_arguments_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        trained(**options)


def fit_once(X, y, model=None, loss=CE):
    model = model or mlp()
    fit(model, batches(X, y, batch_size=32), loss, adam(model), device="cpu")


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_out_of_range_is_named_before_the_first_update(label):
    X, y = planted()
    y[150] = label
    model = mlp()
    with pytest.raises(ValueError, match=rf"label {label} \(example 150\) is out of range.* 0 to 2"):
        fit_once(X, y, model)
    assert_same_weights(model, mlp())


def test_a_label_out_of_range_from_a_data_loader_is_named_too():
    X, y = planted(64)
    y[40] = 9
    loader = [(torch.from_numpy(X[s]), torch.from_numpy(y[s])) for s in (slice(32), slice(32, 64))]
    model = mlp()
    with pytest.raises(ValueError, match=r"step 2: label 9 \(example 8\)"):
        fit(model, loader, CE, adam(model), device="cpu")


def test_ignored_targets_are_weighed_right_or_refused():
    X, y = planted(96)
    y[:40] = -100  # of the first batches nearly all, of the last none
    with pytest.raises(ValueError, match="say over how many it is a mean"):
        fit_once(X, y)

    def known(targets):
        return int((targets != -100).sum())

    small, large = mlp().double(), mlp().double()
    for model, size, accumulate in ((small, 32, 3), (large, 96, 1)):
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        feed = batches(X.astype(np.float64), y, batch_size=size)
        fit(model, feed, CE, sgd, accumulate=accumulate, count=known, device="cpu")
        assert evaluate(model, feed, {"loss": CE}, count=known)["loss"] == pytest.approx(
            CE(predict(model, X.astype(np.float64)), torch.from_numpy(y)).item(), rel=1e-5
        )
    for mine, theirs in zip(small.parameters(), large.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)


class _Pair(torch.nn.Module):
    """A net whose output is a dictionary, as those of transformers are."""

    def __init__(self):
        super().__init__()
        self.net = mlp()

    def forward(self, X):
        return {"logits": self.net(X)}


@pytest.mark.parametrize(("model", "loss"), [(mlp, CE), (_Pair, lambda out, y: CE(out["logits"], y))])
def test_a_step_without_any_counted_target_changes_nothing_and_an_epoch_without_one_is_refused(model, loss):
    X, y = planted(64)
    y[:32] = -100  # the whole first batch

    def known(targets):
        return int((targets != -100).sum())

    def trained(X, y):
        model_ = (torch.manual_seed(0), model())[1]
        sgd = torch.optim.SGD(model_.parameters(), lr=0.1)
        run = fit(model_, batches(X, y, batch_size=32), loss, sgd, count=known, device="cpu")
        return model_, run.history[0]["loss"]

    (all_, all_loss), (known_, known_loss) = trained(X, y), trained(X[32:], y[32:])
    assert_same_weights(all_, known_)
    assert all_loss == known_loss
    with pytest.raises(ValueError, match="no target of the whole epoch is counted"):
        trained(X[:32], y[:32])


def test_an_optimiser_of_another_model_is_refused():
    X, y = planted()
    with pytest.raises(ValueError, match="holds no parameter of this model"):
        fit(mlp(), batches(X, y, batch_size=32), CE, adam(mlp()), device="cpu")


def test_metrics_without_validation_or_called_loss_are_refused():
    with pytest.raises(ValueError, match="accuracy need validation"):
        trained(metrics={"accuracy": accuracy})
    with pytest.raises(ValueError, match="cannot be called 'loss'"):
        trained(metrics={"loss": CE}, validation=batches(*planted(), batch_size=64))


def test_a_forward_that_uses_view_is_told_what_to_do_and_runs_without_channels_last():
    class Viewing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.again, self.out = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(16, 3)

        def forward(self, x):
            x = self.again(self.conv(x))
            return self.out(x.view(x.size(0), -1))

    X, y = np.random.default_rng(0).random((8, 1, 6, 6), dtype=np.float32), np.zeros(8, np.int64)
    model = Viewing()
    evaluate(model, batches(X, y, batch_size=4), {"loss": CE})
    with pytest.raises(ValueError, match="channels_last=False"):
        fit(model, batches(X, y, batch_size=4), CE, adam(model), device="cpu")
    model = Viewing()
    fit(model, batches(X, y, batch_size=4), CE, adam(model), channels_last=False, device="cpu")


def test_a_model_that_returns_more_than_a_tensor_trains_with_a_loss_that_can_read_it():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = mlp()

        def forward(self, x):
            return self.inner(x), x

    X, y = planted()
    model = Pair()
    fit(model, batches(X, y, batch_size=32), lambda out, t: CE(out[0], t), adam(model), device="cpu")
    with pytest.raises(TypeError, match="returns one tensor, not tuple"):
        predict(model, X)


def test_a_shape_that_does_not_fit_the_model_is_named_with_the_place():
    with pytest.raises(
        ValueError, match=r"epoch 1, step 1: the model does not accept a batch of \(32, 5\) float32"
    ):
        fit_once(np.zeros((40, 5), np.float32), np.zeros(40, np.int64))


def test_targets_that_do_not_fit_the_loss_are_named_with_both_shapes():
    X, y = planted()
    with pytest.raises(ValueError, match=r"outputs \(32, 3\) and targets \(32, 2\)"):
        fit_once(X, np.stack([y, y], 1))


@pytest.mark.parametrize("loader", [[], [(torch.zeros(0, 6), torch.zeros(0, dtype=torch.long))]])
def test_an_empty_loader_or_batch_is_refused(loader):
    model = mlp()
    with pytest.raises(ValueError, match=r"no batches|batch is empty"):
        fit(model, loader, CE, adam(model), device="cpu")
    with pytest.raises(ValueError, match=r"no batches|batch is empty"):
        evaluate(model, loader, {"loss": CE})


def test_a_nan_loss_names_epoch_and_step_and_keeps_the_last_good_checkpoint(tmp_path):
    model, good = mlp(), mlp()
    trained(good, epochs=1)

    def poison(run):
        if run.step == 9:  # 7 steps an epoch: the tenth is the third of epoch 2
            with torch.no_grad():
                run.model[0].weight[0, 0] = math.nan

    with pytest.raises(FloatingPointError, match=r"epoch 2, step 10"):
        trained(model, epochs=3, on_step=(poison,), checkpoint=tmp_path)
    kept = mlp(seed=5)
    load_checkpoint(tmp_path / "last.pt", kept)
    assert_same_weights(kept, good)


def test_a_nan_in_the_data_is_refused_before_it_reaches_the_weights():
    X, y = planted()
    X[-1, 0] = np.nan
    model = mlp()
    with pytest.raises(FloatingPointError, match=r"epoch 1, step 7"):
        fit_once(X, y, model)
    assert all(torch.isfinite(p).all() for p in model.parameters())


# ---------------------------------------------------------------- checkpoints


def test_a_checkpoint_round_trip_gives_weights_and_meta_back(tmp_path):
    model, other = mlp(1), mlp(2)
    save_checkpoint(tmp_path / "deep" / "net.pt", model, classes=["a", "b"], accuracy=0.5)
    assert load_checkpoint(tmp_path / "deep" / "net.pt", other) == {"classes": ["a", "b"], "accuracy": 0.5}
    assert_same_weights(model, other)


def test_a_missing_damaged_or_foreign_checkpoint_is_refused_and_the_model_kept(tmp_path):
    model = mlp()
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*none\.pt"):
        load_checkpoint(tmp_path / "none.pt", model)
    whole = save_checkpoint(tmp_path / "cut.pt", model).read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        load_checkpoint(tmp_path / "cut.pt", model)
    save_checkpoint(tmp_path / "other.pt", nn.Sequential(nn.Linear(4, 16)))
    with pytest.raises(ValueError, match=r"'0\.weight' is \(16, 4\) there, \(16, 6\) here"):
        load_checkpoint(tmp_path / "other.pt", model)
    assert_same_weights(model, mlp())


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "harm"),))

    torch.save({"model": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        load_checkpoint(tmp_path / "evil.pt", mlp())
    assert not (tmp_path / "harm").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX feature")
def test_a_full_disk_leaves_the_old_checkpoint_and_no_partial_file(tmp_path):
    code = """
import resource, signal, sys, torch
from torch import nn
from helpers import save_checkpoint, load_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
model, path = nn.Linear(100, 100), sys.argv[1]
save_checkpoint(path, model, round=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    save_checkpoint(path, model, round=2)
except (OSError, RuntimeError):
    print(load_checkpoint(path, model)["round"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "net.pt")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["net.pt"]


RESUME = """
import os, signal, sys
import torch
from torch import nn
sys.path.insert(0, sys.argv[1])
from test_training import CE, adam, mlp, planted
from helpers import batches, fit, seed_everything

_, _, folder, kill_at, resume = sys.argv
generator = seed_everything(3)
X, y = planted()
model = mlp(dropout=0.2)
optimizer = adam(model)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 35)
noisy = lambda x, g: x + 0.1 * torch.randn(x.shape, generator=g)
loader = batches(X, y, batch_size=32, shuffle=True, generator=generator, augment=noisy)

def killer(run):
    if run.step == int(kill_at):
        os.kill(os.getpid(), signal.SIGKILL)

run = fit(model, loader, CE, optimizer, epochs=5, schedule=schedule, device="cpu", on_step=(killer,),
          validation=batches(X, y, batch_size=64), checkpoint=folder, resume=resume == "yes")
torch.save({"weights": model.state_dict(), "history": [r["loss"] for r in run.history]}, folder + "/end.pt")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_a_run_killed_in_mid_epoch_and_resumed_ends_bit_for_bit_as_one_never_interrupted(tmp_path):
    def start(folder, kill_at, resume):
        folder.mkdir(exist_ok=True)
        arguments = [str(ROOT / "tests" / "helpers"), str(folder), str(kill_at), resume]
        return subprocess.run([sys.executable, "-c", RESUME, *arguments], capture_output=True, text=True)

    assert start(tmp_path / "whole", -1, "no").returncode == 0
    assert start(tmp_path / "cut", 17, "no").returncode == -signal.SIGKILL  # 7 steps an epoch
    assert start(tmp_path / "cut", 24, "yes").returncode == -signal.SIGKILL  # and once more, in epoch 4
    resumed = start(tmp_path / "cut", -1, "yes")
    assert (resumed.returncode, resumed.stdout.strip()) == (0, "resumed after epoch 3 (last.pt)"), (
        resumed.stderr
    )
    whole, cut = (torch.load(tmp_path / name / "end.pt", weights_only=True) for name in ("whole", "cut"))
    assert whole["history"] == cut["history"]
    for name, value in whole["weights"].items():
        assert torch.equal(value, cut["weights"][name]), name


def test_a_fresh_run_keeps_the_old_checkpoint_aside(tmp_path):
    trained(epochs=1, checkpoint=tmp_path)
    before = (tmp_path / "last.pt").read_bytes()
    trained(epochs=1, checkpoint=tmp_path)
    assert (tmp_path / "last.old.pt").read_bytes() == before
    held_out = batches(*planted(), batch_size=64)
    for _ in range(2):
        trained(epochs=1, validation=held_out, checkpoint=tmp_path)
    assert (tmp_path / "best.old.pt").exists()


def test_what_a_checkpoint_cannot_give_back_is_refused_when_it_is_saved(tmp_path):
    save_checkpoint(tmp_path / "net.pt", mlp(), accuracy=np.float64(0.5), counts=[np.int64(3)])
    assert load_checkpoint(tmp_path / "net.pt", mlp()) == {"accuracy": 0.5, "counts": [3]}
    with pytest.raises(TypeError, match=r"meta\['when'\] is a date"):
        save_checkpoint(tmp_path / "net.pt", mlp(), when=__import__("datetime").date(2026, 1, 1))
    assert load_checkpoint(tmp_path / "net.pt", mlp())["accuracy"] == 0.5


def test_numpy_and_python_random_numbers_continue_after_a_resume(tmp_path):
    import random

    def draws(run):
        drawn.append((random.random(), np.random.rand()))  # noqa: NPY002 - what a library would do

    drawn = []
    trained(epochs=4, checkpoint=tmp_path / "whole", on_epoch=(draws,))
    whole, drawn = drawn, []
    trained(epochs=2, checkpoint=tmp_path / "cut", on_epoch=(draws,))
    trained(epochs=4, checkpoint=tmp_path / "cut", resume=True, on_epoch=(draws,), seed=9)
    assert drawn == whole


def test_resume_refuses_another_optimiser_another_model_or_an_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        trained(checkpoint=tmp_path / "empty", resume=True)
    trained(epochs=1, checkpoint=tmp_path)
    X, y = planted()
    model = mlp()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="written with Adam, this run uses SGD"):
        fit(model, batches(X, y, batch_size=32), CE, sgd, checkpoint=tmp_path, resume=True, device="cpu")
    wide = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Dropout(0.0), nn.Linear(9, 3))
    with pytest.raises(ValueError, match="belongs to another model"):
        trained(wide, checkpoint=tmp_path, resume=True)


def test_a_checkpoint_folder_that_cannot_be_written_fails_before_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    steps = []
    with pytest.raises(OSError, match="file"):
        trained(checkpoint=tmp_path / "file" / "run", on_step=(lambda run: steps.append(run.step),))
    assert steps == []


# ---------------------------------------------------------------- several processes


DISTRIBUTED = """
import json, sys
import torch
sys.path.insert(0, sys.argv[1])
from test_training import CE, mlp, planted
from helpers import accuracy, batches, evaluate, fit, seed_everything

seed_everything(0)
X, y = planted(97)  # 97 = 3 x 32 + 1: the last batch leaves one process without an example
model = mlp()
sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loader = batches(X, y, batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(0))
run = fit(model, loader, CE, sgd, epochs=3, accumulate=int(sys.argv[3]), device="cpu",
          validation=loader, metrics={"accuracy": accuracy})
import torch.distributed as dist
if not dist.is_initialized() or dist.get_rank() == 0:
    row = {k: v for k, v in run.history[-1].items() if k != "seconds"}
    torch.save({"weights": model.state_dict(), "row": row,
                "world": dist.get_world_size() if dist.is_initialized() else 1}, sys.argv[2])
"""


TOGETHER = """
import sys
import torch
sys.path.insert(0, sys.argv[1])
from test_training import CE, adam, cnn
import numpy as np
from helpers import batches, fit, seed_everything

rng = np.random.default_rng(0)
X, y = rng.random((40, 1, 6, 6), dtype=np.float32), rng.integers(0, 3, 40)
model = cnn()
try:
    fit(model, batches(X, y, batch_size=16, shuffle=True), CE, adam(model), device="cpu")
except ValueError as error:
    refused = "seeded generator" in str(error)
loader = batches(X, y, batch_size=16, shuffle=True, generator=seed_everything(0))
import torch.distributed as dist

def stop(run):
    run.stop = run.step == 5 and dist.get_rank() == 1  # one process alone wants to stop

run = fit(model, loader, CE, adam(model), epochs=3, device="cpu", on_step=(stop,), validation=loader)
states = [None, None]
dist.all_gather_object(states, {k: v for k, v in model.state_dict().items() if "num_batches" not in k})
same = all(torch.equal(states[0][k], states[1][k]) for k in states[0] if "running" not in k)
fit(model, loader, CE, adam(model), epochs=1, device="cpu", validation=loader)
dist.all_gather_object(states, model.state_dict())
buffers = all(torch.equal(states[0][k], states[1][k]) for k in states[0])
if dist.get_rank() == 0:
    print(refused, run.step, same, buffers)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="gloo over torchrun is tested on Linux and macOS")
def test_processes_under_torchrun_stop_together_share_statistics_and_need_a_seeded_order(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(script), str(ROOT / "tests" / "helpers")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["True", "5", "True", "True"], done.stderr[-3000:]


@pytest.mark.skipif(sys.platform == "win32", reason="gloo over torchrun is tested on Linux and macOS")
@pytest.mark.parametrize("accumulate", [1, 3])
def test_two_processes_under_torchrun_end_where_one_process_ends(tmp_path, accumulate):
    script = tmp_path / "train.py"
    script.write_text(DISTRIBUTED)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    results = []
    for processes in (1, 2):
        out = tmp_path / f"{processes}.pt"
        command = [sys.executable]
        if processes > 1:
            command += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        command += [str(script), str(ROOT / "tests" / "helpers"), str(out), str(accumulate)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        results.append(torch.load(out, weights_only=True))
    one, two = results
    assert (one["world"], two["world"]) == (1, 2)
    assert two["row"] == pytest.approx(one["row"], rel=1e-5)
    for name, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], value, rtol=0, atol=1e-5)


# ---------------------------------------------------------------- accelerators


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
def test_fit_learns_on_a_gpu_in_each_precision(precision):
    X, y = planted()
    model = mlp()
    run = fit(
        model, batches(X, y, batch_size=32), CE, adam(model), epochs=10, precision=precision, device="cuda"
    )
    assert run.history[-1]["loss"] < 0.5 * run.history[0]["loss"]


def test_history_is_plain_numbers_that_json_can_hold():
    _, run = trained(validation=batches(*planted(), batch_size=50), metrics={"accuracy": accuracy})
    assert json.loads(json.dumps(run.history)) == run.history
    assert set(run.history[0]) == {"epoch", "loss", "lr", "val_loss", "val_accuracy", "seconds"}
