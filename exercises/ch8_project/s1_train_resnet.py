"""Exercises of section 8.1, a residual network: its block, its size, its reach, its rate, its confidence."""

import math

import numpy as np

from exercises import Case, Exercise

# 8.1.1 a block, forwards --------------------------------------------------------------------------


def residual_block(x, W1, W2, shortcut=None):
    """relu(relu(x W1) W2 + x): x (N, D), W1 (D, H), W2 (H, E) -> array (N, E).

    shortcut (D, E), if it is given, takes x to the shape of the sum. Raises ValueError that names D and E
    when they differ and there is no shortcut.
    """
    # Common wrong turn: no look at the shapes. With D = 1 nothing fails: NumPy broadcasts x over all E.
    x, W1, W2 = np.asarray(x), np.asarray(W1), np.asarray(W2)
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError(f"x has {x.shape[1]} columns, the sum {W2.shape[1]}: give a shortcut of this shape")
    residual = np.maximum(x @ W1, 0) @ W2
    return np.maximum(residual + (x if shortcut is None else x @ np.asarray(shortcut)), 0)


def _block(combine):
    """A wrong way to combine f(x) with x, with the right refusal."""

    def answer(x, W1, W2, shortcut=None):
        if shortcut is None and x.shape[1] != W2.shape[1]:
            raise ValueError(f"{x.shape[1]} and {W2.shape[1]}")
        f = np.maximum(x @ W1, 0) @ W2
        return combine(f, x if shortcut is None else x @ shortcut)

    return answer


def without_inner_relu(x, W1, W2, shortcut=None):
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError(f"{x.shape[1]} and {W2.shape[1]}")
    return np.maximum(x @ W1 @ W2 + (x if shortcut is None else x @ shortcut), 0)


def shortcut_forgotten(x, W1, W2, shortcut=None):
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError(f"{x.shape[1]} and {W2.shape[1]}")
    f = np.maximum(x @ W1, 0) @ W2
    return np.maximum(f + x, 0) if x.shape[1] == f.shape[1] else np.maximum(f, 0)


def broadcast(x, W1, W2, shortcut=None):
    return np.maximum(np.maximum(x @ W1, 0) @ W2 + (x if shortcut is None else x @ shortcut), 0)


def shortcut_in_series(x, W1, W2, shortcut=None):
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError(f"{x.shape[1]} and {W2.shape[1]}")
    f = np.maximum(x @ W1, 0) @ W2
    return np.maximum(f + x, 0) if shortcut is None else np.maximum(f, 0)


_X = np.array([[1.0, -2.0], [3.0, 0.5]])
_W1 = np.array([[1.0, 0.0, -1.0], [0.5, 1.0, 2.0]])
_W2 = np.array([[1.0, -1.0], [2.0, 0.0], [0.5, 1.0]])
_SWAP = np.array([[0.0, 1.0], [1.0, 0.0]])
_SIDE = np.array([[0.0, 1.0, -1.0], [2.0, 0.0, 1.0]])

block_forwards = Exercise(
    "8.1.1",
    level=2,
    minutes=10,
    points=2,
    solution=residual_block,
    cases=(
        Case(
            (np.array([[1.0, -2.0]]), np.array([[1.0], [0.0]]), np.array([[2.0, 1.0]])),
            expected=np.array([[3.0, 0.0]]),
            name="nothing added: f(x) alone",
        ),
        Case((_X, _W1, _W2), expected=np.array([[1.0, 0.0], [7.25, 0.0]]), name="the inner relu left out"),
        Case(
            (np.array([[1.0, 2.0]]), np.array([[1.0], [0.0]]), np.array([[1.0, -3.0, 0.5]]), _SIDE),
            expected=np.array([[5.0, 0.0, 1.5]]),
            name="a shortcut that is not used",
        ),
        Case(
            (np.array([[1.0, -2.0]]), np.array([[1.0], [0.0]]), np.array([[2.0, 1.0]]), _SWAP),
            expected=np.array([[0.0, 2.0]]),
            name="a shortcut used only where the shapes differ",
        ),
        Case(
            (np.array([[1.0], [2.0]]), np.array([[1.0, -1.0]]), np.ones((2, 3))),
            raises=ValueError,
            mentions=(1, 3),
            name="one column, stretched silently over three",
        ),
    ),
    wrong={
        "returns_f_x_with_nothing_added": (_block(lambda f, x: np.maximum(f, 0)), 1),
        "forgets_the_last_relu": (_block(lambda f, x: f + x), 1),
        "takes_the_relu_before_the_sum": (_block(lambda f, x: np.maximum(f, 0) + x), 1),
        "takes_a_relu_before_the_sum_and_one_after_it": (
            _block(lambda f, x: np.maximum(np.maximum(f, 0) + x, 0)),
            0,
        ),
        "takes_the_relu_of_x_as_well": (_block(lambda f, x: np.maximum(f + np.maximum(x, 0), 0)), 1),
        without_inner_relu: 0,
        shortcut_forgotten: 1,
        shortcut_in_series: 1,
        broadcast: 2,
    },
)

# 8.1.2 what a bottleneck costs --------------------------------------------------------------------


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if answer == number else None


# 1 × 1, 3 × 3, 1 × 1, and a scale and a shift for each map of the three normalisations
BOTTLENECK = 256 * 64 + 64 * 64 * 9 + 64 * 256 + 2 * (64 + 64 + 256)

bottleneck = Exercise(
    "8.1.2",
    level=2,
    minutes=5,
    points=1,
    kind="predict",
    solution=BOTTLENECK,
    wrong={
        "leaves_batch_normalisation_out": (BOTTLENECK - 768, 1),
        "counts_running_statistics": (BOTTLENECK + 768, 1),
        "takes_all_kernels_as_3_3": (BOTTLENECK + 8 * 2 * 256 * 64, 0),
        "gives_the_convolutions_a_bias": (BOTTLENECK + 384, 1),
        "puts_a_convolution_on_the_shortcut": (BOTTLENECK + 256 * 256 + 512, 1),
        "forgets_the_9_of_the_middle_convolution": (BOTTLENECK - 8 * 64 * 64, None),
    },
)

# 8.1.3 how far a number sees ----------------------------------------------------------------------


def receptive_field(layers):
    """Side of the square of input pixels that one number of the last map depends on: an int.

    layers: pairs (kernel, stride) of whole numbers, first layer first. Raises ValueError that names a kernel
    or stride below 1.
    """
    # Common wrong turn: adding kernel - 1 for each layer. Behind a stride of 2, one step is two pixels.
    side, step = 1, 1
    for kernel, stride in layers:
        if kernel < 1 or stride < 1:
            raise ValueError(f"kernel {kernel}, stride {stride}: both must be 1 or more")
        side += (kernel - 1) * step
        step *= stride
    return side


def _reach(rule):
    """A wrong rule (side, step, kernel, stride) -> (side, step), with the right refusal."""

    def answer(layers):
        side, step = 1, 1
        for kernel, stride in layers:
            if kernel < 1 or stride < 1:
                raise ValueError(f"{kernel}, {stride}")
            side, step = rule(side, step, kernel, stride)
        return side

    return answer


reach = Exercise(
    "8.1.3",
    level=3,
    minutes=15,
    points=2,
    solution=receptive_field,
    cases=(
        Case(([(3, 1), (3, 1)],), expected=5, name="kernels added up"),
        Case(([(3, 2), (3, 1)],), expected=7, name="the stride left out"),
        Case(([(7, 2), (3, 2)],), expected=11, name="the stride applied before its own kernel"),
        Case(([(3, 2), (3, 2), (3, 2), (3, 1)],), expected=31, name="strides added instead of multiplied"),
        Case(([(3, 2), (1, 1), (3, 1)],), expected=7, name="only the last stride remembered"),
        Case(([],), expected=1, name="no layer sees nothing"),
        Case(([(3, 1), (0, 2)],), raises=ValueError, mentions=(0, 2), name="a kernel of 0 accepted"),
        Case(([(3, 0)],), raises=ValueError, mentions=(3, 0), name="a stride of 0 accepted"),
    ),
    wrong={
        "adds_up_the_kernels": (_reach(lambda side, step, k, s: (side + k, step * s)), 0),
        "ignores_strides": (_reach(lambda side, step, k, s: (side + k - 1, step)), 1),
        "applies_the_stride_too_early": (
            _reach(lambda side, step, k, s: (side + (k - 1) * step * s, step * s)),
            1,
        ),
        "adds_strides": (_reach(lambda side, step, k, s: (side + (k - 1) * step, step + s - 1)), 1),
        "remembers_the_last_stride_only": (_reach(lambda side, step, k, s: (side + (k - 1) * step, s)), 1),
        "multiplies_kernels": (_reach(lambda side, step, k, s: (side * k, step)), 0),
        "says_0_for_no_layers": (lambda layers: receptive_field(layers) if layers else 0, 0),
        "refuses_nothing": (
            lambda layers: receptive_field([(max(k, 1), max(s, 1)) for k, s in layers]) if layers else 1,
            None,
        ),
    },
)

# 8.1.4 the rate of a step -------------------------------------------------------------------------


def one_cycle(step, steps, highest, rise=0.2):
    """Rate of step 0 … steps - 1: from highest / 25 up along a cosine, then down to highest / 250,000.

    The rate is highest at step rise * steps - 1. -> float.
    Raises ValueError that names step and steps when step is outside 0 … steps - 1.
    """
    # Common wrong turn: counting epochs. A run of 8 epochs of 19 batches has 152 steps, not 8.
    if not 0 <= step < steps:
        raise ValueError(f"step {step} of {steps} steps: it must be 0 to {steps - 1}")
    first, last, top = highest / 25, highest / 250_000, rise * steps - 1
    if step <= top:
        start, end, share = first, highest, step / top
    else:
        start, end, share = highest, last, (step - top) / (steps - 1 - top)
    return float(end + (start - end) * (1 + math.cos(math.pi * share)) / 2)


def _one_cycle(bend=lambda share: (1 + math.cos(math.pi * share)) / 2, first=25, last=250_000, before=1):
    def answer(step, steps, highest, rise=0.2):
        if not 0 <= step < steps:
            raise ValueError(f"step {step} of {steps}")
        start, end, top = highest / first, highest / last, rise * steps - before
        if step <= top:
            return float(highest + (start - highest) * bend(step / top))
        return float(end + (highest - end) * bend((step - top) / max(steps - before - top, 1e-12)))

    return answer


def rise_ignored(step, steps, highest, rise=0.2):
    return one_cycle(step, steps, highest)


def beyond_the_end(step, steps, highest, rise=0.2):
    return one_cycle(min(max(step, 0), steps - 1), steps, highest, rise)


rate_of_a_step = Exercise(
    "8.1.4",
    level=3,
    minutes=15,
    points=3,
    solution=one_cycle,
    cases=(
        Case((0, 11, 1.0, 6 / 11), expected=0.04, name="the first rate"),
        Case((5, 11, 1.0, 6 / 11), expected=1.0, name="the highest rate"),
        Case((10, 11, 1.0, 6 / 11), expected=0.000004, name="the last rate"),
        Case((1, 15, 0.5, 1 / 3), expected=0.090294373, name="a straight line for the cosine, up"),
        Case((6, 15, 0.5, 1 / 3), expected=0.452254437, name="a straight line for the cosine, down"),
        Case((3, 20, 0.2), expected=0.2, name="the default of rise"),
        Case((3, 20, 0.2, 0.5), expected=0.056, name="another rise ignored"),
        Case((20, 20, 0.2), raises=ValueError, mentions=(20,), name="a step that does not exist"),
        Case((-1, 20, 0.2), raises=ValueError, mentions=(-1, 20), name="a step before the first"),
    ),
    wrong={
        "goes_in_straight_lines": (_one_cycle(bend=lambda share: 1 - share), 1),
        "bends_like_a_quarter_of_a_cosine": (_one_cycle(bend=lambda share: math.cos(math.pi * share / 2)), 1),
        "starts_at_0": (_one_cycle(first=math.inf), 2),
        "ends_at_0": (_one_cycle(last=math.inf), 2),
        "ends_where_it_began": (_one_cycle(last=25), 2),
        "counts_from_1_the_top_at_rise_steps_the_end_at_steps": (_one_cycle(before=0), 0),
        rise_ignored: 0,
        beyond_the_end: 2,
    },
)

# 8.1.5 the temperature of a verdict ---------------------------------------------------------------


def best_temperature(logits, labels):
    """T > 0 for which the mean cross-entropy of softmax(logits / T) is least: (N, C), (N,) -> float.

    Some labels are not the largest logit of their row, and the logits are better than chance, so that there
    is exactly one such T.
    """
    # Common wrong turn: choosing T by accuracy. No T changes the order of the logits, so none changes that.
    logits, labels = np.asarray(logits, dtype=float), np.asarray(labels)
    right = logits[np.arange(len(labels)), labels]

    def slope(factor):  # of the loss with respect to 1 / T; it grows with the factor
        powers = np.exp(factor * (logits - logits.max(axis=1, keepdims=True)))
        return np.mean((powers * logits).sum(axis=1) / powers.sum(axis=1) - right)

    low, high = 0.0, 1.0
    while slope(high) < 0:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return float(1 / low)


def _losses(logits, labels, temperatures):
    scaled = logits[None] / np.asarray(temperatures)[:, None, None]
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    logs = scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True))
    return -logs[:, np.arange(len(labels)), labels].mean(axis=1)


_GRID = np.geomspace(0.02, 50, 4_001)


def by_multiplying(logits, labels):
    return 1 / best_temperature(logits, labels)


def never_above_one(logits, labels):
    grid = np.linspace(0.01, 1, 200)
    return float(grid[_losses(logits, labels, grid).argmin()])


def whole_numbers(logits, labels):
    grid = np.arange(1.0, 11.0)
    return float(grid[_losses(logits, labels, grid).argmin()])


def _confidences(logits):
    scaled = logits[None] / _GRID[:, None, None]
    scaled = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return (scaled / scaled.sum(axis=-1, keepdims=True)).max(axis=-1).mean(axis=1)


def mean_confidence_is_accuracy(logits, labels):
    share = (logits.argmax(axis=1) == labels).mean()
    return float(_GRID[np.abs(_confidences(logits) - share).argmin()])


def of_probabilities(logits, labels):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return float(_GRID[_losses(shares, labels, _GRID).argmin()])


def by_accuracy(logits, labels):
    return 1.0


def overflowing(logits, labels):
    with np.errstate(all="ignore"):
        powers = np.exp(logits[None] / _GRID[:, None, None])
        shares = powers / powers.sum(axis=-1, keepdims=True)
        losses = -np.log(shares[:, np.arange(len(labels)), labels]).mean(axis=1)
    return float(_GRID[np.nan_to_num(losses, nan=math.inf).argmin()])


# three of four right at a margin of 2: the best probability is 3/4, so exp(2 / T) = 3
_TWO_CLASSES = np.array([[2.0, 0], [0, 2.0], [2.0, 0], [2.0, 0]])
_TWO_LABELS = np.array([0, 1, 0, 1])
_SURE = np.array([[8.0, 0, 0], [0, 6, 0], [0, 0, 9], [7, 0, 1], [2, 5, 0]]), np.array([0, 1, 2, 1, 1])
_MODEST = (
    np.array([[0.9, 0.1, 0], [0.1, 0.7, 0.2], [0.3, 0, 0.8], [0.6, 0, 0.2], [0.5, 0.4, 0.1], [0, 0.2, 1.1]]),
    np.array([0, 1, 2, 0, 1, 2]),
)

temperature = Exercise(
    "8.1.5",
    level=4,
    minutes=25,
    points=4,
    rtol=5e-3,
    solution=best_temperature,
    cases=(
        Case((_TWO_CLASSES, _TWO_LABELS), expected=2 / math.log(3), name="a factor in place of a divisor"),
        Case(_SURE, expected=3.4464, name="only temperatures up to 1 tried"),
        Case(_MODEST, expected=0.13104, name="only temperatures from 1 tried"),
        Case(
            (_TWO_CLASSES + np.array([[5000.0], [0], [-5000], [5]]), _TWO_LABELS),
            expected=2 / math.log(3),
            name="an overflow",
        ),
    ),
    wrong={
        by_multiplying: 1,
        never_above_one: 1,
        whole_numbers: 1,
        mean_confidence_is_accuracy: 1,
        of_probabilities: 1,
        by_accuracy: 1,
        overflowing: 2,
    },
)

EXERCISES = [block_forwards, bottleneck, reach, rate_of_a_step, temperature]
