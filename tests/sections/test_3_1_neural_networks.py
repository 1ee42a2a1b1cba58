"""Section 3.1: what its notebooks build equals the libraries, and what their text says is so."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression, Perceptron

from exercises.finding import find
from helpers import load_data
from helpers.chapters.networks import draw_graph, draw_network, plot_border
from tools.notebooks import ENGLISH, define

CHAPTER = ENGLISH / "3_architectures"


def solution(number):
    return find(number).solution


@pytest.fixture(scope="module")
def layers():
    """What 3.1a defines, with the course's answers to its exercises."""
    names = {"perceptron_pass": solution("3.1.1"), "backward": solution("3.1.2")}
    return SimpleNamespace(**define(CHAPTER / "1a_neurons_and_layers.ipynb", namespace=names))


# ---------------------------------------------------------------- 3.1a: one neuron


def test_five_passes_of_the_perceptron_are_those_of_scikit_learn():
    X, y = make_moons(100, noise=0.3, random_state=0)
    w, b = np.array([0.3, -0.2]), 0.1
    theirs = Perceptron(max_iter=5, tol=None, shuffle=False)
    theirs.fit(X, y, coef_init=w[None].copy(), intercept_init=np.array([b]))
    for _ in range(5):
        w, b, _ = solution("3.1.1")(X, y, w, b)
    np.testing.assert_allclose([*w, b], [*theirs.coef_[0], *theirs.intercept_], rtol=1e-12)


def test_learning_stops_at_the_first_pass_without_a_mistake_or_at_its_limit(layers):
    four = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    counts = layers.learn(four, np.array([0, 1, 1, 1]), passes=50)
    assert counts.index(0) == len(counts) - 1
    assert len(layers.learn(four, np.array([0, 1, 1, 0]), passes=7)) == 7


@pytest.mark.parametrize("gap", [0.3, 0.07])
def test_planted_points_keep_their_distance_and_lie_on_both_sides(layers, gap):
    X, y = layers.planted(gap, seed=3)
    distance = X @ [0.6, 0.8]
    assert abs(distance).min() >= gap
    assert ((distance > 0) == (y == 1)).all()
    assert set(y) == {0, 1}


# ---------------------------------------------------------------- 3.1a: the network


def by_torch(X, y, parameters):
    torch = pytest.importorskip("torch")
    W1, b1, W2, b2 = (torch.tensor(p, requires_grad=True) for p in parameters)
    logits = torch.relu(torch.tensor(X) @ W1 + b1) @ W2 + b2
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(y))
    loss.backward()
    return loss.item(), logits.softmax(1).detach().numpy(), [p.grad.numpy() for p in (W1, b1, W2, b2)]


@pytest.mark.parametrize("sizes", [(6, 5, 4, 3), (1, 1, 1, 2), (7, 3, 2, 2)])
def test_forward_loss_and_backward_are_those_of_torch(layers, sizes):
    rows, inputs, hidden, classes = sizes
    rng = np.random.default_rng(rows)
    X, y = rng.normal(size=(rows, inputs)), rng.integers(0, classes, rows)
    shapes = (inputs, hidden), hidden, (hidden, classes), classes
    parameters = [rng.normal(size=shape) for shape in shapes]
    loss, p, gradients = by_torch(X, y, parameters)
    np.testing.assert_allclose(layers.forward(X, *parameters)[1], p, rtol=1e-9)
    assert layers.mean_loss(X, y, *parameters) == pytest.approx(loss, rel=1e-9)
    for mine, theirs in zip(layers.backward(X, y, *parameters), gradients, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_softmax_survives_large_logits(layers):
    np.testing.assert_allclose(layers.softmax(np.array([[1000.0, 0.0]])), [[1, 0]])


def test_the_impossible_numbers_are_impossible_and_the_right_ones_right():
    with pytest.raises(ValueError, match="mismatch"):
        np.array([1, 2, 3]) @ np.ones((2, 2))
    sigmoid = 1 / (1 + np.exp(-np.array([2.9, 1.7, 1.196, 0.946])))
    np.testing.assert_allclose(sigmoid, [0.948, 0.846, 0.768, 0.720], atol=5e-4)
    assert pytest.approx(1.196) == 0.4 * 0.86 + 0.6 * 0.92 + 0.3
    assert -np.log(0.8) == pytest.approx(0.223, abs=5e-4)


def test_more_neurons_than_needed_make_the_search_easier(layers):
    moons, kind = make_moons(400, noise=0.15, random_state=0)

    def good_starts(hidden):
        found = 0
        for seed in range(8):
            parameters = layers.train(moons, kind, hidden, 2, rate=0.5, epochs=150, batch=50, seed=seed)
            found += (layers.forward(moons, *parameters)[1].argmax(axis=1) == kind).mean() > 0.95
        return found

    assert good_starts(3) < 5 < good_starts(8)


def test_on_ten_digits_a_hidden_layer_gains_nothing(layers):
    (X, y), (X_test, y_test) = load_data("digits", "train"), load_data("digits", "test")
    X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    line = LogisticRegression(max_iter=1_000).fit(X, y).score(X_test, y_test)
    network = layers.train(X, y, 32, 10, 0.2, 40, 32)
    assert abs((layers.forward(X_test, *network)[1].argmax(axis=1) == y_test).mean() - line) < 0.025


# ---------------------------------------------------------------- drawings


def test_a_border_is_drawn_where_the_answer_changes():
    X, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
    ax = plot_border(lambda points: points[:, 0] > 0.5, X, y)
    border = ax.collections[0].get_paths()[1].vertices  # where class 1 is
    assert border[:, 0].min() == pytest.approx(0.5, abs=0.02)
    with pytest.raises(ValueError, match=r"\(3, 4\)"):
        plot_border(len, np.ones((3, 4)), np.ones(3))


def test_a_network_is_drawn_with_each_value_weight_and_slope():
    weights = [np.array([[7.0], [8.0]])]
    ax = draw_network(
        [[1, 2], [3]], weights, slopes=[None, [4]], weight_slopes=[[[5], [6]]], titles=["in", "out"]
    )
    assert sorted(text.get_text() for text in ax.texts) == [*"12345678", "in", "out"]
    with pytest.raises(ValueError, match=r"weights 0 have shape \(2, 1\).*\(3, 1\)"):
        draw_network([[1, 2, 3], [3]], weights)


# ---------------------------------------------------------------- 3.1b: the engine


@pytest.fixture(scope="module")
def engine():
    """What 3.1b defines, with the course's answers to its exercises."""
    names = {"sum_to": solution("3.1.5"), "lookup_slope": solution("3.1.6")}
    ids = ("imports", "value", "add-mul", "engine", "engine-backward", "matmul-relu", "cross-entropy")
    ids += ("add-repaired", "network", "words-backward")
    whole = ("constants", "material")
    return SimpleNamespace(**define(CHAPTER / "1b_backpropagation.ipynb", ids, names, whole=whole))


@pytest.mark.parametrize("seed", range(5))
def test_random_formulas_have_the_slopes_that_torch_finds(engine, seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=4)
    steps = [(*rng.integers(0, 4 + i, 2), rng.random() < 0.5) for i in range(12)]

    def formula(values, add, mul):
        for i, j, product in steps:  # any two of what there is, itself included
            values.append((mul if product else add)(values[i], values[j]))
        return values[-1]

    mine = [engine.Value(number) for number in numbers]
    end = formula(list(mine), engine.add, engine.mul)
    engine.backward(end)
    theirs = [torch.tensor(number, requires_grad=True) for number in numbers]
    formula(list(theirs), torch.add, torch.mul).backward()
    for value, other in zip(mine, theirs, strict=True):
        assert (value.grad is None) == (other.grad is None)  # not part of the formula
        if value.grad is not None:
            np.testing.assert_allclose(value.grad, other.grad.numpy(), rtol=1e-10)


def test_forty_doublings_are_forty_one_values_each_visited_once(engine):
    first = last = engine.Value(1.0)
    for _ in range(40):
        last = engine.add(last, last)
    assert len(engine.in_order(last)) == 41
    engine.backward(last)
    assert first.grad == 2.0**40


def test_parents_come_before_what_was_made_from_them(engine):
    a, b = engine.Value(1.0), engine.Value(2.0)
    c = engine.mul(a, b)
    order = engine.in_order(engine.add(engine.mul(c, c), a))
    for value in order:
        assert all(order.index(parent) < order.index(value) for parent in value.parents)


@pytest.mark.parametrize("shape", [(5, 4), (4,), (1, 4), (5, 1), ()])
def test_a_sum_hands_each_parent_a_slope_of_its_own_shape(engine, shape):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    big, small, weight = rng.normal(size=(5, 4)), rng.normal(size=shape), rng.normal(size=(5, 4))
    value = engine.Value(small)
    made = engine.add(engine.Value(big), value)
    other = torch.tensor(small, requires_grad=True)
    ((torch.tensor(big) + other) * torch.tensor(weight)).sum().backward()
    np.testing.assert_allclose(made.pull(weight)[1], other.grad.numpy(), rtol=1e-12)


def test_the_slopes_of_the_network_are_those_of_torch(engine):
    X, y = engine.batches[3]
    parameters = [engine.Value(data) for data in engine.start]
    loss = engine.cross_entropy(engine.network(engine.Value(X), *parameters), y)
    engine.backward(loss)
    expected, _, gradients = by_torch(X, y, engine.start)
    assert float(loss.data) == pytest.approx(expected, rel=1e-12)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        np.testing.assert_allclose(parameter.grad, gradient, rtol=1e-9, atol=1e-12)


def test_the_lookup_has_the_slopes_of_torchs_embedding(engine):
    torch = pytest.importorskip("torch")
    V, ids, weight = np.arange(12.0).reshape(4, 3), np.array([2, 0, 2]), np.arange(9.0).reshape(3, 3)
    other = torch.tensor(V, requires_grad=True)
    (torch.nn.functional.embedding(torch.tensor(ids), other) * torch.tensor(weight)).sum().backward()
    (mine,) = engine.lookup(engine.Value(V), ids).pull(weight)
    np.testing.assert_array_equal(mine, other.grad.numpy())


def test_a_graph_is_drawn_with_names_values_slopes_and_shapes(engine):
    a, matrix = engine.Value(3.0, name="a"), engine.Value(np.ones((2, 5)), name="W")
    end = engine.add(engine.mul(a, a, "square"), a, "end")
    engine.backward(end)
    texts = {text.get_text() for text in draw_graph(end).texts}
    assert {"a\n3", "square\n9", "end\n12", "7", "1"} <= texts
    assert "W\n2 × 5" in {text.get_text() for text in draw_graph(matrix).texts}


# ---------------------------------------------------------------- 3.1c: signals and slopes


@pytest.fixture(scope="module")
def depth():
    """What 3.1c defines, with the course's answers to its exercises."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    names = {"dead_share": solution("3.1.8"), "outer_weights": solution("3.1.9")}
    X, y = (torch.tensor(array) for array in load_data("digits", "train"))
    names |= {"X": (X.flatten(1) - X.mean()) / X.std(), "y": y}
    names = define(CHAPTER / "1c_signals_and_depth.ipynb", namespace=names, whole=("constants",))
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


@pytest.mark.parametrize("seed", range(3))
def test_half_the_spread_halves_signals_and_slopes_in_every_layer(depth, seed):
    signals, z = depth.forward(depth.X[:256], depth.start(0.5, seed))
    size = [h.pow(2).mean().sqrt().item() for h in signals]
    assert 0.42 < (size[-1] / size[0]) ** (1 / 19) < 0.58
    assert z.shape == (256, 10)


def test_the_deep_network_is_the_one_that_torch_would_build(depth):
    torch = pytest.importorskip("torch")
    weights = depth.start(1)
    layers = []
    for W in weights:
        layer = torch.nn.Linear(*W.shape, bias=False)
        layer.weight.data = W.detach().T
        layers += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    torch.testing.assert_close(depth.forward(depth.X[:8], weights)[1], model(depth.X[:8]))


def test_a_rate_that_is_too_large_kills_neurons_and_a_small_one_does_not(depth):
    assert depth.one_layer(0.1)[0] < 0.1
    assert depth.one_layer(2)[0] > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_outer_weights_pass_through_any_points_and_are_straight_between_them(seed):
    rng = np.random.default_rng(seed)
    places = np.sort(rng.normal(size=7))
    heights = rng.normal(size=7)
    w, b = solution("3.1.9")(places, heights)
    x = np.linspace(places[0], places[-1], 200)
    made = np.maximum(0, x[:, None] - places[:-1]) @ w + b
    np.testing.assert_allclose(made, np.interp(x, places, heights), atol=1e-12)


def test_dead_neurons_are_those_without_any_slope():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    X, W, b = rng.normal(size=(20, 3)), rng.normal(size=(3, 50)), rng.normal(size=50) - 3
    weights = torch.tensor(W, requires_grad=True)
    (torch.relu(torch.tensor(X) @ weights + torch.tensor(b)) ** 2).sum().backward()
    without = (weights.grad.abs().sum(dim=0) == 0).double().mean().item()
    assert 0 < without < 1
    assert solution("3.1.8")(X, W, b) == pytest.approx(without)
