"""Exercises of section 8.1, a residual network: its block, its size, its loss, its rate, its confidence."""

import math

import numpy as np

from exercises import Case, Exercise

# 8.1.1 a block, forwards --------------------------------------------------------------------------


def residual_block(x, W1, W2, shortcut=None):
    """relu(relu(x W1) W2 + x), or + x shortcut: x (N, D), W1 (D, H), W2 (H, E) -> array (N, E).

    Raises ValueError that names D and E when they differ and there is no shortcut (D, E).
    """
    # Common wrong turn: no look at the shapes. With D = 1 nothing fails: NumPy broadcasts x over all E.
    x, W1, W2 = np.asarray(x), np.asarray(W1), np.asarray(W2)
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError(f"x has {x.shape[1]} columns, the sum {W2.shape[1]}: give a shortcut of this shape")
    residual = np.maximum(x @ W1, 0) @ W2
    return np.maximum(residual + (x if shortcut is None else x @ np.asarray(shortcut)), 0)


def draw_block(rng):
    """Any small sizes, one column too; a shortcut where D = E as well, not symmetric; misfits."""
    rows, D, H, E = (int(size) for size in rng.integers(1, 4, size=4))
    kind = rng.random()
    if kind < 0.4:
        E = D
    x, W1, W2, S = (rng.integers(-3, 4, size=shape) / 2 for shape in ((rows, D), (D, H), (H, E), (D, E)))
    if D == E and rng.random() < 0.6:
        return x, W1, W2
    if rng.random() < 0.1:
        S = np.zeros_like(S)
    if D != E and rng.random() < 0.3:
        return Case((x, W1, W2), raises=ValueError, mentions=(D, E))
    return x, W1, W2, S


def _sides(x, W1, W2, shortcut):
    """f(x), and what is to be added to it."""
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError(f"{x.shape[1]} and {W2.shape[1]}")
    return np.maximum(x @ W1, 0) @ W2, x if shortcut is None else x @ shortcut


def adds_nothing(x, W1, W2, shortcut=None):
    f, _ = _sides(x, W1, W2, shortcut)
    return np.maximum(f, 0)


def forgets_the_last_relu(x, W1, W2, shortcut=None):
    f, side = _sides(x, W1, W2, shortcut)
    return f + side


def takes_the_last_relu_before_the_sum(x, W1, W2, shortcut=None):
    f, side = _sides(x, W1, W2, shortcut)
    return np.maximum(f, 0) + side


def takes_a_third_relu_before_the_sum(x, W1, W2, shortcut=None):
    f, side = _sides(x, W1, W2, shortcut)
    return np.maximum(np.maximum(f, 0) + side, 0)


def takes_the_relu_of_the_shortcut_too(x, W1, W2, shortcut=None):
    f, side = _sides(x, W1, W2, shortcut)
    return np.maximum(f + np.maximum(side, 0), 0)


def forgets_the_relu_between_the_matrices(x, W1, W2, shortcut=None):
    _, side = _sides(x, W1, W2, shortcut)
    return np.maximum(x @ W1 @ W2 + side, 0)


def uses_the_shortcut_only_where_the_shapes_differ(x, W1, W2, shortcut=None):
    f, side = _sides(x, W1, W2, shortcut)
    return np.maximum(f + (x if x.shape == f.shape else side), 0)


def adds_x_beside_the_shortcut(x, W1, W2, shortcut=None):
    f, side = _sides(x, W1, W2, shortcut)
    both = shortcut is not None and x.shape == f.shape
    return np.maximum(f + side + (x if both else 0), 0)


def puts_the_shortcut_behind_the_block(x, W1, W2, shortcut=None):
    f, side = _sides(x, W1, W2, shortcut)
    return np.maximum(f + side, 0) if shortcut is None else np.maximum(f, 0)


def turns_the_shortcut_over(x, W1, W2, shortcut=None):
    f, side = _sides(x, W1, W2, shortcut)
    square = shortcut is not None and shortcut.shape[0] == shortcut.shape[1]
    return np.maximum(f + (x @ shortcut.T if square else side), 0)


def lets_numpy_stretch_one_column(x, W1, W2, shortcut=None):
    f = np.maximum(x @ W1, 0) @ W2
    return np.maximum(f + (x if shortcut is None else x @ shortcut), 0)


def refuses_without_naming_the_sizes(x, W1, W2, shortcut=None):
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError("the shapes do not fit: give a shortcut")
    return residual_block(x, W1, W2, shortcut)


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
        adds_nothing: 1,
        forgets_the_last_relu: 0,
        takes_the_last_relu_before_the_sum: 0,
        takes_a_third_relu_before_the_sum: 0,
        takes_the_relu_of_the_shortcut_too: 0,
        forgets_the_relu_between_the_matrices: 0,
        uses_the_shortcut_only_where_the_shapes_differ: 1,
        adds_x_beside_the_shortcut: 1,
        puts_the_shortcut_behind_the_block: 1,
        turns_the_shortcut_over: None,
        lets_numpy_stretch_one_column: 2,
        refuses_without_naming_the_sizes: None,
    },
    draw=draw_block,
)

# 8.1.2 what a bottleneck costs --------------------------------------------------------------------


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

# 8.1.3 the least that a smoothed loss can be -----------------------------------------------------


def _smoothed(share, classes=10):
    """The target of label smoothing: the right class first, then the others."""
    target = np.full(classes, share / classes)
    target[0] += 1 - share
    return target


_TARGET = _smoothed(0.05)
LEAST = float(-(_TARGET * np.log(_TARGET)).sum())  # 0.2824: the entropy of the target

least_loss = Exercise(
    "8.1.3",
    level=2,
    minutes=5,
    points=1,
    kind="predict",
    solution=LEAST,
    atol=0.0051,
    wrong={
        "as_without_smoothing": (0.0, 0),
        "the_right_class_alone": (0.04, 1),  # -0.955 log 0.955
        "the_right_class_without_its_weight": (0.05, 1),  # -log 0.955
        "the_nine_others_alone": (0.24, 1),  # -9 · 0.005 log 0.005
        "one_of_the_nine_others_alone": (-0.955 * math.log(0.955) - 0.005 * math.log(0.005), 1),
        "in_bits": (LEAST / math.log(2), 1),
        "all_of_the_0_05_goes_to_the_others": (
            -0.95 * math.log(0.95) - 0.05 * math.log(0.05 / 9),
            None,
        ),
        "the_loss_of_guessing": (math.log(10), 0),
    },
)

# 8.1.4 the rate of a step -------------------------------------------------------------------------


def one_cycle(step, steps, highest, rise=0.2):
    """Rate of step 0 … steps - 1: highest / 25, highest at rise * steps - 1, at last highest / 250,000.

    -> float. Raises ValueError that names step and steps, or rise, where they cannot be.
    """
    # Common wrong turn: counting epochs. A run of 8 epochs of 19 batches has 152 steps, not 8.
    if not 0 <= step < steps:
        raise ValueError(f"step {step} of {steps} steps: it must be 0 to {steps - 1}")
    first, last, top = highest / 25, highest / 250_000, rise * steps - 1
    if not 0 < top < steps - 1:
        raise ValueError(f"rise {rise} of {steps} steps: the top, at {top:g}, must lie inside the run")
    if step <= top:
        start, end, share = first, highest, step / top
    else:
        start, end, share = highest, last, (step - top) / (steps - 1 - top)
    return float(end + (start - end) * (1 + math.cos(math.pi * share)) / 2)


def draw_schedule(rng):
    """Short runs and long ones, tops between two steps, every step; steps and tops that cannot be."""
    steps = int(rng.choice([3, 6, 7, 11, 20, 152]))
    rise = float(rng.choice([0.2, 0.3, 0.5, 0.45, 0.6]))
    highest = float(rng.choice([1.0, 0.01, 0.3]))
    bad = rng.random()
    if bad < 0.08:
        step = int(rng.choice([-1, steps, steps + 3]))
        return Case((step, steps, highest, max(rise, 0.5)), raises=ValueError, mentions=(step, steps))
    if bad < 0.14:
        few, wrong = [(5, 0.2), (2, 0.5), (4, 0.2), (10, 1.0)][int(rng.integers(0, 4))]
        return Case((int(rng.integers(0, few)), few, highest, wrong), raises=ValueError, mentions=(wrong,))
    if not 0 < rise * steps - 1 < steps - 1:
        rise = 0.5
    step = int(rng.choice([0, steps - 1, int(rise * steps) - 1, int(rng.integers(0, steps))]))
    return (step, steps, highest) if rise == 0.2 else (step, steps, highest, rise)


def _half_a_cosine(share):
    return (1 + math.cos(math.pi * share)) / 2


def _rate(
    step, steps, highest, rise, bend=_half_a_cosine, first=25, last=250_000, before=1, checks=("step", "rise")
):
    if "step" in checks and not 0 <= step < steps:
        raise ValueError(f"step {step} of {steps}")
    if "rise" in checks and not 0 < rise * steps - 1 < steps - 1:
        raise ValueError(f"rise {rise}")
    start, end, top = highest / first, highest / last, rise * steps - before
    if step <= top:
        return float(highest + (start - highest) * bend(step / top))
    return float(end + (highest - end) * bend((step - top) / max(steps - before - top, 1e-12)))


def goes_in_straight_lines(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, bend=lambda share: 1 - share)


def bends_like_a_quarter_of_a_cosine(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, bend=lambda share: math.cos(math.pi * share / 2))


def starts_at_0(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, first=math.inf)


def ends_at_0(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, last=math.inf)


def ends_where_it_began(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, last=25)


def ends_at_a_ten_thousandth_of_the_highest(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, last=10_000)


def counts_the_steps_from_1(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, before=0)


def puts_the_top_one_step_late(step, steps, highest, rise=0.2):
    _rate(step, steps, highest, rise)
    return one_cycle(step, steps, highest, rise + 1 / steps) if (rise * steps) < steps - 1 else highest


def takes_the_share_for_what_is_left(step, steps, highest, rise=0.2):
    _rate(step, steps, highest, rise)
    return _rate(step, steps, highest, rise, bend=lambda share: 1 - _half_a_cosine(share))


def cuts_the_top_to_a_whole_step(step, steps, highest, rise=0.2):
    return _with_whole_top(step, steps, highest, rise, int(rise * steps - 1))


def accepts_a_top_at_either_end(step, steps, highest, rise=0.2):
    if not 0 <= rise * steps - 1 <= steps - 1:
        raise ValueError(f"rise {rise} of step {step} and {steps}")
    return _rate(step, steps, highest, rise, checks=("step",))


def gives_a_rate_to_steps_before_the_first(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, checks=("rise",) if step < 0 else ("step", "rise"))


def _with_whole_top(step, steps, highest, rise, top):
    if 0 <= step < steps and not 0 < top < steps - 1:
        raise ValueError(f"rise {rise}")
    return one_cycle(step, steps, highest, (top + 1) / steps)


def rounds_the_top_to_a_whole_step(step, steps, highest, rise=0.2):
    return _with_whole_top(step, steps, highest, rise, round(rise * steps - 1))


def takes_the_whole_run_for_the_way_down(step, steps, highest, rise=0.2):
    rate, top = _rate(step, steps, highest, rise), rise * steps - 1
    if step <= top:
        return rate
    end = highest / 250_000
    return float(end + (highest - end) * _half_a_cosine(step / (steps - 1)))


def ignores_rise(step, steps, highest, rise=0.2):
    _rate(step, steps, highest, rise)
    return _rate(step, steps, highest, 0.2) if 0.2 * steps > 1 else highest


def gives_a_rate_to_steps_that_do_not_exist(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, checks=("rise",))


def accepts_a_top_outside_the_run(step, steps, highest, rise=0.2):
    return one_cycle(step, steps, highest, rise) if 0 < rise * steps - 1 < steps - 1 else float(highest)


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
        Case((2, 13, 1.0), expected=0.996354452, name="a top between two steps, at 1.6"),
        Case((0, 5, 0.2), raises=ValueError, mentions=(0.2,), name="five steps: the top is the first one"),
        Case((20, 20, 0.2), raises=ValueError, mentions=(20,), name="a step that does not exist"),
        Case((-1, 20, 0.2), raises=ValueError, mentions=(-1, 20), name="a step before the first"),
    ),
    wrong={
        goes_in_straight_lines: 1,
        bends_like_a_quarter_of_a_cosine: 1,
        starts_at_0: 2,
        ends_at_0: 2,
        ends_where_it_began: 2,
        ends_at_a_ten_thousandth_of_the_highest: 2,
        takes_the_share_for_what_is_left: 1,
        counts_the_steps_from_1: 2,
        puts_the_top_one_step_late: 2,
        rounds_the_top_to_a_whole_step: None,
        cuts_the_top_to_a_whole_step: None,
        takes_the_whole_run_for_the_way_down: 0,
        ignores_rise: None,
        gives_a_rate_to_steps_that_do_not_exist: None,
        gives_a_rate_to_steps_before_the_first: None,
        accepts_a_top_outside_the_run: None,
        accepts_a_top_at_either_end: None,
    },
    draw=draw_schedule,
)

# 8.1.5 the temperature of a verdict ---------------------------------------------------------------


def _confidence(logits, T):
    """Softmax of logits / T, the largest of each row: (N, C) -> (N,)."""
    scaled = np.asarray(logits, dtype=float) / T
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).max(axis=1)


def _loss(logits, labels, T):
    """Mean cross-entropy of softmax(logits / T)."""
    scaled = np.asarray(logits, dtype=float) / T
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    logs = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(labels)), labels].mean()


def hand_over(val_logits, val_labels, test_logits, temperatures, at=0.9):
    """How many answers a person must look at, before and after a temperature. -> (T, before, after)

    T: the one of temperatures with the least mean cross-entropy of softmax(val_logits / T).
    before, after: share of the test rows whose confidence is below at, with T = 1 and with T.
    val_logits (M, C), val_labels (M,) whole numbers, test_logits (N, C), temperatures (K,).
    """
    # Common wrong turn: choosing T by accuracy. No T changes the order of the logits, so none changes that.
    losses = [_loss(val_logits, val_labels, T) for T in temperatures]
    T = float(temperatures[int(np.argmin(losses))])
    before, after = (float((_confidence(test_logits, t) < at).mean()) for t in (1.0, T))
    return T, before, after


def draw_hand_over(rng):
    """Two to four classes, too sure or too modest, all right or not, shifted rows; no close decisions."""
    while True:
        classes, at = int(rng.integers(2, 5)), float(rng.choice([0.9, 0.9, 0.8, 0.6]))
        m, n = int(rng.integers(1, 7)), int(rng.integers(1, 5))
        scale = float(rng.choice([0.2, 0.5, 1.0, 3.0, 8.0]))
        val, test = (np.round(scale * rng.integers(-3, 4, size=(rows, classes)), 1) for rows in (m, n))
        labels = np.where(rng.random(m) < 0.8, val.argmax(axis=1), rng.integers(0, classes, size=m))
        temperatures = rng.permutation([0.25, 0.5, 1.0, 2.0, 4.0])[: int(rng.integers(1, 6))]
        losses = np.sort([_loss(val, labels, T) for T in temperatures])
        chosen = hand_over(val, labels, test, temperatures, at)[0]
        close = min(np.abs(_confidence(test, T) - at).min() for T in (1.0, chosen))
        if close > 1e-3 and (len(losses) == 1 or losses[1] - losses[0] > 1e-3):
            break
    if rng.random() < 0.2:
        val, test = val + 5_000, test - 5_000
    arguments = (val, labels, test, temperatures)
    return arguments if at == 0.9 else (*arguments, at)


def _with(T, test_logits, at, confidence=_confidence):
    return T, *(float((confidence(test_logits, t) < at).mean()) for t in (1.0, T))


def _least(temperatures, loss):
    return float(temperatures[int(np.argmin([loss(T) for T in temperatures]))])


def multiplies_by_the_temperature(val_logits, val_labels, test_logits, temperatures, at=0.9):
    T = _least(temperatures, lambda T: _loss(val_logits, val_labels, 1 / T))
    return T, *_with(1 / T, test_logits, at)[1:]


def chooses_by_accuracy(val_logits, val_labels, test_logits, temperatures, at=0.9):
    return _with(float(temperatures[0]), test_logits, at)


def takes_the_largest_loss(val_logits, val_labels, test_logits, temperatures, at=0.9):
    return _with(_least(temperatures, lambda T: -_loss(val_logits, val_labels, T)), test_logits, at)


def makes_the_mean_confidence_the_accuracy(val_logits, val_labels, test_logits, temperatures, at=0.9):
    right = (val_logits.argmax(axis=1) == val_labels).mean()
    gap = lambda T: abs(_confidence(val_logits, T).mean() - right)  # noqa: E731
    return _with(_least(temperatures, gap), test_logits, at)


def puts_probabilities_through_another_softmax(val_logits, val_labels, test_logits, temperatures, at=0.9):
    powers = np.exp(val_logits - val_logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return _with(_least(temperatures, lambda T: _loss(shares, val_labels, T)), test_logits, at)


def takes_the_squared_error(val_logits, val_labels, test_logits, temperatures, at=0.9):
    def squared(T):
        scaled = val_logits / T
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        return ((shares - np.eye(val_logits.shape[1])[val_labels]) ** 2).sum(axis=1).mean()

    return _with(_least(temperatures, squared), test_logits, at)


def lets_exp_overflow(val_logits, val_labels, test_logits, temperatures, at=0.9):
    def shares(logits, T):
        with np.errstate(all="ignore"):
            powers = np.exp(logits / T)
            return powers / powers.sum(axis=1, keepdims=True)

    def loss(T):
        with np.errstate(all="ignore"):
            return -np.log(shares(val_logits, T)[np.arange(len(val_labels)), val_labels]).mean()

    return _with(_least(temperatures, loss), test_logits, at, lambda logits, T: shares(logits, T).max(axis=1))


def counts_the_sure_answers(val_logits, val_labels, test_logits, temperatures, at=0.9):
    T, before, after = hand_over(val_logits, val_labels, test_logits, temperatures, at)
    return T, 1 - before, 1 - after


def swaps_before_and_after(val_logits, val_labels, test_logits, temperatures, at=0.9):
    T, before, after = hand_over(val_logits, val_labels, test_logits, temperatures, at)
    return T, after, before


def counts_on_the_validation_pictures(val_logits, val_labels, test_logits, temperatures, at=0.9):
    return _with(hand_over(val_logits, val_labels, test_logits, temperatures)[0], val_logits, at)


def counts_rows_instead_of_a_share(val_logits, val_labels, test_logits, temperatures, at=0.9):
    T, before, after = hand_over(val_logits, val_labels, test_logits, temperatures, at)
    return T, before * len(test_logits), after * len(test_logits)


def compares_with_09_whatever_at_is(val_logits, val_labels, test_logits, temperatures, at=0.9):
    return hand_over(val_logits, val_labels, test_logits, temperatures)


# three of four right at a margin of 2: of these temperatures, 2 has the least loss (0.563)
_VAL = 2 * np.eye(2)[[0, 1, 0, 0]]
_VAL_LABELS = np.array([0, 1, 0, 1])
_TEST = np.array([[2.0, 0], [4, 0], [0, 6], [1, 0]])
_FOUR = np.array([0.5, 1, 2, 4])
_REST = "np.array([[2.0, 0], [4, 0], [0, 6], [1, 0]]){}, np.array([0.5, 1, 2, 4]), 0.85"
_VAL_TEXT = "2 * np.eye(2)[[0, 1, 0, 0]]{}, np.array([0, 1, 0, 1]), "
_MODEST = np.array([[0.3, 0, 0], [0, 0.2, 0.1], [0, 0, 0.4]])

temperature = Exercise(
    "8.1.5",
    level=3,
    minutes=20,
    points=4,
    solution=hand_over,
    cases=(
        Case(
            (_VAL, _VAL_LABELS, _TEST, _FOUR, 0.85),
            expected=(2.0, 0.25, 0.5),
            args_text=_VAL_TEXT.format("") + _REST.format(""),
            name="a factor in place of a divisor",
        ),
        Case(
            (_MODEST, np.arange(3), _MODEST[:2], np.array([1.0, 0.125])),
            name="the first temperature, as accuracy would have it",
        ),
        Case(
            (_VAL + 5_000, _VAL_LABELS, _TEST - 5_000, _FOUR, 0.85),
            expected=(2.0, 0.25, 0.5),
            args_text=_VAL_TEXT.format(" + 5_000") + _REST.format(" - 5_000"),
            name="an overflow",
        ),
    ),
    wrong={
        multiplies_by_the_temperature: 1,
        chooses_by_accuracy: 0,
        takes_the_largest_loss: 0,
        makes_the_mean_confidence_the_accuracy: 0,
        puts_probabilities_through_another_softmax: 1,
        takes_the_squared_error: 0,
        lets_exp_overflow: 1,
        counts_the_sure_answers: 2,
        swaps_before_and_after: 2,
        counts_on_the_validation_pictures: 2,
        counts_rows_instead_of_a_share: 2,
        compares_with_09_whatever_at_is: 2,
    },
    draw=draw_hand_over,
)

# 8.1.6 how many pictures a margin needs -----------------------------------------------------------

# 2 · sqrt(p (1 - p) / n) = 0.01 with p = 0.95, solved for n
PICTURES = 1_900

margin = Exercise(
    "8.1.6",
    level=2,
    minutes=5,
    points=1,
    kind="predict",
    solution=PICTURES,
    wrong={
        "one_standard_error": (475, 0),
        "forgets_to_square": (44, 1),
        "squares_all_but_the_2": (950, 1),
        "forgets_the_share_that_is_wrong": (38_000, 0),
        "takes_a_half_for_the_share": (10_000, 0),
        "forgets_the_share_that_is_right": (2_000, 0),
        "takes_the_margin_for_both_sides_together": (7_600, 0),
    },
)

EXERCISES = (block_forwards, bottleneck, least_loss, rate_of_a_step, temperature, margin)
