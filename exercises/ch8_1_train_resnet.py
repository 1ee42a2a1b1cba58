"""Exercises of section 8.1, a residual network: its block, its size, its reach, its rate, its confidence."""

import math

import numpy as np

from . import Case, Exercise

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


def _without_inner_relu(x, W1, W2, shortcut=None):
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError(f"{x.shape[1]} and {W2.shape[1]}")
    return np.maximum(x @ W1 @ W2 + (x if shortcut is None else x @ shortcut), 0)


def _shortcut_forgotten(x, W1, W2, shortcut=None):
    if shortcut is None and x.shape[1] != W2.shape[1]:
        raise ValueError(f"{x.shape[1]} and {W2.shape[1]}")
    f = np.maximum(x @ W1, 0) @ W2
    return np.maximum(f + x, 0) if x.shape[1] == f.shape[1] else np.maximum(f, 0)


def _broadcast(x, W1, W2, shortcut=None):
    return np.maximum(np.maximum(x @ W1, 0) @ W2 + (x if shortcut is None else x @ shortcut), 0)


def _shortcut_in_series(x, W1, W2, shortcut=None):
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
    number="8.1.1",
    title="A block, forwards",
    level=2,
    minutes=10,
    points=2,
    statement="""\
Write the residual block with matrices for convolutions, so that every number can be followed:
`residual_block`.

- `x` `(N, D)` holds one example a row, `W1` is `(D, H)`, `W2` is `(H, E)`: $f(x) = \\mathrm{relu}(x W_1)\\,
  W_2$.
- The result is the array $\\mathrm{relu}(f(x) + x)$, or $\\mathrm{relu}(f(x) + x S)$ with the matrix
  `shortcut` $S$ `(D, E)` where one is given, even if $D = E$.
- Without a shortcut `D` and `E` must be equal: else `ValueError` that names both. The inputs stay as they
  are.

By hand: `x = [[1, -2]]`, `W1 = [[1], [0]]`, `W2 = [[2, 1]]`. Then relu(x W1) = 1, f = (2, 1), the sum is
(3, −1), and the result `[[3, 0]]`.""",
    hints=(
        (
            "How many relus are there?",
            "Two: one between the matrices, one after the sum. None between W2 and the sum, or f could "
            "only ever add and never take away.",
        ),
        (
            "Where does the shortcut go?",
            "Beside f, not behind it: both start from the same x, and what they make is added.",
        ),
        (
            "It returns a result where an error is expected.",
            "What is np.ones((2, 3)) + np.ones((2, 1))? NumPy stretches the one column. Compare the shapes "
            "yourself.",
        ),
    ),
    solution=residual_block,
    cases=(
        Case(
            "nothing added: f(x) alone",
            (np.array([[1.0, -2.0]]), np.array([[1.0], [0.0]]), np.array([[2.0, 1.0]])),
            hint=1,
            expected=np.array([[3.0, 0.0]]),
        ),
        Case("the inner relu left out", (_X, _W1, _W2), hint=0, expected=np.array([[1.0, 0.0], [7.25, 0.0]])),
        Case(
            "a shortcut that is not used",
            (np.array([[1.0, 2.0]]), np.array([[1.0], [0.0]]), np.array([[1.0, -3.0, 0.5]]), _SIDE),
            hint=1,
            expected=np.array([[5.0, 0.0, 1.5]]),
        ),
        Case(
            "a shortcut used only where the shapes differ",
            (np.array([[1.0, -2.0]]), np.array([[1.0], [0.0]]), np.array([[2.0, 1.0]]), _SWAP),
            hint=1,
            expected=np.array([[0.0, 2.0]]),
        ),
        Case(
            "one column, stretched silently over three",
            (np.array([[1.0], [2.0]]), np.array([[1.0, -1.0]]), np.ones((2, 3))),
            hint=2,
            raises=ValueError,
            mentions=(1, 3),
        ),
    ),
    wrong={
        "returns f(x), with nothing added": _block(lambda f, x: np.maximum(f, 0)),
        "forgets the last relu": _block(lambda f, x: f + x),
        "takes the relu before the sum": _block(lambda f, x: np.maximum(f, 0) + x),
        "takes a relu before the sum and one after it": _block(
            lambda f, x: np.maximum(np.maximum(f, 0) + x, 0)
        ),
        "takes the relu of x as well": _block(lambda f, x: np.maximum(f + np.maximum(x, 0), 0)),
        "forgets the relu between the matrices": _without_inner_relu,
        "leaves the shortcut out": _shortcut_forgotten,
        "adds nothing where there is a shortcut": _shortcut_in_series,
        "lets NumPy broadcast": _broadcast,
    },
)

# 8.1.2 what a bottleneck costs --------------------------------------------------------------------


def _is_not(number, sentence):
    """A check that knows one wrong number and where it comes from."""
    return lambda answer: sentence if answer == number else None


# 1 × 1, 3 × 3, 1 × 1, and a scale and a shift for each map of the three normalisations
BOTTLENECK = 256 * 64 + 64 * 64 * 9 + 64 * 256 + 2 * (64 + 64 + 256)

bottleneck = Exercise(
    number="8.1.2",
    title="What a bottleneck costs",
    level=2,
    minutes=5,
    points=1,
    kind="predict",
    statement="""\
ResNet-50 has blocks like this one: 256 channels come in, a 1 × 1 convolution makes 64 of them, a 3 × 3
convolution keeps 64, another 1 × 1 convolution makes 256 again. Each is followed by batch normalisation,
none has a bias. The shortcut is the identity. How many numbers does training change in the block?

Write the whole number instead of the three dots. To compare: a block of two 3 × 3 convolutions with 256
channels throughout has 1,180,672.""",
    hints=(
        (
            "What does a 1 × 1 convolution hold?",
            "One number for each pair of an input and an output channel: it mixes channels and looks at no "
            "neighbour.",
        ),
        (
            "What does the normalisation hold?",
            "A scale and a shift for each of the channels that it gets, here 64, 64 and 256. Running means "
            "are kept, not trained. The identity holds nothing.",
        ),
    ),
    solution=BOTTLENECK,
    cases=(
        Case(
            "normalisation left out",
            hint=1,
            check=_is_not(BOTTLENECK - 768, "The three normalisations are trained too."),
        ),
        Case(
            "running statistics counted",
            hint=1,
            check=_is_not(BOTTLENECK + 768, "Running means and variances are kept, but not trained."),
        ),
        Case(
            "all three kernels 3 × 3",
            hint=0,
            check=_is_not(BOTTLENECK + 8 * 2 * 256 * 64, "Two of the convolutions are 1 × 1."),
        ),
        Case(
            "biases that are not there",
            hint=1,
            check=_is_not(BOTTLENECK + 384, "The convolutions have no bias."),
        ),
        Case(
            "a convolution on the shortcut",
            hint=1,
            check=_is_not(BOTTLENECK + 256 * 256 + 512, "The identity has nothing to train."),
        ),
        Case("any other number"),
    ),
    wrong={
        "leaves batch normalisation out": BOTTLENECK - 768,
        "counts running statistics": BOTTLENECK + 768,
        "takes all kernels as 3 × 3": BOTTLENECK + 8 * 2 * 256 * 64,
        "gives the convolutions a bias": BOTTLENECK + 384,
        "puts a convolution on the shortcut": BOTTLENECK + 256 * 256 + 512,
        "forgets the 9 of the middle convolution": BOTTLENECK - 8 * 64 * 64,
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
    number="8.1.3",
    title="How far a number sees",
    level=3,
    minutes=15,
    points=2,
    statement="""\
A number in the last map depends on a square of input pixels, its *receptive field*; what lies outside cannot
influence it. Write `receptive_field`: the side of the square after a row of layers.

- `layers` is a list of pairs `(kernel, stride)`, the first layer first; a pooling counts like a convolution.
- The result is an `int`. No layer at all: 1, the pixel itself. Padding plays no part, pictures are as large
  as needed.
- A kernel or stride below 1: `ValueError` that names both numbers of the pair.

By hand: two 3 × 3 convolutions with stride 1. A number of the second sees three of the first map, and these
see five pixels: 5. If the first has stride 2, they stand two pixels apart: 7.""",
    hints=(
        (
            "What does one more layer add?",
            "It sees `kernel` numbers of the map before. The first of them sees what it saw; each further "
            "one adds as many pixels as lie between two neighbours of that map.",
        ),
        (
            "How far apart are neighbours?",
            "One pixel in the picture. Each stride multiplies the distance for the layers after it.",
        ),
    ),
    solution=receptive_field,
    cases=(
        Case("kernels added up", ([(3, 1), (3, 1)],), hint=0, expected=5),
        Case("the stride left out", ([(3, 2), (3, 1)],), hint=1, expected=7),
        Case("the stride applied before its own kernel", ([(7, 2), (3, 2)],), hint=1, expected=11),
        Case("strides added instead of multiplied", ([(3, 2), (3, 2), (3, 2), (3, 1)],), hint=1, expected=31),
        Case("only the last stride remembered", ([(3, 2), (1, 1), (3, 1)],), hint=1, expected=7),
        Case("no layer sees nothing", ([],), hint=0, expected=1),
        Case("a kernel of 0 accepted", ([(3, 1), (0, 2)],), raises=ValueError, mentions=(0, 2)),
        Case("a stride of 0 accepted", ([(3, 0)],), raises=ValueError, mentions=(3, 0)),
    ),
    wrong={
        "adds up the kernels": _reach(lambda side, step, k, s: (side + k, step * s)),
        "ignores strides": _reach(lambda side, step, k, s: (side + k - 1, step)),
        "applies the stride too early": _reach(
            lambda side, step, k, s: (side + (k - 1) * step * s, step * s)
        ),
        "adds strides": _reach(lambda side, step, k, s: (side + (k - 1) * step, step + s - 1)),
        "remembers the last stride only": _reach(lambda side, step, k, s: (side + (k - 1) * step, s)),
        "multiplies kernels": _reach(lambda side, step, k, s: (side * k, step)),
        "says 0 for no layers": lambda layers: receptive_field(layers) if layers else 0,
        "refuses nothing": lambda layers: (
            receptive_field([(max(k, 1), max(s, 1)) for k, s in layers]) if layers else 1
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


def _rise_ignored(step, steps, highest, rise=0.2):
    return one_cycle(step, steps, highest)


def _beyond_the_end(step, steps, highest, rise=0.2):
    return one_cycle(min(max(step, 0), steps - 1), steps, highest, rise)


rate_of_a_step = Exercise(
    number="8.1.4",
    title="The rate of a step",
    level=3,
    minutes=15,
    points=3,
    statement="""\
Write `one_cycle`: the learning rate of one step under the schedule that trained the network of this section.

- Steps count from 0 to `steps` − 1. At step 0 the rate is `highest / 25`. At the place $t = $ `rise * steps
  - 1`, which need not be whole, it is `highest`. At the last step it is `highest / 250_000`.
- Between two of these places, from rate $a$ to rate $b$, half a cosine leads over: after a share $s$ of the
  way the rate is $b + (a - b)\\,(1 + \\cos \\pi s) / 2$.
- The result is a `float`. A `step` outside 0 … `steps` − 1: `ValueError` that names `step` and `steps`.

By hand: 11 steps, `highest` 1, `rise` 6/11, so $t = 5$. Step 0 has 0.04, step 5 has 1; step 10, the last,
0.000004. Half way up and half way down lie between steps; what would the rates there be?""",
    hints=(
        (
            "What share of the way has been gone?",
            "On the way up it is step / t. On the way down, (step - t) / (steps - 1 - t): it is 1 at the "
            "last step, not one step later.",
        ),
        (
            "My curve bends the wrong way, or not at all.",
            "The factor (1 + cos πs) / 2 is 1 at s = 0 and 0 at s = 1: how much of the old rate is left.",
        ),
        (
            "It is right at most steps.",
            "Look at the ends: highest / 25 and highest / 250_000 are not 0; the top is at rise * steps - 1 "
            "because the first step has number 0. A step that does not exist has no rate.",
        ),
    ),
    solution=one_cycle,
    cases=(
        Case("the first rate", (0, 11, 1.0, 6 / 11), hint=2, expected=0.04),
        Case("the highest rate", (5, 11, 1.0, 6 / 11), hint=0, expected=1.0),
        Case("the last rate", (10, 11, 1.0, 6 / 11), hint=2, expected=0.000004),
        Case("a straight line for the cosine, up", (1, 15, 0.5, 1 / 3), hint=1, expected=0.090294373),
        Case("a straight line for the cosine, down", (6, 15, 0.5, 1 / 3), hint=1, expected=0.452254437),
        Case("the default of rise", (3, 20, 0.2), hint=0, expected=0.2),
        Case("another rise ignored", (3, 20, 0.2, 0.5), hint=0, expected=0.056),
        Case("a step that does not exist", (20, 20, 0.2), hint=2, raises=ValueError, mentions=(20,)),
        Case("a step before the first", (-1, 20, 0.2), hint=2, raises=ValueError, mentions=(-1, 20)),
    ),
    wrong={
        "goes in straight lines": _one_cycle(bend=lambda share: 1 - share),
        "bends like a quarter of a cosine": _one_cycle(bend=lambda share: math.cos(math.pi * share / 2)),
        "starts at 0": _one_cycle(first=math.inf),
        "ends at 0": _one_cycle(last=math.inf),
        "ends where it began": _one_cycle(last=25),
        "counts from 1: the top at rise * steps, the end at steps": _one_cycle(before=0),
        "ignores rise": _rise_ignored,
        "gives a rate to steps that do not exist": _beyond_the_end,
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


def _by_multiplying(logits, labels):
    return 1 / best_temperature(logits, labels)


def _never_above_one(logits, labels):
    grid = np.linspace(0.01, 1, 200)
    return float(grid[_losses(logits, labels, grid).argmin()])


def _whole_numbers(logits, labels):
    grid = np.arange(1.0, 11.0)
    return float(grid[_losses(logits, labels, grid).argmin()])


def _confidences(logits):
    scaled = logits[None] / _GRID[:, None, None]
    scaled = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return (scaled / scaled.sum(axis=-1, keepdims=True)).max(axis=-1).mean(axis=1)


def _mean_confidence_is_accuracy(logits, labels):
    share = (logits.argmax(axis=1) == labels).mean()
    return float(_GRID[np.abs(_confidences(logits) - share).argmin()])


def _of_probabilities(logits, labels):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return float(_GRID[_losses(shares, labels, _GRID).argmin()])


def _by_accuracy(logits, labels):
    return 1.0


def _overflowing(logits, labels):
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
    number="8.1.5",
    title="The temperature of a verdict",
    level=4,
    minutes=25,
    points=4,
    rtol=5e-3,
    statement="""\
Label smoothing has made our network too modest; many networks are too sure. One number repairs much of
either (Guo, Pleiss, Sun and Weinberger, 2017): divide all logits by a *temperature* $T$ before the softmax.
Write `best_temperature`, which finds it on pictures that took no part in the training.

- `logits` `(N, C)` and whole-number `labels` `(N,)` -> a `float` $T > 0$: the one for which the mean
  cross-entropy of softmax(`logits` / $T$) is least. It may lie far from 1 on either side; half a per cent
  is close enough.
- You may rely on a minimum: the logits are better than chance, and some rows are wrong.
- Logits of some thousands must not overflow.

By hand: two classes, four rows whose two logits lie 2 apart, three of them right. The best probability for
the larger one is 3/4, so $e^{2/T} = 3$ and $T = 2 / \\log 3 = 1.820$. Does any $T$ change the accuracy?""",
    hints=(
        (
            "How is a minimum found?",
            "By trying many temperatures on a geometric grid, finer and finer round the best; or by halving "
            "an interval in which the slope changes its sign. Seen along 1 / T, the loss has one valley.",
        ),
        (
            "I get something else where the network is too modest, or far too sure.",
            "The grid must go well below 1 and well above it: 0.05 to 50, say, in equal ratios. A large T "
            "means less sure; if yours is upside down, you have multiplied.",
        ),
        (
            "What has to be least?",
            "The cross-entropy of the true class: minus the log of the softmax of the logits divided by T. "
            "Not the accuracy, which no T changes, and not of probabilities put through a softmax again. "
            "Subtract the largest logit of each row first.",
        ),
    ),
    solution=best_temperature,
    cases=(
        Case("a factor in place of a divisor", (_TWO_CLASSES, _TWO_LABELS), hint=1, expected=2 / math.log(3)),
        Case("only temperatures up to 1 tried", _SURE, hint=1, expected=3.4464),
        Case("only temperatures from 1 tried", _MODEST, hint=1, expected=0.13104),
        Case(
            "an overflow",
            (_TWO_CLASSES + np.array([[5000.0], [0], [-5000], [5]]), _TWO_LABELS),
            hint=2,
            expected=2 / math.log(3),
        ),
    ),
    wrong={
        "multiplies by T": _by_multiplying,
        "tries temperatures up to 1": _never_above_one,
        "tries whole numbers": _whole_numbers,
        "makes the mean confidence equal to the accuracy": _mean_confidence_is_accuracy,
        "puts probabilities through another softmax": _of_probabilities,
        "chooses by accuracy, which never changes": _by_accuracy,
        "overflows": _overflowing,
    },
)

EXERCISES = [block_forwards, bottleneck, reach, rate_of_a_step, temperature]
