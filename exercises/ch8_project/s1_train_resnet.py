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


def draw_layers(rng):
    """No layer up to five; kernels of 1 and even ones; strides up to 3, anywhere; a pair that cannot be."""
    count = int(rng.integers(0, 6))
    layers = [(int(rng.choice([1, 2, 3, 3, 5, 7])), int(rng.choice([1, 1, 2, 3]))) for _ in range(count)]
    if count and rng.random() < 0.2:
        pair = [(0, 1), (3, 0), (-1, 2), (2, -2)][int(rng.integers(0, 4))]
        layers[int(rng.integers(0, count))] = pair
        return Case((layers,), raises=ValueError, mentions=pair)
    return (layers,)


def _followed(layers, rule):
    """The side after a rule (side, step, kernel, stride) -> (side, step), with the right refusal."""
    side, step = 1, 1
    for kernel, stride in layers:
        if kernel < 1 or stride < 1:
            raise ValueError(f"{kernel}, {stride}")
        side, step = rule(side, step, kernel, stride)
    return side


def adds_up_the_kernels(layers):
    return _followed(layers, lambda side, step, kernel, stride: (side + kernel, step * stride))


def ignores_strides(layers):
    return _followed(layers, lambda side, step, kernel, stride: (side + kernel - 1, step))


def applies_a_stride_to_its_own_kernel(layers):
    return _followed(
        layers, lambda side, step, kernel, stride: (side + (kernel - 1) * step * stride, step * stride)
    )


def adds_strides(layers):
    return _followed(
        layers, lambda side, step, kernel, stride: (side + (kernel - 1) * step, step + stride - 1)
    )


def remembers_the_last_stride_only(layers):
    return _followed(layers, lambda side, step, kernel, stride: (side + (kernel - 1) * step, stride))


def goes_through_the_layers_backwards(layers):
    _followed(layers, lambda side, step, kernel, stride: (side, step))
    return receptive_field(layers[::-1])


def multiplies_kernels(layers):
    return _followed(layers, lambda side, step, kernel, stride: (side * kernel, step))


def multiplies_the_side_by_the_stride(layers):
    return _followed(layers, lambda side, step, kernel, stride: (side * stride + kernel - 1, step))


def says_0_for_no_layers(layers):
    return receptive_field(layers) if layers else 0


def accepts_any_kernel(layers):
    return receptive_field([(max(kernel, 1), stride) for kernel, stride in layers])


def accepts_any_stride(layers):
    return receptive_field([(kernel, max(stride, 1)) for kernel, stride in layers])


def refuses_without_naming_the_pair(layers):
    if any(min(pair) < 1 for pair in layers):
        raise ValueError("every kernel and stride must be positive")
    return receptive_field(layers)


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
        adds_up_the_kernels: 0,
        ignores_strides: 1,
        applies_a_stride_to_its_own_kernel: 1,
        adds_strides: 1,
        remembers_the_last_stride_only: 1,
        goes_through_the_layers_backwards: None,
        multiplies_kernels: 0,
        multiplies_the_side_by_the_stride: 1,
        says_0_for_no_layers: None,
        accepts_any_kernel: None,
        accepts_any_stride: None,
        refuses_without_naming_the_pair: None,
    },
    draw=draw_layers,
)

# 8.1.4 the rate of a step -------------------------------------------------------------------------


def one_cycle(step, steps, highest, rise=0.2):
    """Rate of step 0 … steps - 1: from highest / 25 up along a cosine, then down to highest / 250,000.

    The rate is highest at step rise * steps - 1. -> float.
    Raises ValueError that names step and steps when step is outside 0 … steps - 1, and one that names rise
    when the top does not lie between the first and the last step.
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


def _rate(step, steps, highest, rise, bend=_half_a_cosine, first=25, last=250_000, before=1):
    if not 0 <= step < steps:
        raise ValueError(f"step {step} of {steps}")
    if not 0 < rise * steps - 1 < steps - 1:
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


def puts_the_top_one_step_late(step, steps, highest, rise=0.2):
    return _rate(step, steps, highest, rise, before=0)


def rounds_the_top_to_a_whole_step(step, steps, highest, rise=0.2):
    _rate(step, steps, highest, rise)
    whole = min(max(round(rise * steps), 2), steps - 1)
    return _rate(step, steps, highest, whole / steps)


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
    return one_cycle(min(max(step, 0), steps - 1), steps, highest, rise)


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
        puts_the_top_one_step_late: 0,
        rounds_the_top_to_a_whole_step: None,
        takes_the_whole_run_for_the_way_down: 0,
        ignores_rise: None,
        gives_a_rate_to_steps_that_do_not_exist: 2,
        accepts_a_top_outside_the_run: None,
    },
    draw=draw_schedule,
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


def draw_verdicts(rng):
    """Two to four classes, some rows wrong, better than chance; far too sure or too modest; shifted rows."""
    while True:
        n, classes = int(rng.integers(4, 9)), int(rng.integers(2, 5))
        logits = rng.integers(-3, 4, size=(n, classes)).astype(float)
        labels = np.where(rng.random(n) < 0.75, logits.argmax(axis=1), rng.integers(0, classes, size=n))
        right = logits[np.arange(n), labels]
        if not (right < logits.max(axis=1)).any() or (right - logits.mean(axis=1)).mean() <= 0.5:
            continue
        logits = logits * float(rng.choice([0.1, 0.3, 1.0, 4.0, 15.0]))
        if 0.05 < best_temperature(logits, labels) < 50:  # the grid that a hint speaks of
            break
    if rng.random() < 0.2:
        logits = logits + rng.choice([5_000.0, 0.0, -5_000.0], size=(n, 1))
    return np.round(logits, 2), labels


def _losses(logits, labels, temperatures):
    scaled = logits[None] / np.asarray(temperatures)[:, None, None]
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    logs = scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True))
    return -logs[:, np.arange(len(labels)), labels].mean(axis=1)


_GRID = np.geomspace(0.01, 200, 1_201)


def multiplies_by_the_temperature(logits, labels):
    return 1 / best_temperature(logits, labels)


def tries_temperatures_up_to_1_only(logits, labels):
    grid = np.linspace(0.01, 1, 200)
    return float(grid[_losses(logits, labels, grid).argmin()])


def tries_temperatures_from_1_only(logits, labels):
    grid = np.geomspace(1, 200, 1_201)
    return float(grid[_losses(logits, labels, grid).argmin()])


def tries_temperatures_up_to_10_only(logits, labels):
    return min(best_temperature(logits, labels), 10.0)


def tries_whole_numbers(logits, labels):
    grid = np.arange(1.0, 11.0)
    return float(grid[_losses(logits, labels, grid).argmin()])


def makes_the_mean_confidence_the_accuracy(logits, labels):
    scaled = logits[None] / _GRID[:, None, None]
    scaled = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    confidence = (scaled / scaled.sum(axis=-1, keepdims=True)).max(axis=-1).mean(axis=1)
    share = (logits.argmax(axis=1) == labels).mean()
    return float(_GRID[np.abs(confidence - share).argmin()])


def puts_probabilities_through_another_softmax(logits, labels):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return float(_GRID[_losses(shares, labels, _GRID).argmin()])


def chooses_by_accuracy(logits, labels):
    return 1.0


def takes_the_squared_error(logits, labels):
    scaled = logits[None] / _GRID[:, None, None]
    shares = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares = shares / shares.sum(axis=-1, keepdims=True)
    right = np.eye(logits.shape[1])[labels]
    return float(_GRID[((shares - right) ** 2).sum(axis=-1).mean(axis=1).argmin()])


def lets_exp_overflow(logits, labels):
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
        multiplies_by_the_temperature: 1,
        tries_temperatures_up_to_1_only: 1,
        tries_temperatures_from_1_only: 1,
        tries_temperatures_up_to_10_only: 1,
        tries_whole_numbers: 0,
        makes_the_mean_confidence_the_accuracy: 2,
        puts_probabilities_through_another_softmax: 2,
        chooses_by_accuracy: 2,
        takes_the_squared_error: 2,
        lets_exp_overflow: 2,
    },
    draw=draw_verdicts,
    draws=25,
)

EXERCISES = (block_forwards, bottleneck, reach, rate_of_a_step, temperature)
