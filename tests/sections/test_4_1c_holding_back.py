"""Section 4.1c: penalties, dropout, shifts, early stopping and ensembles do what the text says of them."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from exercises.finding import find
from helpers import batches, fit, load_data
from tools.notebooks import ENGLISH, define

torch = pytest.importorskip("torch")
F = torch.nn.functional

from helpers.chapters.side_by_side import SideBySide, loss_of_all, scores, small_tasks  # noqa: E402

shrink, early_stop = find("4.1.7").solution, find("4.1.8").solution
NOTEBOOK = ENGLISH / "4_training" / "1c_holding_back.ipynb"


@pytest.fixture(scope="module")
def names():
    """What 4.1c defines, with the course's answers to its exercises: three training sets, short runs."""
    threads = torch.get_num_threads()
    names = {"shrink": shrink, "early_stop": early_stop}
    define(NOTEBOOK, namespace=names, whole=("constants",))
    names |= {"TASKS": 3, "EPOCHS": 60}
    define(NOTEBOOK, ("data", "train", "ways"), names, whole=("data", "train", "ways"))
    torch.set_num_threads(threads)
    return names


@pytest.fixture(scope="module")
def part(names):
    return SimpleNamespace(**names)


# ---------------------------------------------------------------- training sets of their own


def digits():
    X, y = load_data("digits", "train")
    return X.reshape(len(X), 64), y


def test_each_training_set_holds_as_many_of_each_class_and_differs_from_the_others():
    X, y = small_tasks(*digits(), tasks=4, n=50, wrong=0)
    assert X.shape == (50, 4, 64)
    assert all((np.bincount(column, minlength=10) == 5).all() for column in y.T)
    assert len({column.tobytes() for column in X.transpose(1, 0, 2)}) == 4
    rows = {row.tobytes() for row in digits()[0]}
    assert all(row.tobytes() in rows for row in X.reshape(-1, 64))


def test_the_wanted_share_of_labels_is_wrong_on_the_same_pictures():
    X, y = small_tasks(*digits(), tasks=60, n=100, wrong=0, seed=1)
    X_too, lying = small_tasks(*digits(), tasks=60, n=100, wrong=0.3, seed=1)
    np.testing.assert_array_equal(X, X_too)
    assert (lying != y).mean() == pytest.approx(0.3, abs=0.03)
    assert set(np.unique(lying)) == set(range(10))


@pytest.mark.parametrize("n", [55, 0, 5_000])
def test_a_number_that_the_classes_cannot_share_is_refused(n):
    with pytest.raises(ValueError, match=f"n={n}: a multiple of 10 classes"):
        small_tasks(*digits(), tasks=2, n=n, wrong=0)


def test_rows_of_its_own_for_each_network_give_what_each_alone_gives():
    X, y = (torch.tensor(array) for array in small_tasks(*digits(), tasks=3, n=20, wrong=0))
    model = SideBySide([64, 8, 10], [1.0, 1.0, 1.0])
    alone = [model(X[:, task])[task] for task in range(3)]
    torch.testing.assert_close(model(X), torch.stack(alone))
    losses = [F.cross_entropy(logits, y[:, task]) for task, logits in enumerate(alone)]
    torch.testing.assert_close(loss_of_all(model(X), y), sum(losses))
    right = [(logits.argmax(1) == y[:, task]).float().mean() for task, logits in enumerate(alone)]
    np.testing.assert_allclose(scores(model, X, y), right)


# ---------------------------------------------------------------- penalties


@pytest.mark.parametrize("a", [3.0, 0.5, -2.0, -0.2, 1.0])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_shrink_finds_the_minimum_with_an_l1_penalty(a, strength):
    w = np.linspace(-4, 4, 16_001)
    lowest = w[((w - a) ** 2 / 2 + strength * abs(w)).argmin()]
    assert shrink(np.array([a]), strength)[0] == pytest.approx(lowest, abs=1e-3)


def test_adamw_takes_the_decay_out_of_the_slopes():
    weight = torch.nn.Parameter(torch.tensor([2.0], dtype=torch.float64))
    optimizer = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.5)
    weight.grad = torch.zeros_like(weight)
    optimizer.step()
    assert weight.item() == pytest.approx(1.9)


def test_a_strong_l1_makes_exact_zeros_and_no_penalty_makes_none(names):
    rows, labels = names["with_noise"](names["data"]["clean"][0]), names["data"]["clean"][1]
    names |= {"rows": rows, "labels": labels}
    zeros = {l1: (names["linear"](l1=l1).weights[0] == 0).float().mean().item() for l1 in (0.0, 0.03)}
    assert zeros[0.0] == 0
    assert zeros[0.03] > 0.7


def test_on_the_pixels_alone_l1_gains_nothing(names):
    X, y = ((names["data"]["clean"][0] - 0.3) / 0.38).astype(np.float32), names["data"]["clean"][1]
    exam = ((names["test"][0] - 0.3) / 0.38).astype(np.float32), names["test"][1]
    shares = []
    for strength in (0.0, 0.01):
        model = SideBySide([64, 10], np.zeros(3))
        weights = model.weights[0]

        def step_of_l1(run, weights=weights, strength=strength):
            weights.data.copy_(torch.from_numpy(shrink(weights.detach().numpy(), 0.1 * strength)))

        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        feed = batches(X, y, batch_size=len(X))
        fit(model, feed, loss_of_all, optimizer, epochs=300, on_step=(step_of_l1,))
        shares.append(scores(model, *exam).mean())
    assert shares[0] == pytest.approx(0.85, abs=0.03)
    assert abs(shares[1] - shares[0]) < 0.02


# ---------------------------------------------------------------- dropout and shifts


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_silences_its_share_and_scales_the_rest(part, p):
    torch.manual_seed(0)
    h = torch.full((200, 500), 3.0)
    dropped = part.Dropout(p)(h)
    assert (dropped == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    torch.testing.assert_close(dropped[dropped != 0].unique(), torch.tensor([3 / (1 - p)]))
    assert part.Dropout(p).eval()(h) is h


def test_shifts_move_each_picture_by_itself_up_to_one_pixel_and_fill_with_black(part):
    x = torch.zeros(300, 8, 8)
    x[:, 3, 4], x[:, 0, 0] = 1.0, 0.5
    moved = part.shift(x.reshape(300, 64), torch.Generator().manual_seed(0)).reshape(300, 8, 8)
    places = {tuple(place) for place in (moved == 1).nonzero()[:, 1:].tolist()}
    assert places == {(3 + i, 4 + j) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    assert (moved == 1).flatten(1).sum(1).eq(1).all()
    gone = (moved == 0.5).flatten(1).sum(1) == 0  # the corner leaves in 5 of 9 moves
    assert gone.float().mean().item() == pytest.approx(5 / 9, abs=0.1)


def test_a_larger_picture_moves_by_an_eighth_of_its_side(part):
    x = torch.zeros(400, 28, 28)
    x[:, 10, 12] = 1.0
    moved = part.shift(x.reshape(400, 784), torch.Generator().manual_seed(0)).reshape(400, 28, 28)
    places = {tuple(place) for place in (moved == 1).nonzero()[:, 1:].tolist()}
    assert places == {(10 + i, 12 + j) for i in range(-3, 4) for j in range(-3, 4)}


def test_shifts_keep_the_shape_of_batches_for_each_network_and_repeat_with_their_generator(part):
    x = torch.rand(6, 3, 64)
    first, again = (part.shift(x, torch.Generator().manual_seed(4)) for _ in range(2))
    assert first.shape == x.shape
    torch.testing.assert_close(first, again)
    assert not torch.equal(first, x)


# ---------------------------------------------------------------- early stopping


@pytest.mark.parametrize("patience", [1, 3])
def test_fit_stops_where_early_stop_says(patience):
    X, y = digits()
    feed = batches(X[:100], (y[:100] + (np.arange(100) % 3 == 0)) % 10, batch_size=50)
    exam = batches(X[900:], y[900:], batch_size=300)

    def run(**options):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        return fit(model, feed, F.cross_entropy, optimizer, epochs=40, validation=exam, **options)

    whole, stopped = run(), run(patience=patience)
    best, last = early_stop([row["val_loss"] for row in whole.history], patience)
    assert (stopped.best["epoch"], len(stopped.history)) == (best, last)
    assert last < 40


def test_each_network_gets_back_the_weights_of_its_own_best_epoch(part, names):
    noted = []

    def losses(model):
        with torch.no_grad():
            logits = model(torch.tensor(part.val[0]))
        return np.array([F.cross_entropy(z, torch.tensor(part.val[1])).item() for z in logits])

    model = names["stopped_early"]("wrong", patience=60)
    names["train"]("wrong", on_epoch=(lambda run: noted.append(losses(run.model)),))
    np.testing.assert_allclose(losses(model), np.min(noted, axis=0), rtol=1e-5)
    assert (losses(model) < noted[-1]).all()


# ---------------------------------------------------------------- ensembles


def test_copies_stand_beside_each_other_on_the_same_training_set_and_their_answers_are_averaged(part, names):
    model = names["train"]("clean", copies=2)
    X = part.test[0][:7]
    with torch.no_grad():
        each = model(torch.tensor(X)).softmax(-1)
    mean = names["probabilities"]([model], copies=2)(X)
    assert mean.shape == (3, 7, 10)
    np.testing.assert_allclose(mean[1], (each[2] + each[3]) / 2, rtol=1e-5)
    own = names["data"]["clean"]
    right = scores(model, *(np.repeat(array, 2, axis=1) for array in own))
    assert right.min() > 0.9  # each has learned its own set


def test_five_snapshots_are_five_different_networks(names):
    answers = []
    inner = names["probabilities"]
    names["probabilities"] = lambda models, copies=1: answers.append(models) or inner(models, copies)
    names["five_snapshots"]("clean")
    names["probabilities"] = inner
    assert len(answers[0]) == 5
    firsts = [model.weights[0][0] for model in answers[0]]
    assert all(not torch.equal(a, b) for a, b in pairwise(firsts))


def test_the_error_of_a_mean_is_the_mean_error_minus_the_spread():
    members, wanted = np.random.default_rng(0).random((5, 40)), np.ones(40)
    mean = members.mean(0)
    error = ((members - wanted) ** 2).mean() - ((members - mean) ** 2).mean()
    assert ((mean - wanted) ** 2).mean() == pytest.approx(error)
