"""Claims about a run that is continued: what the caller says now holds, all else goes on bit for bit."""

import math
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    SequentialLR,
)
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from helpers import batches, fit, load_checkpoint, save_checkpoint
from tests.helpers.test_training import CE, adam, assert_same_weights, mlp, planted, trained

STEPS = 7  # of an epoch: 203 rows in batches of 32


def run_to(epochs, folder, *, make_schedule=None, resume=False, optimizer=None, **options):
    """The history of a seeded run, a model and an optimiser made afresh as after a restart."""
    model = mlp()
    optimizer = (optimizer or (lambda parameters: torch.optim.SGD(parameters, lr=0.1)))(model.parameters())
    schedule = make_schedule(optimizer) if make_schedule else None
    X, y = planted()
    feed = batches(X, y, batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(1))
    options = {"epochs": epochs, "checkpoint": folder, "resume": resume, "device": "cpu", **options}
    run = fit(model, feed, CE, optimizer, schedule=schedule, **options)
    return run


def rates(run):
    return [row["lr"] for row in run.history]


# ---------------------------------------------------------------- what the caller says


def test_after_fits_own_advice_the_run_continues_with_a_tenth_of_the_rate(tmp_path, capsys):
    def far_too_high(run):
        if run.step == 10:
            run.model[0].weight.data[0, 0] = math.nan

    with pytest.raises(FloatingPointError, match=r"last\.pt.*try a tenth"):
        run_to(4, tmp_path, on_step=(far_too_high,))
    run = run_to(4, tmp_path, resume=True, optimizer=lambda p: torch.optim.SGD(p, lr=0.01))
    assert rates(run) == pytest.approx([0.1, 0.01, 0.01, 0.01])
    assert "resumed after epoch 1 (last.pt), lr 0.01 (was 0.1)" in capsys.readouterr().out


def test_momentum_and_weight_decay_are_those_the_caller_says_now_and_the_averages_are_kept(tmp_path, capsys):
    def first(p):
        return torch.optim.SGD(p, lr=0.1, momentum=0.9)

    def second(p):
        return torch.optim.SGD(p, lr=0.1, momentum=0.5, weight_decay=0.01)

    run_to(1, tmp_path, optimizer=first)
    run = run_to(2, tmp_path, optimizer=second, resume=True)
    group = run.optimizer.param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.1, 0.5, 0.01)
    said = capsys.readouterr().out
    assert "momentum 0.5 (was 0.9)" in said
    assert "weight_decay 0.01 (was 0)" in said
    again = torch.load(tmp_path / "last.pt", weights_only=True)["optimizer"]["param_groups"][0]
    assert (again["momentum"], again["weight_decay"]) == (0.5, 0.01)


def test_each_group_of_parameters_takes_its_own_new_rate(tmp_path, capsys):
    def groups(low):
        def make(parameters):
            parameters = list(parameters)
            return torch.optim.SGD(
                [{"params": parameters[:2], "lr": low}, {"params": parameters[2:]}], lr=0.1
            )

        return make

    run_to(1, tmp_path, optimizer=groups(0.01))
    run = run_to(2, tmp_path, optimizer=groups(0.001), resume=True)
    assert [group["lr"] for group in run.optimizer.param_groups] == [0.001, 0.1]
    assert "lr 0.001, 0.1 (was 0.01, 0.1)" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"groups of \[2, 2\] parameters, in this run of \[4\]"):
        run_to(3, tmp_path, resume=True)


SCHEDULES = {
    "cosine": lambda o, steps: CosineAnnealingLR(o, steps),
    "one cycle": lambda o, steps: OneCycleLR(o, 0.1, total_steps=steps),
    "decay": lambda o, steps: ExponentialLR(o, 0.01 ** (1 / steps)),
    "restarts": lambda o, steps: CosineAnnealingWarmRestarts(o, steps),
    "warm-up": lambda o, steps: SequentialLR(
        o, [LinearLR(o, 0.1, total_iters=3), CosineAnnealingLR(o, steps)], milestones=[3]
    ),
}


@pytest.mark.parametrize("kind", SCHEDULES)
def test_a_schedule_for_more_epochs_goes_on_as_if_it_had_been_the_first(tmp_path, kind, capsys):
    def to(epochs):
        return lambda optimizer: SCHEDULES[kind](optimizer, epochs * STEPS)

    whole = run_to(4, tmp_path / "whole", make_schedule=to(4))
    run_to(2, tmp_path / "cut", make_schedule=to(2))
    run = run_to(4, tmp_path / "cut", make_schedule=to(4), resume=True)
    assert rates(run)[2:] == pytest.approx(rates(whole)[2:])
    assert "(was" in capsys.readouterr().out


@pytest.mark.parametrize("kind", SCHEDULES)
def test_the_same_schedule_is_continued_bit_for_bit_and_without_a_word(tmp_path, kind, capsys):
    def same(optimizer):
        return SCHEDULES[kind](optimizer, 4 * STEPS)

    whole = run_to(4, tmp_path / "whole", make_schedule=same)
    run_to(2, tmp_path / "cut", make_schedule=same)
    run = run_to(4, tmp_path / "cut", make_schedule=same, resume=True)
    assert rates(run) == rates(whole)
    assert_same_weights(run.model, whole.model)
    assert capsys.readouterr().out == "resumed after epoch 2 (last.pt)\n"


def test_a_schedule_that_comes_or_goes_on_resume_is_what_the_caller_says(tmp_path):
    def decay(optimizer):
        return LambdaLR(optimizer, lambda step: 1 / (1 + step))

    run_to(1, tmp_path / "comes")
    run = run_to(2, tmp_path / "comes", make_schedule=decay, resume=True)
    assert rates(run) == pytest.approx([0.1, 0.1 / 14])
    run_to(1, tmp_path / "goes", make_schedule=decay)
    assert rates(run_to(2, tmp_path / "goes", resume=True)) == pytest.approx([0.1 / 7, 0.1])


def test_a_rate_that_a_hook_has_changed_stays_changed(tmp_path):
    def halve(run):
        run.optimizer.param_groups[0]["lr"] /= 2

    whole = run_to(4, tmp_path / "whole", on_epoch=(halve,))
    run_to(2, tmp_path / "cut", on_epoch=(halve,))
    assert rates(run_to(4, tmp_path / "cut", on_epoch=(halve,), resume=True)) == rates(whole)


def test_the_objects_of_an_interrupted_cell_serve_for_the_resumed_one(tmp_path):
    def interrupt(run):
        if run.step == 10:
            raise KeyboardInterrupt

    X, y = planted()
    results = []
    for hooks in ((), (interrupt,)):
        model, generator = mlp(), torch.Generator().manual_seed(1)
        sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        schedule = OneCycleLR(sgd, 0.1, total_steps=3 * STEPS)
        feed = batches(X, y, batch_size=32, shuffle=True, generator=generator)
        options = {"epochs": 3, "schedule": schedule, "checkpoint": tmp_path, "device": "cpu"}
        if hooks:
            with pytest.raises(KeyboardInterrupt):
                fit(model, feed, CE, sgd, on_step=hooks, **options)
        results.append(fit(model, feed, CE, sgd, resume=bool(hooks), **options))
    assert rates(results[0]) == rates(results[1])
    assert_same_weights(results[0].model, results[1].model)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda o: CosineAnnealingLR(o, 2 * STEPS),
            r"ends at step 14 and would rise again: .*of the run, 28",
        ),
        (lambda o: OneCycleLR(o, 0.1, total_steps=2 * STEPS), r"ends at step 14: .*of the run, 28"),
    ],
)
def test_a_schedule_that_ends_before_the_run_is_refused_before_anything_is_touched(tmp_path, make, message):
    run_to(2, tmp_path, make_schedule=make)
    before = (tmp_path / "last.pt").read_bytes()
    for resume in (True, False):
        with pytest.raises(ValueError, match=message):
            run_to(4, tmp_path, make_schedule=make, resume=resume)
    assert (tmp_path / "last.pt").read_bytes() == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: OneCycleLR(o, 0.1, total_steps=5), r"epoch 1, step 6: the schedule ends at step 5: it is"),
        (
            lambda o: CosineAnnealingLR(o, 5),
            r"epoch 1, step 6: the schedule ends at step 5 and would rise again",
        ),
    ],
)
def test_a_schedule_that_ends_before_the_run_stops_it_there_where_its_length_is_not_known(make, message):
    class Stream:
        def __iter__(self):
            return iter(batches(*planted(), batch_size=32))

    def stop_at_five(run):
        run.stop = run.step == 5

    for feed, hooks in ((Stream(), ()), (batches(*planted(), batch_size=32), (lambda run: None,))):
        model = mlp()
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        with pytest.raises(ValueError, match=message):
            fit(model, feed, CE, sgd, schedule=make(sgd), on_step=hooks, device="cpu")
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        fit(model, feed, CE, sgd, schedule=make(sgd), on_step=(stop_at_five,), device="cpu")


def test_one_schedule_may_serve_two_runs_one_after_the_other():
    model = mlp()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = OneCycleLR(sgd, 0.1, total_steps=2 * STEPS)
    feed = batches(*planted(), batch_size=32)
    for _ in range(2):
        fit(model, feed, CE, sgd, schedule=schedule, device="cpu")
    with pytest.raises(ValueError, match=r"ends at step 14: .* of the run, 21"):
        fit(model, feed, CE, sgd, schedule=schedule, device="cpu")


def test_a_schedule_of_another_optimiser_is_refused():
    model = mlp()
    schedule = CosineAnnealingLR(adam(model), 100)
    with pytest.raises(ValueError, match="belongs to another optimiser"):
        fit(model, batches(*planted(), batch_size=32), CE, adam(model), schedule=schedule, device="cpu")


# ---------------------------------------------------------------- bit for bit


def loaders(generator):
    data = TensorDataset(*map(torch.from_numpy, planted()))
    sampler = RandomSampler(data, generator=generator)
    yield DataLoader(data, batch_size=32, sampler=sampler)
    yield DataLoader(data, batch_sampler=BatchSampler(sampler, 32, False))
    yield DataLoader(data, sampler=BatchSampler(sampler, 32, False), batch_size=None)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_generator_that_only_a_sampler_holds_is_restored(tmp_path, kind):
    def run_to(epochs, folder, seed, resume=False):
        model, feed = mlp(), list(loaders(torch.Generator().manual_seed(seed)))[kind]
        torch.manual_seed(0)
        options = {"epochs": epochs, "checkpoint": folder, "resume": resume, "device": "cpu"}
        return fit(model, feed, CE, adam(model), **options)

    whole = run_to(4, tmp_path / "whole", seed=1)
    run_to(2, tmp_path / "cut", seed=1)
    resumed = run_to(4, tmp_path / "cut", seed=9, resume=True)
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]
    assert_same_weights(resumed.model, whole.model)


def test_the_generator_of_the_validation_data_is_restored_too(tmp_path):
    def run_to(epochs, folder, seed, resume=False):
        model, generator = mlp(), torch.Generator().manual_seed(seed)
        noisy = batches(
            *planted(),
            batch_size=64,
            generator=generator,
            augment=lambda x, g: x + torch.rand(1, generator=g),
        )
        options = {"epochs": epochs, "checkpoint": folder, "resume": resume, "device": "cpu"}
        run = fit(model, batches(*planted(), batch_size=32), CE, adam(model), validation=noisy, **options)
        return [row["val_loss"] for row in run.history]

    whole = run_to(4, tmp_path / "whole", seed=1)
    run_to(2, tmp_path / "cut", seed=1)
    assert run_to(4, tmp_path / "cut", seed=9, resume=True) == whole


def test_a_loader_that_draws_without_its_old_generator_is_named(tmp_path, capsys):
    run_to(1, tmp_path)
    model = mlp()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    feed = batches(*planted(), batch_size=32, shuffle=True)
    fit(model, feed, CE, sgd, epochs=2, checkpoint=tmp_path, resume=True, device="cpu")
    assert "generators of the loaders 0 (was 1)" in capsys.readouterr().out


# ---------------------------------------------------------------- best and patience


def planned(values):
    """Validation whose losses are those of the list, one an epoch."""
    left = iter(values)
    return [(torch.zeros(1, 6), torch.zeros(1, dtype=torch.long))], lambda out, y: CE(out, y) * 0 + next(left)


def run_with(values, folder, *, epochs, resume=False, patience=None):
    """A run whose val_loss goes as planned: the loss tells validation, in eval mode, from training."""
    model = mlp()
    held_out, val_loss = planned(values)

    def loss(outputs, targets):
        return CE(outputs, targets) if outputs.requires_grad else val_loss(outputs, targets)

    options = {"checkpoint": folder, "resume": resume, "patience": patience, "device": "cpu"}
    feed = batches(*planted(), batch_size=32)
    return fit(model, feed, loss, adam(model), epochs=epochs, validation=held_out, **options)


def test_the_best_epoch_is_remembered_on_resume_and_its_weights_are_kept(tmp_path):
    run_with([3.0, 1.0], tmp_path, epochs=2)
    best = (tmp_path / "best.pt").read_bytes()
    run = run_with([2.0, 1.5], tmp_path, epochs=4, resume=True)
    assert run.best == {"epoch": 2, "val_loss": 1.0}
    assert (tmp_path / "best.pt").read_bytes() == best
    run = run_with([0.5], tmp_path, epochs=5, resume=True)
    assert run.best == {"epoch": 5, "val_loss": 0.5}
    assert load_checkpoint(tmp_path / "best.pt", mlp())["best"] == run.best
    assert_same_weights(run.model, (kept := mlp(), load_checkpoint(tmp_path / "best.pt", kept))[0])


def test_patience_goes_on_counting_after_a_resume(tmp_path):
    run_with([1.0, 2.0], tmp_path, epochs=2, patience=3)
    run = run_with([2.0] * 9, tmp_path, epochs=9, resume=True, patience=3)
    assert len(run.history) == 4


def test_an_equal_loss_is_not_better(tmp_path):
    run = run_with([2.0, 2.0, 2.0, 2.0], tmp_path, epochs=9, patience=3)
    assert (run.best["epoch"], len(run.history)) == (1, 4)
    first, last = mlp(), mlp()
    load_checkpoint(tmp_path / "best.pt", first)
    load = torch.load(tmp_path / "last.pt", weights_only=True)
    last.load_state_dict(load["model"])
    assert not torch.equal(first[0].weight, last[0].weight)


def test_patience_ends_where_the_validation_loss_is_nan_from_the_first_epoch(tmp_path):
    run = run_with([math.nan] * 9, tmp_path, epochs=9, patience=2)
    assert (run.best, len(run.history)) == ({}, 2)
    assert not (tmp_path / "best.pt").exists()


def test_epochs_without_validation_do_not_use_patience_up(tmp_path):
    trained(epochs=3, checkpoint=tmp_path)
    held_out = batches(*planted(), batch_size=64)
    run = trained(epochs=5, checkpoint=tmp_path, resume=True, validation=held_out, patience=2)[1]
    assert len(run.history) == 5


# ---------------------------------------------------------------- what a file holds


def test_a_plain_state_dict_and_that_of_a_compiled_model_load(tmp_path):
    model = mlp(1)
    torch.save(model.state_dict(), tmp_path / "plain.pt")
    torch.save(OrderedDict((f"_orig_mod.{k}", v) for k, v in model.state_dict().items()), tmp_path / "old.pt")
    for name in ("plain.pt", "old.pt"):
        other = mlp(2)
        assert load_checkpoint(tmp_path / name, other) == {}
        assert_same_weights(other, model)


def test_a_compiled_models_checkpoint_is_one_of_the_model_and_the_other_way_round(tmp_path):
    compiled, plain = torch.compile(mlp(1), backend="eager"), mlp(2)
    save_checkpoint(tmp_path / "compiled.pt", compiled)
    load_checkpoint(tmp_path / "compiled.pt", plain)
    assert_same_weights(plain, mlp(1))
    save_checkpoint(tmp_path / "plain.pt", mlp(3))
    load_checkpoint(tmp_path / "plain.pt", compiled)
    assert_same_weights(compiled, mlp(3))


@pytest.mark.parametrize("content", [[1, 2], {"model": 3}, {"epoch": 1, "loss": 0.5}])
def test_a_file_without_weights_is_refused_by_name(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt holds no weights"):
        load_checkpoint(tmp_path / "other.pt", mlp())


def test_weights_alone_are_no_run_to_continue(tmp_path):
    save_checkpoint(tmp_path / "last.pt", mlp())
    with pytest.raises(ValueError, match="holds no run to continue"):
        run_to(2, tmp_path, resume=True)


FULL = """
import resource, signal, sys, torch
from torch import nn
from helpers import batches, fit, load_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, model = sys.argv[1], nn.Linear(200, 200)
sgd = torch.optim.SGD(model.parameters(), lr=0.01)

def fill_up(run):
    if run.epoch == 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

feed = batches(torch.ones(4, 200), torch.ones(4, 200), batch_size=4)
try:
    fit(model, feed, nn.MSELoss(), sgd, epochs=3, checkpoint=folder, on_epoch=(fill_up,), device="cpu")
except OSError as error:
    print(error)
print(torch.load(folder + "/last.pt", weights_only=True)["run"]["epoch"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX feature")
def test_a_full_disk_is_explained_and_the_last_epochs_checkpoint_stays(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True)
    said, epoch = done.stdout.splitlines()
    assert "last.pt could not be written" in said
    assert "resume=True" in said
    assert epoch == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]


def test_epochs_may_be_a_number_of_numpy(tmp_path):
    _, run = trained(epochs=np.int64(2), patience=np.int32(3), validation=batches(*planted(), batch_size=64))
    assert run.epoch == 2
    for wrong in (True, 2.0, "2"):
        with pytest.raises(ValueError, match="epochs is"):
            trained(epochs=wrong)


def test_a_run_in_mixed_precision_gets_its_loss_scale_back(tmp_path):
    model = nn.Linear(6, 3)
    feed = batches(*planted(), batch_size=32)
    options = {"precision": torch.float16, "checkpoint": tmp_path, "device": "cpu"}
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    fit(model, [(x * 1000, y) for x, y in feed], CE, sgd, **options)
    scale = torch.load(tmp_path / "last.pt", weights_only=True)["scaler"]["scale"]
    assert scale < 2.0**16
    fit(model, feed, CE, sgd, epochs=2, resume=True, **options)
    assert torch.load(tmp_path / "last.pt", weights_only=True)["scaler"]["scale"] == scale
