"""Section 3.3a: the cells that it builds equal PyTorch's and Keras's, and what its text says is so."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from exercises.ch3_architectures import s3_recurrence as exercises
from helpers.chapters.recurrence import (
    CELLS,
    bracket_lines,
    draw_cell,
    draw_unrolled,
    encode_brackets,
    show_states,
)
from helpers.checking import CheckFailed, check_close, check_grad
from tools.notebooks import ENGLISH, cells_of, define

torch = pytest.importorskip("torch")
nn = torch.nn
SIZES = [(1, 1, 1, 1), (4, 6, 3, 5), (2, 9, 5, 2)]  # B, T, D, H


@pytest.fixture(scope="module")
def part():
    """What 3.3a defines, with the course's answers to its exercises."""
    names = {name: getattr(exercises, name) for name in ("rnn", "rnn_backward", "gru_step")}
    threads = torch.get_num_threads()
    ids = ("imports", "constants", "result", "weights", "reach", "gru-check", "lstm")
    names = define(ENGLISH / "3_architectures" / "3a_a_state_passed_on.ipynb", ids, names)
    torch.set_num_threads(threads)
    return SimpleNamespace(**names)


def example(kind, sizes):
    """A layer of torch, its input (B, T, D), a first state (B, H) that is not zero, and a cell state."""
    rows, steps, inputs, width = sizes
    torch.manual_seed(width)
    layer = kind(inputs, width, batch_first=True).double()
    X, h, c = (
        torch.randn(*shape).double() for shape in ((rows, steps, inputs), (rows, width), (rows, width))
    )
    return layer, X, h, c


def check_same(name, mine, theirs, module):
    """The same states (B, T, H) and slopes: of a random sum, as in a plain sum faults could cancel."""
    check_close(f"{name}: states", mine, theirs)
    v = torch.randn_like(theirs)
    slopes = [torch.autograd.grad((v * states).sum(), [*module.parameters()]) for states in (mine, theirs)]
    check_close(f"{name}: slopes", *(torch.cat([s.flatten() for s in pair]) for pair in slopes))


# ---------------------------------------------------------------- equal to torch


@pytest.mark.parametrize("sizes", SIZES)
def test_the_plain_network_has_torchs_states_and_slopes(part, sizes):
    layer, X, h, _ = example(nn.RNN, sizes)
    W, U, b, c = part.weights(layer)
    check_same("RNN", part.rnn(X, h, W, U, b + c), layer(X, h[None])[0], layer)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_gru_has_torchs_states_and_slopes(part, sizes):
    layer, X, h, _ = example(nn.GRU, sizes)
    check_same("GRU", part.read(part.gru_step, X, h, *part.weights(layer)), layer(X, h[None])[0], layer)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_lstm_has_torchs_states_and_slopes(part, sizes):
    layer, X, h, c = example(nn.LSTM, sizes)
    mine = part.read(part.lstm_step, X, torch.stack([h, c]), *part.weights(layer))[0].transpose(0, 1)
    check_same("LSTM", mine, layer(X, (h[None], c[None]))[0], layer)


def test_a_cell_that_is_not_torchs_is_told_apart(part):
    layer, X, h, _ = example(nn.GRU, SIZES[1])
    paper = part.read(exercises.resets_before_the_product, X, h, *part.weights(layer))
    with pytest.raises(CheckFailed, match="states"):
        check_same("GRU", paper, layer(X, h[None])[0], layer)
    again = layer(X, h[None])[0]
    with pytest.raises(CheckFailed, match="slopes"):  # the same states, and half of their slopes
        check_same("GRU", (again + again.detach()) / 2, layer(X, h[None])[0], layer)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_way_back_through_time_has_torchs_slopes(part, sizes):
    layer, X, h, _ = example(nn.RNN, sizes)
    W, U, b, _ = part.weights(layer)
    h.requires_grad_()
    states = part.rnn(X, h, W, U, b)
    G = torch.randn_like(states)
    theirs = torch.autograd.grad((G * states).sum(), (W, U, b, h))
    for mine, other in zip(part.rnn_backward(X, h, states, U, G), theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sizes", SIZES)
def test_the_slopes_of_all_three_cells_are_those_that_are_measured(part, sizes):
    """By central differences: the way back by hand, and what torch finds for the gated cells."""
    for kind, step in ((nn.RNN, None), (nn.GRU, part.gru_step), (nn.LSTM, part.lstm_step)):
        layer, X, h, c = example(kind, sizes)
        *weights, b2 = (value.detach() for value in part.weights(layer))
        weights, first = [*weights, b2], torch.stack([h, c]) if kind is nn.LSTM else h
        if step is None:
            weights = weights[:3]
            G = torch.randn_like(part.rnn(X, h, *weights))

            def total(W, U, b, h, X=X, G=G):
                return (G * part.rnn(X, *map(torch.from_numpy, (h, W, U, b)))).sum()

            slopes = part.rnn_backward(X, h, part.rnn(X, h, *weights), weights[1], G)
        else:

            def total(*values, X=X, step=step):
                *values, first = map(torch.from_numpy, values)
                return part.read(step, X, first, *values).pow(2).sum()

            leaves = [value.clone().requires_grad_() for value in (*weights, first)]
            slopes = torch.autograd.grad(part.read(step, X, leaves[-1], *leaves[:-1]).pow(2).sum(), leaves)
        check_grad(kind.__name__, total, *weights, first, grads=slopes)


def test_a_text_without_a_step_is_refused_by_name_as_torch_refuses_it(part):
    with pytest.raises(ValueError, match=r"\(2, 0, 3\)"):
        part.rnn(torch.zeros(2, 0, 3), torch.zeros(2, 4), torch.ones(3, 4), torch.eye(4), torch.zeros(4))
    with pytest.raises(RuntimeError, match="larger than 0"):
        nn.RNN(3, 4, batch_first=True)(torch.zeros(2, 0, 3))


def test_shapes_that_do_not_fit_are_named(part):
    with pytest.raises(RuntimeError, match="2x5 and 3x4"):
        part.rnn(torch.zeros(2, 6, 5), torch.zeros(2, 4), torch.ones(3, 4), torch.eye(4), torch.zeros(4))


# ---------------------------------------------------------------- equal to Keras

IN_KERAS = """
import sys
import numpy as np
from helpers import load_keras
keras = load_keras()
import tensorflow as tf
given = np.load(sys.argv[1])
kinds = {
    "rnn": keras.layers.SimpleRNN(4, return_sequences=True),
    "gru": keras.layers.GRU(4, return_sequences=True),
    "paper": keras.layers.GRU(4, return_sequences=True, reset_after=False),
    "lstm": keras.layers.LSTM(4, return_sequences=True),
}
out = {}
for name, layer in kinds.items():
    layer.build((2, 5, 3))
    layer.set_weights([given[f"{name} {i}"] for i in range(3)])
    with tf.GradientTape() as tape:
        states = layer(given["X"])
        loss = tf.reduce_sum(states * given["G"])
    out[name] = states.numpy()
    slopes = tape.gradient(loss, layer.trainable_variables)
    out |= {f"{name} {i}": slope.numpy() for i, slope in enumerate(slopes)}
np.savez(sys.argv[2], **out)
"""


def columns(array, order):
    """The pieces of the last axis in another order: "rzn" to "zrn" is (1, 0, 2)."""
    pieces = np.split(array, len(order), axis=-1)
    return np.concatenate([pieces[i] for i in order], axis=-1)


@pytest.fixture(scope="module")
def keras_says(tmp_path_factory):
    """Weights, inputs, and what Keras computes with them: states and slopes."""
    rng = np.random.default_rng(0)
    X, G = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 4))
    weights = {}
    for name, gates, biases in (("rnn", 1, 1), ("gru", 3, 2), ("paper", 3, 1), ("lstm", 4, 1)):
        weights[name] = [
            rng.normal(size=shape) / 2 for shape in ((3, 4 * gates), (4, 4 * gates), (biases, 4 * gates))
        ]
    given = {"X": X, "G": G}
    for name, arrays in weights.items():
        order = (1, 0, 2) if name in ("gru", "paper") else range(len(arrays[0][0]) // 4)
        theirs = [columns(array, order) for array in arrays]
        given |= {f"{name} {i}": a if i < 2 or name == "gru" else a[0] for i, a in enumerate(theirs)}
    folder = tmp_path_factory.mktemp("keras")
    np.savez(folder / "in.npz", **{name: array.astype(np.float32) for name, array in given.items()})
    script = [sys.executable, "-c", IN_KERAS, folder / "in.npz", folder / "out.npz"]
    subprocess.run(script, check=True, capture_output=True, timeout=300)
    return SimpleNamespace(
        X=torch.tensor(X), G=torch.tensor(G), weights=weights, out=np.load(folder / "out.npz")
    )


@pytest.mark.parametrize("name", ["rnn", "gru", "paper", "lstm"])
def test_keras_has_the_same_states_and_slopes_and_both_kinds_of_gru(part, keras_says, name):
    W, U, b = (torch.tensor(array, requires_grad=True) for array in keras_says.weights[name])
    X, h = keras_says.X, torch.zeros(2, 4).double()
    zeros = torch.zeros_like(b[0])
    states = {
        "rnn": lambda: part.rnn(X, h, W, U, b[0]),
        "gru": lambda: part.read(part.gru_step, X, h, W, U, *b),
        "paper": lambda: part.read(exercises.resets_before_the_product, X, h, W, U, b[0], zeros),
        "lstm": lambda: part.read(part.lstm_step, X, torch.stack([h, h]), W, U, b[0], zeros)[0].transpose(
            0, 1
        ),
    }[name]()
    np.testing.assert_allclose(keras_says.out[name], states.detach(), atol=2e-6)
    order = (1, 0, 2) if name in ("gru", "paper") else range(W.shape[1] // 4)
    for i, mine in enumerate(torch.autograd.grad((keras_says.G * states).sum(), (W, U, b))):
        theirs = keras_says.out[f"{name} {i}"]
        np.testing.assert_allclose(
            theirs.reshape(mine.shape), columns(mine.numpy(), order), rtol=1e-4, atol=1e-5
        )


# ---------------------------------------------------------------- what the text says


def test_made_up_lines_close_only_what_is_open():
    X, opened = bracket_lines(50, 100, deepest=3, seed=3)
    moves = X[:, :, 1] - X[:, :, 2]
    assert (X.sum(dim=2) == 1).all()
    assert (moves.cumsum(dim=1) == opened).all()
    assert (opened.min(), opened.max()) == (0, 3)
    assert encode_brackets("a(b)").argmax(dim=2).tolist() == [[0, 1, 0, 2]]


def test_lines_without_a_character_are_refused():
    with pytest.raises(ValueError, match="3 lines of 0 characters"):
        bracket_lines(3, 0)
    with pytest.raises(ValueError, match="empty"):
        encode_brackets("")


def test_a_state_of_one_number_counts_open_brackets():
    X, opened = bracket_lines(20, 40, seed=4)
    count = torch.zeros(20).double()
    for t in range(X.shape[1]):
        count = X[:, t] @ torch.tensor([0.0, 1.0, -1.0]).double() + 1 * count
        assert (count == opened[:, t]).all()


def test_the_small_example_ends_at_five_and_its_slope_along_u_is_six():
    u, h = torch.tensor(0.5, requires_grad=True), torch.tensor(0.0)
    states = [h := x + u * h for x in (8, 0, 0, 4)]
    assert [state.item() for state in states] == [8, 4, 2, 5]
    states[-1].backward()
    assert u.grad == 6


@pytest.fixture(scope="module")
def trained():
    """The network of the part's first picture, trained as in the quick profile, and its output layer."""
    place = ENGLISH / "3_architectures" / "3a_a_state_passed_on.ipynb"
    (cell,) = cells_of(place, "train")
    names = {"torch": torch, "nn": nn, "F": nn.functional, "bracket_lines": bracket_lines}
    names |= {"STATE": 12, "LENGTH": 40, "STEPS": 300}
    exec(cell.source, names)
    return names["reader"], names["out"]


def test_the_trained_reader_counts_and_does_not_hold_for_long(part, trained):
    reader, out = trained
    states = reader(encode_brackets(part.TEXT))[0]
    moves = encode_brackets(part.TEXT)[0] @ torch.tensor([0.0, 1.0, -1.0]).double()
    assert (out(states)[0].argmax(dim=1) == moves.cumsum(dim=0)).all()
    X, opened = bracket_lines(200, 40, seed=10_000)
    assert (out(reader(X)[0]).argmax(dim=2) == opened).double().mean() > 0.97
    assert (opened == 0).double().mean().item() == pytest.approx(0.37, abs=0.005)
    held = [out(reader(encode_brackets("(" * n + "a" * 100))[0][0, -1]).argmax().item() for n in range(5)]
    assert sum(n == answer for n, answer in enumerate(held)) <= 3


def test_the_update_gate_keeps_less_at_a_bracket_on_average_but_not_at_every_one(part, trained):
    reader, _ = trained
    X = encode_brackets(part.TEXT)
    W, U, b, c = part.weights(reader)
    before = torch.cat([torch.zeros(1, 1, 12).double(), reader(X)[0][:, :-1]], dim=1)
    kept = torch.sigmoid(X @ W + b + before @ U + c).chunk(3, dim=2)[1][0].mean(dim=1)
    bracket = X[0, :, 0] == 0
    assert kept[bracket].mean().item() == pytest.approx(0.31, abs=0.03)
    assert kept[~bracket].mean().item() == pytest.approx(0.45, abs=0.03)
    assert kept[bracket].max() > kept[~bracket].mean()


def test_reach_falls_by_the_factor_of_a_chain(part):
    layer = nn.RNN(3, 4, nonlinearity="relu", batch_first=True).double()
    W, U, b, c = layer.parameters()
    with torch.no_grad():
        for parameter, value in ((W, 1), (U, 0), (b, 0), (c, 0)):
            parameter.fill_(value)
        U += 0.5 * torch.eye(4)
    np.testing.assert_allclose(part.reach(layer, steps=31), 0.5 ** np.arange(31), rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_torchs_starting_weights_leave_0_577_of_a_slope_in_every_step(part, seed):
    torch.manual_seed(seed)
    layer = nn.RNN(3, 64, batch_first=True).double()
    assert layer.weight_hh_l0.var().item() == pytest.approx(1 / (3 * 64), rel=0.05)
    assert 0.52 < part.reach(layer)[200] ** (1 / 200) < 0.64


@pytest.mark.parametrize("seed", range(3))
def test_tanh_holds_back_the_growth_that_u_alone_would_give(part, seed):
    torch.manual_seed(seed)
    layer = nn.RNN(3, 64, batch_first=True).double()
    layer.weight_hh_l0.data *= 5
    factor = part.reach(layer)[200] ** (1 / 200)
    assert 1.1 < factor < 0.6 * 5 * 0.577


def test_with_twice_the_starting_matrix_a_slope_stays_or_vanishes_as_the_seed_has_it(part):
    for seed, expected in ((0, 8), (1, 3e-9), (2, 6)):
        torch.manual_seed(seed)
        layer = nn.RNN(3, 64, batch_first=True).double()
        layer.weight_hh_l0.data *= 2
        assert part.reach(layer)[200] == pytest.approx(expected, rel=0.3)


def test_at_the_start_tanh_has_nearly_its_full_slope():
    torch.manual_seed(0)
    states, _ = nn.RNN(3, 64, batch_first=True).double()(bracket_lines(16, 201, seed=2)[0])
    assert (1 - states**2).mean().item() == pytest.approx(0.98, abs=0.005)


def test_three_grus_with_an_open_gate_leave_what_the_text_says(part):
    for seed, expected in ((0, 0.11), (1, 0.34), (2, 0.25)):
        torch.manual_seed(seed)
        layer = nn.GRU(3, 64, batch_first=True).double()
        assert part.reach(layer)[200] ** (1 / 200) == pytest.approx(0.64, abs=0.02)
        layer.bias_ih_l0.data[64:128] += 5
        assert part.reach(layer)[200] == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_gates_hold_a_slope_when_they_are_open_and_not_as_they_start(part, kind):
    for seed in range(3):
        torch.manual_seed(seed)
        layer = kind(3, 64, batch_first=True).double()
        assert part.reach(layer)[200] < 1e-18
        layer.bias_ih_l0.data[64:128] = 5
        assert part.reach(layer)[200] > 0.01


def test_one_step_from_the_wall_is_lost_and_clipped_steps_arrive():
    """Here the slope is torch's, not the formula of the part."""

    def descend(steps, limit):
        u = torch.tensor(1.1, dtype=torch.double, requires_grad=True)
        for _ in range(steps):
            u.grad = None
            loss = (u**50 - 0.5) ** 2 / 2
            loss.backward()
            nn.utils.clip_grad_norm_([u], max_norm=limit)
            with torch.no_grad():
                u -= 0.001 * u.grad
        return u.item(), loss.item()

    assert descend(1, 1e300) == (pytest.approx(-623, abs=1), pytest.approx(6_800, rel=0.01))
    assert descend(300, 1)[0] == pytest.approx(0.5 ** (1 / 50), abs=1e-4)


def test_clipping_shortens_and_keeps_the_direction():
    parameter = torch.zeros(2, requires_grad=True)
    parameter.grad = torch.tensor([3.0, 4.0])
    nn.utils.clip_grad_norm_([parameter], max_norm=1)
    np.testing.assert_allclose(parameter.grad, [0.6, 0.8], rtol=1e-5)


def test_without_batch_first_one_line_changes_another(part):
    torch.manual_seed(0)
    X, _ = bracket_lines(5, 40, seed=1)
    other = X.clone()
    other[0] = other[0].flip(0)
    for first in (True, False):
        layer = nn.RNN(3, 12, batch_first=first).double()
        assert bool((layer(other)[0][1] == layer(X)[0][1]).all()) == first


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_in_a_sequence_of_one_step_the_matrix_of_the_state_gets_no_slope(kind):
    layer = kind(3, 4, batch_first=True)
    layer(torch.randn(5, 1, 3))[0].sum().backward()
    assert (layer.weight_hh_l0.grad == 0).all()
    assert (layer.weight_ih_l0.grad != 0).any()


# ---------------------------------------------------------------- drawings


def test_an_unrolled_network_is_drawn_with_all_its_texts():
    ax = draw_unrolled(["8", "3"], ["0", "1", "2"], along="U", into="W", back=["a", "b", "c"])
    assert sorted(text.get_text() for text in ax.texts if text.get_text()) == [*"012", "3", "8", *"UUWWabc"]
    with pytest.raises(ValueError, match="2 inputs, 2 states, 0 slopes"):
        draw_unrolled(["8", "3"], ["0", "1"])
    with pytest.raises(ValueError, match="1 inputs, 2 states, 1 slopes"):
        draw_unrolled(["8"], ["0", "1"], back=["1"])


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_is_drawn_with_every_box_and_the_shapes(kind):
    texts = [text.get_text() for text in draw_cell(kind).texts]
    assert {box[2] for box in CELLS[kind][0].values()} <= set(texts)
    assert {"(B, D)", "(B, H)"} <= set(texts)
    assert sum("(B, 3H)" in text or "(B, 4H)" in text for text in texts) == (2 if kind == "GRU" else 1)


def test_an_unknown_cell_is_named():
    with pytest.raises(ValueError, match=r"'gru'; there are GRU, LSTM"):
        draw_cell("gru")


def test_states_are_coloured_one_column_for_each_character():
    states = np.linspace(-1, 1, 6).reshape(3, 2)
    ax = show_states("a(b", states)
    np.testing.assert_array_equal(ax.images[0].get_array(), states.T)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "(", "b"]
    with pytest.raises(ValueError, match=r"2 characters and states of shape \(3, 2\)"):
        show_states("ab", states)
