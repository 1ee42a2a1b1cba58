"""Section 3.3, recurrence: code of its exercises. The words are in s3_recurrence.en.md."""

import math

import numpy as np
import torch

from exercises import Case, Exercise

# 3.3.1 a network that reads -------------------------------------------------------------------------


def rnn(X, h, W, U, b):
    """All states of a plain recurrent network, one after each step -> (B, T, H). ValueError if T is 0.

    X (B, T, D) inputs, h (B, H) the state before the first step, W (D, H), U (H, H), b (H,): tensors.
    """
    if X.shape[1] == 0:
        raise ValueError(f"X has shape {tuple(X.shape)}: no step to take, T must be at least 1")
    states = []
    for x in X.unbind(dim=1):
        h = torch.tanh(x @ W + h @ U + b)
        states.append(h)
    return torch.stack(states, dim=1)


def _states(X, h, step):
    """The states of a network with another step: (x, state) -> state."""
    if X.shape[1] == 0:
        raise ValueError(f"X has shape {tuple(X.shape)}: no step")
    states = []
    for x in X.unbind(dim=1):
        h = step(x, h)
        states.append(h)
    return torch.stack(states, dim=1)


def begins_every_step_with_the_first_state(X, h, W, U, b):
    return _states(X, h, lambda x, _: torch.tanh(x @ W + h @ U + b))


def leaves_out_tanh(X, h, W, U, b):
    return _states(X, h, lambda x, state: x @ W + state @ U + b)


def puts_tanh_round_the_input_only(X, h, W, U, b):
    return _states(X, h, lambda x, state: torch.tanh(x @ W + b) + state @ U)


def transposes_the_matrix_of_the_state(X, h, W, U, b):
    return _states(X, h, lambda x, state: torch.tanh(x @ W + state @ U.T + b))


def takes_the_rows_for_steps(X, h, W, U, b):
    states = []
    for x in X:
        h = torch.tanh(x @ W + h @ U + b)
        states.append(h)
    return torch.stack(states)


def stacks_the_steps_first(X, h, W, U, b):
    return rnn(X, h, W, U, b).transpose(0, 1)


def gives_the_last_state_only(X, h, W, U, b):
    return rnn(X, h, W, U, b)[:, -1]


def gives_back_nothing_for_no_step(X, h, W, U, b):
    return rnn(X, h, W, U, b) if X.shape[1] else X.new_zeros(len(X), 0, len(b))


def _some(rng, *shape):
    return torch.tensor(rng.normal(size=shape).round(1))


def draw_texts(rng):
    rows, steps, inputs, width = (int(rng.integers(1, most)) for most in (4, 5, 4, 4))
    steps *= int(rng.random() > 0.05)  # now and then none
    shapes = (rows, steps, inputs), (rows, width), (inputs, width), (width, width), (width,)
    return tuple(_some(rng, *shape) for shape in shapes)


# 3.3.2 back through time ----------------------------------------------------------------------------


def rnn_backward(X, h, states, U, G):
    """Slopes of the loss along W, U, b and the first state h -> (dW, dU, db, dh), each of its value's shape

    X, h, U as in `rnn`, states (B, T, H) as it gave them. G (B, T, H): the slope along each state directly.
    """
    dW, dU, db = X.new_zeros(X.shape[2], len(U)), torch.zeros_like(U), U.new_zeros(len(U))
    from_later = torch.zeros_like(h)
    for t in reversed(range(X.shape[1])):
        slope = (G[:, t] + from_later) * (1 - states[:, t] ** 2)
        before = states[:, t - 1] if t > 0 else h
        dW, dU, db = dW + X[:, t].T @ slope, dU + before.T @ slope, db + slope.sum(dim=0)
        from_later = slope @ U.T
    return dW, dU, db, from_later


def _backward(
    X,
    h,
    states,
    U,
    G,
    *,
    carry=True,
    tanh=1,
    transpose=True,
    before=1,
    add=True,
    first=True,
    batch=1,
    order=-1,
    rows=True,
    send=True,
):
    """The way back with one step done differently."""
    dW, dU, db = X.new_zeros(X.shape[2], len(U)), torch.zeros_like(U), U.new_zeros(len(U))
    later = torch.zeros_like(h)
    for t in range(X.shape[1])[::order]:
        flat = 1 - states[:, t] ** 2
        slope = {0: G[:, t] + later, 1: (G[:, t] + later) * flat, 2: G[:, t] + later * flat}[tanh]
        previous = states[:, t - before] if t >= before else h * first
        shares = X[:, t].T @ slope, previous.T @ slope, slope.sum(dim=0) if rows else slope
        dW, dU, db = (old * add + share / batch for old, share in zip((dW, dU, db), shares, strict=True))
        back = slope @ (U.T if transpose else U)
        later = back * carry
    return dW, dU, db, back if send else slope


def forgets_the_way_through_later_states(X, h, states, U, G):
    return _backward(X, h, states, U, G, carry=False)


def forgets_the_slope_of_tanh(X, h, states, U, G):
    return _backward(X, h, states, U, G, tanh=0)


def adds_its_own_slope_after_tanh(X, h, states, U, G):
    return _backward(X, h, states, U, G, tanh=2)


def forgets_the_transpose(X, h, states, U, G):
    return _backward(X, h, states, U, G, transpose=False)


def takes_the_state_after_the_step(X, h, states, U, G):
    return _backward(X, h, states, U, G, before=0)


def keeps_the_share_of_one_step(X, h, states, U, G):
    return _backward(X, h, states, U, G, add=False)


def takes_zeros_for_the_first_state(X, h, states, U, G):
    return _backward(X, h, states, U, G, first=False)


def averages_over_the_batch(X, h, states, U, G):
    return _backward(X, h, states, U, G, batch=len(X))


def keeps_the_rows_of_b_apart(X, h, states, U, G):
    return _backward(X, h, states, U, G, rows=False)


def forgets_u_on_the_way_to_the_first_state(X, h, states, U, G):
    return _backward(X, h, states, U, G, send=False)


def walks_forwards(X, h, states, U, G):
    return _backward(X, h, states, U, G, order=1)


def draw_ways_back(rng):
    rows, steps, inputs, width = (int(rng.integers(1, most)) for most in (4, 5, 4, 4))
    X, h, W, U, b = (
        _some(rng, *s)
        for s in ((rows, steps, inputs), (rows, width), (inputs, width), (width, width), (width,))
    )
    G = _some(rng, rows, steps, width)
    if rng.random() < 0.3:
        G[:, :-1] = 0  # a loss of the last state alone
    return X, h, rnn(X, h, W, U, b).round(decimals=2), U, G


# 3.3.3 one step of a GRU ----------------------------------------------------------------------------


def gru_step(x, h, W, U, b, c):
    """One step of a gated recurrent unit, as torch computes it -> the new state (B, H)

    x (B, D), h (B, H), W (D, 3H), U (H, 3H), biases b and c (3H,); columns in the order r, z, n.
    """
    (x_r, x_z, x_n), (h_r, h_z, h_n) = (x @ W + b).chunk(3, dim=1), (h @ U + c).chunk(3, dim=1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (1 - z) * n + z * h


def _gates(x, h, W, U, b, c):
    x_r, x_z, x_n = (x @ W + b).chunk(3, dim=1)
    h_r, h_z, h_n = (h @ U + c).chunk(3, dim=1)
    return torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z), x_n, h_n


def resets_before_the_product(x, h, W, U, b, c):
    r, z, x_n, _ = _gates(x, h, W, U, b, c)
    width = h.shape[1]
    n = torch.tanh(x_n + (r * h) @ U[:, 2 * width :] + c[2 * width :])
    return (1 - z) * n + z * h


def keeps_where_it_should_replace(x, h, W, U, b, c):
    r, z, x_n, h_n = _gates(x, h, W, U, b, c)
    return z * torch.tanh(x_n + r * h_n) + (1 - z) * h


def takes_a_sigmoid_for_the_candidate(x, h, W, U, b, c):
    r, z, x_n, h_n = _gates(x, h, W, U, b, c)
    return (1 - z) * torch.sigmoid(x_n + r * h_n) + z * h


def resets_the_candidate_as_a_whole(x, h, W, U, b, c):
    r, z, x_n, h_n = _gates(x, h, W, U, b, c)
    return (1 - z) * r * torch.tanh(x_n + h_n) + z * h


def resets_the_whole_sum(x, h, W, U, b, c):
    r, z, x_n, h_n = _gates(x, h, W, U, b, c)
    return (1 - z) * torch.tanh(r * (x_n + h_n)) + z * h


def takes_the_columns_in_the_order_of_keras(x, h, W, U, b, c):
    z, r, x_n, h_n = _gates(x, h, W, U, b, c)
    return (1 - z) * torch.tanh(x_n + r * h_n) + z * h


def leaves_the_bias_outside_the_reset(x, h, W, U, b, c):
    return gru_step(x, h, W, U, b + c, torch.zeros_like(c))


def does_without_the_reset_gate(x, h, W, U, b, c):
    _, z, x_n, h_n = _gates(x, h, W, U, b, c)
    return (1 - z) * torch.tanh(x_n + h_n) + z * h


def draw_steps(rng):
    rows, inputs, width = (int(rng.integers(1, 4)) for _ in range(3))
    shapes = (
        (rows, inputs),
        (rows, width),
        (inputs, 3 * width),
        (width, 3 * width),
        (3 * width,),
        (3 * width,),
    )
    return tuple(_some(rng, *shape) for shape in shapes)


def kept():
    """The first number of the state is kept (z = 1), the second is replaced (z = 0)."""
    b = torch.tensor([0.0, 0.0, 100.0, -100.0, 0.0, 0.0])
    return (
        torch.zeros(1, 1),
        torch.tensor([[0.5, -0.25]]),
        torch.zeros(1, 6),
        torch.zeros(2, 6),
        b,
        torch.zeros(6),
    )


def half_reset():
    """r = (1, 0), z = 0, every entry of U is 1; the candidate has the bias (1/4, 1/2) from the input."""
    b = torch.tensor([100.0, -100.0, -100.0, -100.0, 0.25, 0.5])
    return (
        torch.zeros(1, 1),
        torch.tensor([[0.25, 0.5]]),
        torch.zeros(1, 6),
        torch.ones(2, 6),
        b,
        torch.zeros(6),
    )


def with_both_biases():
    x, h = torch.tensor([[1.0], [-1.0]]), torch.tensor([[0.5], [0.0]])
    return (
        x,
        h,
        torch.ones(1, 3),
        torch.ones(1, 3),
        torch.tensor([-1.0, 0.0, 1.0]),
        torch.tensor([0.0, -1.0, 2.0]),
    )


# 3.3.4 the error of a guess -------------------------------------------------------------------------

ERROR_OF_ONE = round(2 / 12, 3)  # two numbers between 0 and 1, each with variance 1/12

# 3.3.5 a bias that remembers ------------------------------------------------------------------------


def forget_bias(steps, share):
    """The bias of a forget gate that keeps a share of the cell state over some steps. -> float

    steps is 1 or more, share lies between 0 and 1, both excluded. The gate is sigmoid(bias) in every step,
    and each step multiplies the cell state by it.
    """
    gate = share ** (1 / steps)
    return math.log(gate / (1 - gate))


def gives_the_gate(steps, share):
    return share ** (1 / steps)


def keeps_the_share_in_every_step(steps, share):
    return math.log(share / (1 - share))


def loses_the_same_amount_in_every_step(steps, share):
    gate = 1 - (1 - share) / steps
    return math.log(gate / (1 - gate))


def turns_the_fraction_over(steps, share):
    return -forget_bias(steps, share)


def takes_the_logarithm_of_the_gate(steps, share):
    return math.log(share) / steps


def takes_the_logarithm_to_base_ten(steps, share):
    return forget_bias(steps, share) / math.log(10)


def draw_memories(rng):
    steps = int(rng.choice([1, 2, 3, 4, 5, 10, 20, 50, 100, 200]))
    return steps, float(rng.choice([0.1, 0.2, 0.25, 0.5, 0.75, 0.8, 0.9]))


# 3.3.6 backwards within each row --------------------------------------------------------------------


def reversed_places(lengths, T):
    """Places that turn each row around and leave its padding where it is. -> array (B, T) of whole numbers

    lengths, an array (B,): row i has lengths[i] steps, then padding up to T. Each length is from 1 to T;
    another one is refused by a ValueError that names it.
    """
    lengths, t = np.asarray(lengths), np.arange(T)
    for length in lengths:
        if not 1 <= length <= T:
            raise ValueError(f"a row of length {length}: leave it out; lengths are from 1 to {T}")
    return np.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)


def turns_the_padding_to_the_front(lengths, T):
    reversed_places(lengths, T)
    return np.tile(np.arange(T)[::-1], (len(lengths), 1))


def begins_one_place_too_late(lengths, T):
    reversed_places(lengths, T)
    lengths, t = np.asarray(lengths)[:, None], np.arange(T)
    return np.where(t < lengths, lengths - t, t)


def turns_the_padding_around_too(lengths, T):
    reversed_places(lengths, T)
    lengths, t = np.asarray(lengths)[:, None], np.arange(T)
    return np.where(t < lengths, lengths - 1 - t, lengths + T - 1 - t)


def turns_every_row_as_far_as_the_longest(lengths, T):
    reversed_places(lengths, T)
    longest, t = max(lengths), np.arange(T)
    return np.tile(np.where(t < longest, longest - 1 - t, t), (len(lengths), 1))


def turns_nothing_around(lengths, T):
    reversed_places(lengths, T)
    return np.tile(np.arange(T), (len(lengths), 1))


def accepts_a_length_of_zero(lengths, T):
    lengths, t = np.asarray(lengths), np.arange(T)
    if lengths.max() > T:
        raise ValueError(f"length {lengths.max()} is more than {T}")
    return np.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)


def accepts_lengths_beyond_the_row(lengths, T):
    lengths, t = np.asarray(lengths), np.arange(T)
    if lengths.min() < 1:
        raise ValueError(f"length {lengths.min()} is less than 1")
    return np.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)


def draw_lengths(rng):
    T, rows = int(rng.integers(1, 7)), int(rng.integers(1, 5))
    lengths = rng.integers(1, T + 1, size=rows)
    fault = rng.random()
    if fault < 0.2:
        wrong = 0 if fault < 0.1 else T + int(rng.integers(1, 3))
        lengths[rng.integers(rows)] = wrong
        return Case((lengths, T), raises=ValueError, mentions=(wrong,))
    return lengths, T


EXERCISES = (
    Exercise(
        "3.3.1",
        level=2,
        minutes=10,
        points=2,
        solution=rnn,
        rtol=1e-5,
        atol=1e-6,  # the cases are in float32
        cases=(
            Case(
                (
                    torch.tensor([[[1.0], [0.0]], [[0.0], [2.0]]]),
                    torch.zeros(2, 1),
                    torch.ones(1, 1),
                    torch.ones(1, 1),
                    torch.zeros(1),
                ),
                expected=torch.tanh(
                    torch.tensor([[[1.0], [0.7615942]], [[0.0], [2.0]]])
                ),  # tanh(1) = 0.7615942
            ),
            Case(
                (
                    torch.tensor([[[1.0, -1.0]]]),
                    torch.tensor([[0.5, 1.0]]),
                    torch.eye(2),
                    torch.tensor([[0.0, 1.0], [0.0, 0.0]]),
                    torch.tensor([0.5, 0.0]),
                ),
                expected=torch.tanh(torch.tensor([[[1.5, -0.5]]])),
                args_text="torch.tensor([[[1.0, -1]]]), torch.tensor([[0.5, 1]]), torch.eye(2), "
                "torch.tensor([[0.0, 1], [0, 0]]), torch.tensor([0.5, 0])",
            ),
            Case(
                lambda: (
                    torch.zeros(2, 0, 3),
                    torch.zeros(2, 4),
                    torch.ones(3, 4),
                    torch.eye(4),
                    torch.zeros(4),
                ),
                raises=ValueError,
                mentions=((2, 0, 3),),
                args_text="torch.zeros(2, 0, 3), torch.zeros(2, 4), torch.ones(3, 4), torch.eye(4), "
                "torch.zeros(4)",
            ),
        ),
        wrong={
            begins_every_step_with_the_first_state: 0,
            leaves_out_tanh: 1,
            puts_tanh_round_the_input_only: 1,
            transposes_the_matrix_of_the_state: 1,
            takes_the_rows_for_steps: None,
            stacks_the_steps_first: 2,
            gives_the_last_state_only: 2,
            gives_back_nothing_for_no_step: None,
        },
        draw=draw_texts,
        draws=200,
    ),
    Exercise(
        "3.3.2",
        level=4,
        minutes=20,
        points=3,
        solution=rnn_backward,
        rtol=1e-5,
        atol=1e-6,  # the cases are in float32
        cases=(
            Case(
                (
                    torch.tensor([[[2.0], [1.0]]]),
                    torch.tensor([[3.0]]),
                    torch.tensor([[[0.0], [0.5]]]),
                    torch.tensor([[2.0]]),
                    torch.tensor([[[1.0], [4.0]]]),
                ),
                expected=(
                    torch.tensor([[17.0]]),
                    torch.tensor([[21.0]]),
                    torch.tensor([10.0]),
                    torch.tensor([[14.0]]),
                ),
            ),
            Case(
                (
                    torch.tensor([[[1.0]], [[3.0]]]),
                    torch.eye(2),
                    torch.zeros(2, 1, 2),
                    torch.tensor([[0.0, 1.0], [0.0, 0.0]]),
                    torch.arange(1.0, 5).reshape(2, 1, 2),
                ),
                args_text="torch.tensor([[[1.0]], [[3]]]), torch.eye(2), torch.zeros(2, 1, 2), "
                "torch.tensor([[0.0, 1], [0, 0]]), torch.arange(1.0, 5).reshape(2, 1, 2)",
            ),
            Case(
                lambda: (
                    torch.ones(1, 3, 2),
                    torch.zeros(1, 2),
                    torch.full((1, 3, 2), 0.5),
                    torch.tensor([[1.0, 2.0], [0.0, 1.0]]),
                    torch.tensor([[[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]]),
                ),
                args_text="torch.ones(1, 3, 2), torch.zeros(1, 2), torch.full((1, 3, 2), 0.5), "
                "torch.tensor([[1.0, 2], [0, 1]]), torch.tensor([[[0.0, 0], [0, 0], [1, 1]]])",
            ),
        ),
        wrong={
            forgets_the_way_through_later_states: 0,
            forgets_the_slope_of_tanh: 0,
            adds_its_own_slope_after_tanh: 0,
            forgets_the_transpose: 1,
            takes_the_state_after_the_step: 1,
            keeps_the_share_of_one_step: 2,
            takes_zeros_for_the_first_state: 1,
            averages_over_the_batch: 2,
            keeps_the_rows_of_b_apart: 2,
            forgets_u_on_the_way_to_the_first_state: 1,
            walks_forwards: 0,
        },
        draw=draw_ways_back,
        draws=200,
    ),
    Exercise(
        "3.3.3",
        level=3,
        minutes=10,
        points=2,
        solution=gru_step,
        rtol=1e-5,
        atol=1e-6,  # the cases are in float32
        cases=(
            Case(
                kept,
                expected=torch.tensor([[0.5, 0.0]]),
                args_text="torch.zeros(1, 1), torch.tensor([[0.5, -0.25]]), torch.zeros(1, 6), "
                "torch.zeros(2, 6), torch.tensor([0.0, 0, 100, -100, 0, 0]), torch.zeros(6)",
            ),
            Case(
                half_reset,
                expected=torch.tanh(torch.tensor([[1.0, 0.5]])),
                args_text="torch.zeros(1, 1), torch.tensor([[0.25, 0.5]]), torch.zeros(1, 6), "
                "torch.ones(2, 6), torch.tensor([100.0, -100, -100, -100, 0.25, 0.5]), torch.zeros(6)",
            ),
            Case(
                with_both_biases,
                args_text="torch.tensor([[1.0], [-1]]), torch.tensor([[0.5], [0]]), torch.ones(1, 3), "
                "torch.ones(1, 3), torch.tensor([-1.0, 0, 1]), torch.tensor([0.0, -1, 2])",
            ),
        ),
        wrong={
            resets_before_the_product: 0,
            keeps_where_it_should_replace: 1,
            takes_a_sigmoid_for_the_candidate: 2,
            resets_the_candidate_as_a_whole: 0,
            resets_the_whole_sum: 0,
            takes_the_columns_in_the_order_of_keras: 2,
            leaves_the_bias_outside_the_reset: 0,
            does_without_the_reset_gate: 0,
        },
        draw=draw_steps,
        draws=200,
    ),
    Exercise(
        "3.3.4",
        kind="predict",
        level=1,
        minutes=5,
        points=1,
        solution=ERROR_OF_ONE,
        atol=0.0005,  # three decimals: 0.167 and 1 / 6
        wrong={
            "one_number_only": (0.083, 1),
            "the_root": (0.408, 0),
            "the_mean_of_the_squares": (0.667, 1),
            "two_decimals_only": (0.17, 1),
            "no_error": (0.0, 0),
            "the_mean_of_the_distance": (0.333, 0),
        },
    ),
    Exercise(
        "3.3.5",
        level=2,
        minutes=5,
        points=2,
        solution=forget_bias,
        cases=(
            Case((2, 0.25), expected=0.0),
            Case((1, 0.5), expected=0.0),
            Case((50, 0.5)),
            Case((3, 0.125), expected=0.0),
        ),
        wrong={
            gives_the_gate: 1,
            keeps_the_share_in_every_step: 0,
            loses_the_same_amount_in_every_step: 0,
            turns_the_fraction_over: 1,
            takes_the_logarithm_of_the_gate: 1,
            takes_the_logarithm_to_base_ten: 1,
        },
        draw=draw_memories,
        draws=200,
    ),
    Exercise(
        "3.3.6",
        level=2,
        minutes=10,
        points=2,
        solution=reversed_places,
        cases=(
            Case((np.array([3, 1]), 4), expected=np.array([[2, 1, 0, 3], [0, 1, 2, 3]])),
            Case((np.array([2, 5]), 5), expected=np.array([[1, 0, 2, 3, 4], [4, 3, 2, 1, 0]])),
            Case((np.array([2, 0]), 3), raises=ValueError, mentions=(0,)),
            Case((np.array([4]), 3), raises=ValueError, mentions=(4,)),
        ),
        wrong={
            turns_the_padding_to_the_front: 1,
            begins_one_place_too_late: 1,
            turns_the_padding_around_too: 1,
            turns_every_row_as_far_as_the_longest: 0,
            turns_nothing_around: 1,
            accepts_a_length_of_zero: 2,
            accepts_lengths_beyond_the_row: 2,
        },
        draw=draw_lengths,
        draws=200,
    ),
)
