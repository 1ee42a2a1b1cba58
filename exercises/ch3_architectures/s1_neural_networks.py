"""Section 3.1, neural networks: code of its exercises. The words are in s1_neural_networks.en.md."""

import math

import numpy as np

from exercises import Case, Exercise

FOUR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])

# 3.1.1 one pass of the perceptron ------------------------------------------------------------------


def perceptron_pass(X, y, w, b):
    """One pass of the perceptron over the rows of X, in order. -> (new w, new b, number of mistakes)

    X (N, D) inputs, y (N,) right answers 0 or 1, w (D,) weights, b a number. The answer is 1 where z > 0.
    X, y and w stay as they were.
    """
    w, mistakes = np.array(w, dtype=float), 0
    for x, right in zip(X, y, strict=True):
        error = right - int(x @ w + b > 0)
        w, b = w + error * x, b + error
        mistakes += int(error != 0)
    return w, b, mistakes


def updates_with_the_wrong_sign(X, y, w, b):
    w, mistakes = np.array(w, dtype=float), 0
    for x, right in zip(X, y, strict=True):
        error = int(x @ w + b > 0) - right
        w, b = w + error * x, b + error
        mistakes += int(error != 0)
    return w, b, mistakes


def leaves_the_bias_alone(X, y, w, b):
    w, mistakes = np.array(w, dtype=float), 0
    for x, right in zip(X, y, strict=True):
        error = right - int(x @ w + b > 0)
        w = w + error * x
        mistakes += int(error != 0)
    return w, b, mistakes


def judges_all_rows_with_the_first_weights(X, y, w, b):
    w = np.array(w, dtype=float)
    error = np.asarray(y) - (X @ w + b > 0)
    return w + error @ X, b + int(error.sum()), int((error != 0).sum())


def says_one_where_the_sum_is_zero(X, y, w, b):
    w, mistakes = np.array(w, dtype=float), 0
    for x, right in zip(X, y, strict=True):
        error = right - int(x @ w + b >= 0)
        w, b = w + error * x, b + error
        mistakes += int(error != 0)
    return w, b, mistakes


def adds_up_the_errors_with_their_signs(X, y, w, b):
    w, mistakes = np.array(w, dtype=float), 0
    for x, right in zip(X, y, strict=True):
        error = right - int(x @ w + b > 0)
        w, b = w + error * x, b + error
        mistakes += int(error)
    return w, b, mistakes


def draw_rows(rng):
    n, d = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    X = rng.integers(-2, 3, size=(n, d)).astype(float)
    w, b = rng.integers(-1, 2, size=d).astype(float), float(rng.integers(-1, 2))
    return X, rng.integers(0, 2, size=n), w, b


# 3.1.2 the gradient of a network with one hidden layer ----------------------------------------------


def backward(X, y, W1, b1, W2, b2):
    """Gradients of the mean loss of a batch -> (dW1, db1, dW2, db2), each of the shape of its parameter.

    X (B, D), y (B,) class numbers, W1 (D, H), b1 (H,), W2 (H, C), b2 (C,).
    """
    z1 = X @ W1 + b1
    h = np.maximum(0, z1)
    g2 = _softmax(h @ W2 + b2)
    g2[np.arange(len(y)), y] -= 1
    g2 /= len(y)
    g1 = (g2 @ W2.T) * (z1 > 0)
    return X.T @ g1, g1.sum(axis=0), h.T @ g2, g2.sum(axis=0)


def _softmax(z):
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _backward(
    X, y, W1, b1, W2, b2, *, mean=True, mask="sums", transpose=True, sign=1, onehot=1, sum_bias=True
):
    """The gradient with one step done differently."""
    z1 = X @ W1 + b1
    h = np.maximum(0, z1)
    g2 = _softmax(h @ W2 + b2)
    g2[np.arange(len(y)), y] -= onehot
    g2 = sign * g2 / (len(y) if mean else 1)
    g1 = g2 @ (W2.T if transpose else W2)
    g1 = {"sums": g1 * (z1 > 0), "slope": np.maximum(0, g1), "none": g1}[mask]
    over = np.sum if sum_bias else np.mean
    return X.T @ g1, over(g1, axis=0), h.T @ g2, over(g2, axis=0)


def sums_over_the_batch(X, y, W1, b1, W2, b2):
    return _backward(X, y, W1, b1, W2, b2, mean=False)


def lets_the_slope_through_silent_neurons(X, y, W1, b1, W2, b2):
    return _backward(X, y, W1, b1, W2, b2, mask="none")


def cuts_off_negative_slopes(X, y, W1, b1, W2, b2):
    return _backward(X, y, W1, b1, W2, b2, mask="slope")


def forgets_the_transpose(X, y, W1, b1, W2, b2):
    return _backward(X, y, W1, b1, W2, b2, transpose=False)


def points_downhill(X, y, W1, b1, W2, b2):
    return _backward(X, y, W1, b1, W2, b2, sign=-1)


def takes_the_probabilities_alone(X, y, W1, b1, W2, b2):
    return _backward(X, y, W1, b1, W2, b2, onehot=0)


def averages_the_biases_twice(X, y, W1, b1, W2, b2):
    return _backward(X, y, W1, b1, W2, b2, sum_bias=False)


def draw_batches(rng):
    rows, inputs, hidden = (int(rng.integers(1, 5)) for _ in range(3))
    classes = int(rng.integers(2, 5))
    shapes = (inputs, hidden), hidden, (hidden, classes), classes
    X = rng.normal(size=(rows, inputs)).round(1)
    return X, rng.integers(0, classes, size=rows), *(rng.normal(size=shape).round(1) for shape in shapes)


def by_hand():
    """One row, and a square W2: a forgotten transpose fits, and is wrong."""
    W2 = np.array([[1.0, -1.0], [2.0, 1.0]])
    return (
        np.array([[1.0, 2.0]]),
        np.array([1]),
        np.diag([3.0, -1.0]),
        np.zeros(2),
        W2,
        np.array([-3.0, 3.0]),
    )


SLOPES_BY_HAND = (  # z1 = (3, -2), h = (3, 0), both classes one half: g2 = (0.5, -0.5), g1 = (1, 0)
    np.array([[1.0, 0.0], [2.0, 0.0]]),
    np.array([1.0, 0.0]),
    np.array([[1.5, -1.5], [0.0, 0.0]]),
    np.array([0.5, -0.5]),
)


def two_rows():
    W1, W2 = np.array([[1.0, -1.0, 2.0], [0.5, 1.0, -1.0]]), np.arange(6.0).reshape(3, 2)
    return np.eye(2), np.array([0, 1]), W1, np.zeros(3), W2, np.zeros(2)


def all_silent():
    W2 = np.arange(6.0).reshape(3, 2)
    return np.ones((3, 2)), np.array([0, 1, 1]), -np.ones((2, 3)), np.zeros(3), W2, np.array([1.0, 0.0])


# 3.1.3 the first loss -------------------------------------------------------------------------------

FIRST_LOSS = round(math.log(10), 2)

# 3.1.5 back to the shape before broadcasting --------------------------------------------------------


def sum_to(slope, shape):
    """Add up a slope until it has the shape that a value had before broadcasting: (...) -> shape.

    slope is an array of the shape of the result, shape a tuple that NumPy can broadcast to slope.shape.
    """
    added = slope.ndim - len(shape)  # axes that broadcasting put in front
    stretched = [added + place for place, size in enumerate(shape) if size == 1]
    return slope.sum(axis=(*range(added), *stretched)).reshape(shape)


def adds_up_the_first_axis_only(slope, shape):
    return slope if slope.shape == shape else slope.sum(axis=0)


def forgets_stretched_axes(slope, shape):
    return slope.sum(axis=tuple(range(slope.ndim - len(shape))))


def takes_the_mean(slope, shape):
    added = slope.ndim - len(shape)
    stretched = [added + place for place, size in enumerate(shape) if size == 1]
    return slope.mean(axis=(*range(added), *stretched)).reshape(shape)


def keeps_the_first_entry_only(slope, shape):
    added = slope.ndim - len(shape)
    return slope[(0,) * added][tuple(slice(size) for size in shape)]


def drops_axes_of_length_one(slope, shape):
    added = slope.ndim - len(shape)
    return slope.sum(axis=(*range(added), *[added + i for i, size in enumerate(shape) if size == 1]))


def draw_slopes(rng):
    full = tuple(int(n) for n in rng.integers(1, 4, size=rng.integers(1, 4)))
    shape = full[int(rng.integers(0, len(full) + 1)) :]
    shape = tuple(1 if rng.random() < 0.3 else size for size in shape)
    return rng.integers(-5, 6, size=full).astype(float), shape


# 3.1.6 slopes of a lookup ---------------------------------------------------------------------------


def lookup_slope(ids, slope, rows):
    """The slope along a matrix V (rows, D) whose rows V[ids] were looked up. -> (rows, D)

    ids (B,) row numbers, slope (B, D): the slope along each row that was looked up.
    """
    total = np.zeros((rows, slope.shape[1]))
    np.add.at(total, ids, slope)
    return total


def keeps_the_last_of_repeated_rows(ids, slope, rows):
    total = np.zeros((rows, slope.shape[1]))
    total[ids] += slope  # NumPy buffers: a row that comes twice gets only one of its slopes
    return total


def averages_repeated_rows(ids, slope, rows):
    total = lookup_slope(ids, slope, rows)
    return total / np.maximum(np.bincount(ids, minlength=rows), 1)[:, None]


def divides_by_the_length_of_the_text(ids, slope, rows):
    return lookup_slope(ids, slope, rows) / max(len(ids), 1)


def makes_only_as_many_rows_as_the_largest_id(ids, slope, rows):
    return lookup_slope(ids, slope, int(max(ids)) + 1) if len(ids) else np.zeros((0, slope.shape[1]))


def draw_lookups(rng):
    rows, length, width = int(rng.integers(1, 5)), int(rng.integers(0, 5)), int(rng.integers(1, 4))
    ids = rng.integers(0, rows, size=length)
    return ids, rng.integers(-5, 6, size=(length, width)).astype(float), rows


# 3.1.8 dead neurons ---------------------------------------------------------------------------------


def dead_share(X, W, b):
    """Share of the ReLU neurons that are silent for every row of X. -> float from 0 to 1

    X (N, D) inputs, W (D, H) weights, b (H,) biases. A neuron is silent where its sum is 0 or less.
    """
    return float((X @ W + b <= 0).all(axis=0).mean())


def counts_silent_answers_not_neurons(X, W, b):
    return float((X @ W + b <= 0).mean())


def counts_neurons_that_are_silent_once(X, W, b):
    return float((X @ W + b <= 0).any(axis=0).mean())


def counts_rows_for_which_all_are_silent(X, W, b):
    return float((X @ W + b <= 0).all(axis=1).mean())


def leaves_out_the_bias(X, W, b):
    return float((X @ W <= 0).all(axis=0).mean())


def takes_a_sum_of_zero_for_a_working_neuron(X, W, b):
    return float((X @ W + b < 0).all(axis=0).mean())


def gives_the_share_that_is_alive(X, W, b):
    return 1 - dead_share(X, W, b)


def draw_layers(rng):
    rows, inputs, neurons = (int(rng.integers(1, 4)) for _ in range(3))
    X, W = rng.integers(-2, 3, size=(rows, inputs)), rng.integers(-2, 3, size=(inputs, neurons))
    return X.astype(float), W.astype(float), rng.integers(-3, 3, size=neurons).astype(float)


# 3.1.9 a network through given points ---------------------------------------------------------------


def outer_weights(places, heights):
    """Weights of the output for a network that passes through points. -> w (K - 1,), b (a float)

    places (K,) rising, heights (K,), K at least 2. Hidden neuron i computes max(0, x - places[i]), for the
    first K - 1 places; the output is h @ w + b.
    """
    slopes = np.diff(heights) / np.diff(places)
    return np.diff(slopes, prepend=0.0), float(heights[0])


def takes_the_slopes_themselves(places, heights):
    return np.diff(heights) / np.diff(places), float(heights[0])


def takes_every_piece_to_be_one_wide(places, heights):
    return np.diff(np.diff(heights), prepend=0.0), float(heights[0])


def begins_at_zero(places, heights):
    return outer_weights(places, heights)[0], 0.0


def takes_the_heights_for_weights(places, heights):
    return np.asarray(heights, dtype=float)[1:], float(heights[0])


def draw_points(rng):
    count = int(rng.integers(2, 6))
    places = np.sort(rng.choice(np.arange(-6, 7), size=count, replace=False)) / 2
    return places, rng.integers(-4, 5, size=count).astype(float)


EXERCISES = (
    Exercise(
        "3.1.1",
        level=2,
        minutes=10,
        points=2,
        solution=perceptron_pass,
        cases=(
            Case((FOUR, np.array([0, 0, 0, 1]), np.zeros(2), 0.0), expected=(np.ones(2), 1.0, 1)),
            Case((FOUR, np.array([0, 1, 1, 0]), np.array([1.0, 1.0]), 0.0)),
            Case((np.array([[1.0, -2.0, 0.5]]), np.array([1]), np.zeros(3), -0.25)),
        ),
        wrong={
            updates_with_the_wrong_sign: 0,
            leaves_the_bias_alone: 0,
            judges_all_rows_with_the_first_weights: 1,
            says_one_where_the_sum_is_zero: 2,
            adds_up_the_errors_with_their_signs: 2,
        },
        draw=draw_rows,
        draws=200,
    ),
    Exercise(
        "3.1.2",
        level=3,
        minutes=15,
        points=3,
        solution=backward,
        cases=(
            Case(
                by_hand,
                expected=SLOPES_BY_HAND,
                args_text="np.array([[1.0, 2.0]]), np.array([1]), np.diag([3.0, -1.0]), np.zeros(2), "
                "np.array([[1.0, -1.0], [2.0, 1.0]]), np.array([-3.0, 3.0])",
            ),
            Case(
                two_rows,
                args_text="np.eye(2), np.array([0, 1]), np.array([[1.0, -1.0, 2.0], [0.5, 1.0, -1.0]]), "
                "np.zeros(3), np.arange(6.0).reshape(3, 2), np.zeros(2)",
            ),
            Case(
                all_silent,
                args_text="np.ones((3, 2)), np.array([0, 1, 1]), -np.ones((2, 3)), np.zeros(3), "
                "np.arange(6.0).reshape(3, 2), np.array([1.0, 0.0])",
            ),
        ),
        wrong={
            sums_over_the_batch: 1,
            lets_the_slope_through_silent_neurons: 2,
            cuts_off_negative_slopes: 2,
            forgets_the_transpose: 2,
            points_downhill: 0,
            takes_the_probabilities_alone: 0,
            averages_the_biases_twice: 1,
        },
        draw=draw_batches,
        draws=200,
    ),
    Exercise(
        "3.1.3",
        kind="predict",
        level=1,
        minutes=5,
        points=1,
        solution=FIRST_LOSS,
        atol=0.005,
        wrong={
            "share_of_right_answers": (0.1, 0),
            "logarithm_of_two": (0.69, 1),
            "logarithm_in_base_two": (3.32, 1),
            "logarithm_in_base_ten": (1.0, 1),
            "minus_forgotten": (-2.3, 0),
            "no_loss_at_all": (0.0, 0),
        },
    ),
    Exercise(
        "3.1.4",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=7.0,
        wrong={
            "the_last_use_only": (1.0, 0),
            "the_product_without_the_sum": (6.0, 0),
            "one_factor_of_the_product": (4.0, 1),
            "the_value_of_y": (12.0, 1),
        },
    ),
    Exercise(
        "3.1.5",
        level=3,
        minutes=15,
        points=3,
        solution=sum_to,
        cases=(
            Case((np.array([[1.0, 2.0], [3.0, 4.0]]), (2,)), expected=np.array([4.0, 6.0])),
            Case((np.array([[1.0, 2.0], [3.0, 4.0]]), (2, 1)), expected=np.array([[3.0], [7.0]])),
            Case((np.array([[1.0, 2.0], [3.0, 4.0]]), ()), expected=np.array(10.0)),
            Case(
                lambda: (np.arange(12.0).reshape(2, 3, 2), (3, 1)),
                args_text="np.arange(12.0).reshape(2, 3, 2), (3, 1)",
            ),
            Case(
                (np.array([[1.0, 2.0]]), (1, 2)),
                why="no axis was stretched: the slope stays as it is",
            ),
        ),
        wrong={
            adds_up_the_first_axis_only: 0,
            forgets_stretched_axes: 1,
            takes_the_mean: 0,
            keeps_the_first_entry_only: 0,
            drops_axes_of_length_one: 2,
        },
        draw=draw_slopes,
        draws=200,
    ),
    Exercise(
        "3.1.6",
        level=2,
        minutes=10,
        points=2,
        solution=lookup_slope,
        cases=(
            Case(
                (np.array([2, 0, 2]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 4),
                expected=np.array([[3.0, 4.0], [0.0, 0.0], [6.0, 8.0], [0.0, 0.0]]),
            ),
            Case(
                (np.array([1, 1, 1]), np.array([[1.0], [1.0], [1.0]]), 2), expected=np.array([[0.0], [3.0]])
            ),
            Case((np.array([0]), np.array([[7.0]]), 3)),
        ),
        wrong={
            keeps_the_last_of_repeated_rows: 1,
            averages_repeated_rows: 1,
            divides_by_the_length_of_the_text: None,
            makes_only_as_many_rows_as_the_largest_id: 0,
        },
        draw=draw_lookups,
        draws=200,
    ),
    Exercise(
        "3.1.7",
        kind="predict",
        level=2,
        minutes=5,
        points=1,
        solution=0.001,
        atol=0.0004,  # three decimals: 0.001 and 0.00098, 0.031 and 0.03125
        wrong={
            "without_relu": (1.0, 1),
            "one_layer_only": (0.5, 0),
            "the_size_not_its_square": (0.031, 1),
            "a_tenth_of_half": (0.05, 0),
        },
    ),
    Exercise(
        "3.1.8",
        level=2,
        minutes=10,
        points=2,
        solution=dead_share,
        cases=(
            Case(
                (
                    np.array([[1.0, 0.0], [0.0, 1.0]]),
                    np.array([[1.0, -1.0, -1.0], [-1.0, -1.0, 0.0]]),
                    np.array([0.0, 0.0, 0.0]),
                ),
                expected=2 / 3,
            ),
            Case((np.array([[1.0], [2.0]]), np.array([[1.0, -1.0]]), np.array([-5.0, 5.0])), expected=0.5),
            Case((np.array([[0.0]]), np.array([[3.0, -3.0]]), np.array([0.0, 0.0])), expected=1.0),
        ),
        wrong={
            counts_silent_answers_not_neurons: 0,
            counts_neurons_that_are_silent_once: 0,
            counts_rows_for_which_all_are_silent: 1,
            leaves_out_the_bias: 2,
            takes_a_sum_of_zero_for_a_working_neuron: 2,
            gives_the_share_that_is_alive: None,
        },
        draw=draw_layers,
        draws=200,
    ),
    Exercise(
        "3.1.9",
        level=3,
        minutes=15,
        points=3,
        solution=outer_weights,
        cases=(
            Case(
                (np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0])),
                expected=(np.array([2.0, -3.0]), 1.0),
            ),
            Case(
                (np.array([-1.0, 0.0, 4.0]), np.array([0.0, 2.0, 2.0])), expected=(np.array([2.0, -2.0]), 0.0)
            ),
            Case((np.array([1.0, 3.0]), np.array([5.0, 5.0]))),
        ),
        wrong={
            takes_the_slopes_themselves: 0,
            takes_every_piece_to_be_one_wide: 1,
            begins_at_zero: 2,
            takes_the_heights_for_weights: 0,
        },
        draw=draw_points,
        draws=200,
    ),
)
