"""Section 4.1b: normalisation and schedules equal torch's, and networks side by side share nothing."""

from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from helpers import load_data
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
F = torch.nn.functional

from helpers.chapters.side_by_side import SideBySide, answers, loss_of_all, scores  # noqa: E402

group_norm, rate_at = find("4.1.5").solution, find("4.1.6").solution
NOTEBOOK = ENGLISH / "4_training" / "1b_starting_well.ipynb"


@pytest.fixture(scope="module")
def part():
    """What 4.1b defines, with the course's answers to its exercises."""
    threads = torch.get_num_threads()
    names = {"group_norm": group_norm, "rate_at": rate_at}
    names = define(NOTEBOOK, namespace=names, whole=("constants", "schedules"))
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


# ---------------------------------------------------------------- normalisation


@pytest.mark.parametrize("seed", range(5))
def test_batch_normalisation_equals_torchs_in_training_and_in_use(part, seed):
    torch.manual_seed(seed)
    batch, width = 2 + 3 * seed, 1 + seed
    ours, theirs = part.BatchNorm(), torch.nn.BatchNorm1d(width, affine=False, dtype=torch.float64)
    for _ in range(4):
        x = 5 * torch.randn(batch, width, dtype=torch.float64) - 1
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    torch.testing.assert_close(ours.variance[0], theirs.running_var)


def test_each_of_several_networks_has_its_own_batch_statistics(part):
    x = torch.randn(3, 6, 4, dtype=torch.float64) * torch.tensor([1.0, 5.0, 9.0]).view(3, 1, 1)
    together = part.BatchNorm()(x)
    for one, alone in zip(together, x, strict=True):
        torch.testing.assert_close(one, part.BatchNorm()(alone))


def test_a_batch_of_one_cannot_be_normalised(part):
    with pytest.raises(ValueError, match="at least 2 examples to train, not 1"):
        part.BatchNorm()(torch.randn(1, 4))
    assert part.BatchNorm().eval()(torch.ones(1, 4)).shape == (1, 4)


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_groups_equal_torchs(groups):
    X = np.random.default_rng(0).normal(3, 2, size=(5, 8))
    np.testing.assert_allclose(group_norm(X, groups), F.group_norm(torch.tensor(X), groups), rtol=1e-9)


def test_the_layer_and_the_groups_of_the_experiment_are_torchs(part):
    x = torch.randn(2, 5, part.WIDTH)
    torch.testing.assert_close(part.GroupNorm()(x)[1], F.group_norm(x[1], 4))


def test_three_times_the_weights_give_the_same_signals_and_a_third_of_the_slopes(part):
    torch.manual_seed(0)
    x, W, V = (torch.randn(*shape, dtype=torch.float64) for shape in ((20, 8), (8, 6), (6, 3)))
    slopes = []
    for scale in (1, 3):
        scaled = (scale * W).requires_grad_()
        F.cross_entropy(part.normalise(x @ scaled, 1, eps=0).relu() @ V, torch.arange(20) % 3).backward()
        slopes.append(scaled.grad)
    torch.testing.assert_close(slopes[1], slopes[0] / 3)


def test_a_batch_of_two_leaves_the_sign_of_the_difference(part):
    pair = torch.tensor([[5.0, -80.0], [5.2, -80.5]], dtype=torch.float64)
    torch.testing.assert_close(part.normalise(pair, 0, eps=0), torch.tensor([[-1.0, 1], [1, -1]]).double())


@pytest.fixture(scope="module")
def trained(part):
    """A function that trains two networks as 4.1b does -> the model."""
    from helpers import batches, fit

    X, y = (array[:1156] for array in load_data("digits", "train"))
    X = (X.reshape(len(X), 64) - 0.306) / 0.376

    def train(hidden, norm, rate, *, scale=1.0, epochs=10, batch_size=64):
        torch.manual_seed(0)
        model = SideBySide([64, *[32] * hidden, 10], [scale] * 2, norm)
        feed = batches(X, y, batch_size=batch_size, shuffle=True, generator=torch.Generator().manual_seed(1))
        fit(model, feed, loss_of_all, torch.optim.Adam(model.parameters(), lr=rate), epochs=epochs)
        return model

    return train


@pytest.fixture(scope="module")
def exam():
    X, y = load_data("digits", "val")
    return torch.tensor((X.reshape(len(X), 64) - 0.306) / 0.376), torch.tensor(y)


def test_after_batches_of_two_the_network_is_no_better_in_pairs_than_with_running_averages(
    part, trained, exam
):
    model, (X, y) = trained(3, part.BatchNorm, 0.01, epochs=1, batch_size=2), exam
    in_use = scores(model, X, y).mean()
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0)).view(-1, 2)
    with torch.no_grad():
        pairs = np.mean([(model.train()(X[two]).argmax(-1) == y[two]).float().mean() for two in order])
    assert pairs < in_use < 0.65


def test_normalisation_bears_a_rate_that_a_plain_network_does_not(part, trained, exam):
    plain, normed = (
        scores(trained(3, norm, 0.1, batch_size=128), *exam).mean()
        for norm in (torch.nn.Identity, part.layer)
    )
    assert plain < 0.75
    assert normed > 0.85


def test_with_a_fourfold_rate_a_fourfold_start_learns_like_hes(part, trained, exam):
    he, slow, fast = (
        scores(trained(20, part.layer, rate, scale=scale), *exam).mean()
        for scale, rate in ((1, 0.001), (4, 0.001), (4, 0.004))
    )
    assert slow < he - 0.1
    assert abs(fast - he) < 0.15


# ---------------------------------------------------------------- starts


def test_torchs_linear_layer_begins_with_a_third_of_one_over_n():
    torch.manual_seed(0)
    weight = torch.nn.Linear(1000, 1000).weight
    assert weight.std().item() == pytest.approx((1 / 3000) ** 0.5, rel=0.01)
    assert weight.abs().max().item() <= 1000**-0.5


def test_with_its_biases_pytorchs_start_forgets_the_picture():
    torch.manual_seed(0)
    h = torch.randn(64, 32)
    for _ in range(20):
        h = torch.relu(torch.nn.Linear(32, 32)(h))
    assert h.pow(2).mean().sqrt() > 0.05 > 1e4 * h.std(0).max()


# ---------------------------------------------------------------- rates


def torchs(make, steps=60):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def test_the_schedules_equal_torchs(part):
    lr = torch.optim.lr_scheduler
    theirs = {
        "constant": lambda o: lr.ConstantLR(o, 1.0),
        "step": lambda o: lr.StepLR(o, 20, 0.1),
        "exponential": lambda o: lr.ExponentialLR(o, 0.01 ** (1 / 60)),
        "cosine": lambda o: lr.CosineAnnealingLR(o, 60),
        "warm-up": lambda o: lr.LinearLR(o, 1 / 6, 1.0, 5),
        "warm-up, cosine": lambda o: lr.SequentialLR(
            o, [lr.LinearLR(o, 1 / 6, 1.0, 5), lr.CosineAnnealingLR(o, 54)], [6]
        ),
    }
    assert theirs.keys() == part.SCHEDULES.keys()
    for name, shape in part.SCHEDULES.items():
        ours = [shape(step, 60) for step in range(60)]
        np.testing.assert_allclose(ours, torchs(theirs[name]), atol=1e-9, err_msg=name)


def test_the_finder_raises_the_rate_by_equal_factors_and_stops_when_the_loss_shoots_up(part):
    from helpers import batches

    X, y = load_data("digits", "train")
    feed = batches(X[:640].reshape(640, 64), y[:640], batch_size=64)
    model = SideBySide([64, 10], [1.0])  # hidden units may die, and nothing shoots up
    rates, losses = part.find_rates(model, feed, torch.optim.Adam, low=1e-3, high=1e4, steps=71)
    assert rates[0] == pytest.approx(1e-3)
    assert len(rates) == len(losses) < 71
    np.testing.assert_allclose(rates[1:] / rates[:-1], 1e7 ** (1 / 70))
    assert losses[-1] > 2 * losses[0] >= losses[:-1].max()


# ---------------------------------------------------------------- side by side


def test_networks_side_by_side_learn_as_each_does_alone():
    X, y = (torch.tensor(array[:32]) for array in load_data("digits", "train"))
    X = X.flatten(1)
    together = SideBySide([64, 8, 10], [0.5, 1.0, 2.0], seed=3)
    alone = SideBySide([64, 8, 10], [1.0])
    for one, all_of_them in zip(alone.weights, together.weights, strict=True):
        one.data = all_of_them.data[1:2].clone()
    for model in (together, alone):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            loss_of_all(model(X), y).backward()
            optimizer.step()
    torch.testing.assert_close(together(X)[1], alone(X)[0])
    np.testing.assert_allclose(scores(together, X, y)[1], scores(alone, X, y)[0])


def test_the_loss_of_all_is_the_sum_of_their_losses():
    logits, y = torch.randn(4, 6, 3), torch.arange(6) % 3
    for smoothing in (0.0, 0.2):
        each = [F.cross_entropy(z, y, label_smoothing=smoothing) for z in logits]
        torch.testing.assert_close(loss_of_all(logits, y, smoothing), sum(each))


def test_scores_are_shares_in_eval_mode_and_leave_the_mode_alone():
    model = SideBySide([4, 50, 2], [1.0] * 3, after=lambda: torch.nn.Dropout(0.9))
    x, y = torch.randn(40, 4), torch.zeros(40, dtype=torch.int64)
    first = scores(model, x, y)
    np.testing.assert_array_equal(first, scores(model, x, y))
    expected = (model.eval()(x).argmax(-1) == 0).float().mean(1)
    np.testing.assert_allclose(first, expected)
    model.train()
    scores(model, x, y)
    assert model.training
    assert model.after[0].training


def test_answers_are_the_logits_of_all_rows_in_the_mode_the_model_is_in():
    model = SideBySide([4, 50, 2], [1.0] * 3, after=lambda: torch.nn.Dropout(0.9))
    x = torch.randn(11, 4)
    torch.testing.assert_close(answers(model.eval(), x, rows=4), model(x))
    assert not answers(model, x).requires_grad
    own = torch.randn(11, 3, 4)
    torch.testing.assert_close(answers(model, own, rows=4), model(own))
    model.train()
    assert not torch.equal(answers(model, x), answers(model, x))


@pytest.mark.parametrize(("sizes", "scales"), [([64], [1.0]), ([64, 10], [])])
def test_no_network_is_refused(sizes, scales):
    with pytest.raises(ValueError, match="at least two sizes and one scale"):
        SideBySide(sizes, scales)
