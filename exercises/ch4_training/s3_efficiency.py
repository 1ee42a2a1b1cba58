"""Section 4.3, efficiency: code of its exercises. The words are in s3_efficiency.en.md."""

from itertools import pairwise

import numpy as np

from exercises import Case, Exercise

# 4.3.1 the memory of training ------------------------------------------------------------------------


def training_bytes(widths, batch):
    """Bytes of weights, gradients, Adam's averages and kept activations. -> a tuple of four whole numbers

    widths  a list of whole numbers: of the input, then of each layer's output
    batch   rows in the batch
    """
    if batch < 1 or len(widths) < 2:
        raise ValueError(f"batch is {batch}, widths are {widths}: at least 1 row, and at least 2 widths")
    weights = sum(before * after + after for before, after in pairwise(widths))
    return 4 * weights, 4 * weights, 8 * weights, 4 * batch * sum(widths)


def forgets_the_biases(widths, batch):
    *_, activations = training_bytes(widths, batch)
    weights = 4 * sum(before * after for before, after in pairwise(widths))
    return weights, weights, 2 * weights, activations


def gives_adam_one_average(widths, batch):
    weights, gradients, adam, activations = training_bytes(widths, batch)
    return weights, gradients, adam // 2, activations


def counts_each_tensor_before_and_after_its_relu(widths, batch):
    *others, _ = training_bytes(widths, batch)
    return *others, 4 * batch * (widths[0] + 2 * sum(widths[1:]))


def leaves_out_the_input(widths, batch):
    *others, _ = training_bytes(widths, batch)
    return *others, 4 * batch * sum(widths[1:])


def leaves_out_the_last_output(widths, batch):
    *others, _ = training_bytes(widths, batch)
    return *others, 4 * batch * sum(widths[:-1])


def counts_numbers_not_bytes(widths, batch):
    return tuple(size // 4 for size in training_bytes(widths, batch))


def lets_gradients_grow_with_the_batch(widths, batch):
    weights, gradients, adam, activations = training_bytes(widths, batch)
    return weights, gradients * batch, adam, activations


def draw_stacks(rng):
    widths = [int(n) for n in rng.integers(1, 9, size=rng.integers(1, 5))]
    batch = int(rng.integers(0, 7))
    wrong = batch < 1 or len(widths) < 2
    return Case((widths, batch), raises=ValueError) if wrong else (widths, batch)


# 4.3.2 the best number of segments -------------------------------------------------------------------


def best_segments(layers):
    """The number of segments with the fewest activations at the highest point. -> a whole number

    layers  how many equal layers; with S segments the longest has layers / S of them, rounded up
    """
    if layers < 1:
        raise ValueError(f"layers is {layers}: it must be at least 1")
    return min(range(1, layers + 1), key=lambda count: count + -(-layers // count))


def rounds_the_root(layers):
    return _checked(layers) and round(layers**0.5)


def rounds_the_root_up(layers):
    return _checked(layers) and int((layers - 1) ** 0.5) + 1


def takes_the_largest_of_equals(layers):
    return _checked(layers) and min(range(layers, 0, -1), key=lambda count: count + -(-layers // count))


def rounds_the_longest_segment_down(layers):
    return _checked(layers) and min(range(1, layers + 1), key=lambda count: count + layers // count)


def gives_the_activations_not_the_segments(layers):
    return _checked(layers) and min(count + -(-layers // count) for count in range(1, layers + 1))


def makes_every_layer_a_segment(layers):
    return _checked(layers) and layers


def _checked(layers):
    if layers < 1:
        raise ValueError(f"layers is {layers}: it must be at least 1")
    return True


def draw_depths(rng):
    layers = int(rng.integers(0, 120))
    return Case((layers,), raises=ValueError) if layers < 1 else (layers,)


# 4.3.3 the next number in bfloat16 ---------------------------------------------------------------------

NEXT_ABOVE_FOUR = 4 + 4 / 128

# 4.3.4 loss scaling ----------------------------------------------------------------------------------


def half_step(gradients, scale):
    """What float16 leaves of gradients whose loss was multiplied by scale. -> (gradients, next scale)

    gradients  (N,) the true ones, in float64; scale  a number above 0. The result is (N,), in float64.
    """
    if not scale > 0:
        raise ValueError(f"scale is {scale}: it must be above 0")
    half = _in_half(gradients * scale)
    if not np.isfinite(half).all():
        return np.zeros(len(gradients)), scale / 2
    return half.astype(np.float64) / scale, scale


def _in_half(numbers):
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(numbers, dtype=np.float64).astype(np.float16)


def _step(gradients, scale, *, divide=True, skip=True, finite=np.isfinite, change=0.5, multiply=True):
    """half_step with one thing done differently."""
    if not scale > 0:
        raise ValueError(f"scale is {scale}: it must be above 0")
    half = _in_half(gradients * (scale if multiply else 1.0))
    if not finite(half).all():
        rest = np.zeros(len(gradients)) if skip else half.astype(np.float64) / scale
        return rest, scale * change
    return half.astype(np.float64) / (scale if divide else 1.0), scale


def divides_in_float16(gradients, scale):
    came, following = _step(gradients, scale)
    return (_in_half(came).astype(np.float64), following) if following == scale else (came, following)


def forgets_to_divide(gradients, scale):
    return _step(gradients, scale, divide=False)


def keeps_the_scale_after_an_overflow(gradients, scale):
    return _step(gradients, scale, change=1.0)


def doubles_the_scale_after_an_overflow(gradients, scale):
    return _step(gradients, scale, change=2.0)


def steps_in_spite_of_an_overflow(gradients, scale):
    return _step(gradients, scale, skip=False)


def sets_only_the_infinite_ones_to_zero(gradients, scale):
    came, following = _step(gradients, scale, skip=False)
    return np.where(np.isfinite(came), came, 0.0), following


def looks_for_nan_only(gradients, scale):
    return _step(gradients, scale, finite=lambda half: ~np.isnan(half))


def rounds_before_it_multiplies(gradients, scale):
    if not scale > 0:
        raise ValueError(f"scale is {scale}: it must be above 0")
    half = _in_half(gradients).astype(np.float64)
    return _step(half, scale)


def draw_gradients(rng):
    size = int(rng.integers(0, 5))
    signs = rng.choice([-1.0, 1.0], size=size)
    gradients = signs * rng.integers(1, 10, size=size) * 10.0 ** rng.integers(-9, 4, size=size)
    scale = float(rng.choice([0.0, 1.0, 8.0, 1024.0, 65_536.0, 2.0**24], p=[0.05, 0.2, 0.1, 0.25, 0.3, 0.1]))
    return Case((gradients, scale), raises=ValueError) if scale == 0 else (gradients, scale)


# 4.3.5 quantise ---------------------------------------------------------------------------------------


def quantise(x, bits):
    """Marks of an array on a ruler of 2^bits marks. -> (q, scale, zero point)

    x (...) floats, bits a whole number from 2 to 16. q: whole numbers of the shape of x, from 0 to
    2^bits - 1; scale a float above 0; zero point a whole number, the mark that means 0.
    """
    return _quantise(x, bits)


def _quantise(x, bits, *, marks=None, zero_inside=True, clip=True, rounds=np.rint, shift=True, of_range=None):
    """quantise with one step done differently."""
    x = np.asarray(x, dtype=np.float64)
    if not 2 <= bits <= 16:
        raise ValueError(f"bits is {bits}: it must be from 2 to 16")
    if x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"x must hold at least one number, all finite, not {x}")
    last = 2**bits - 1
    low, high = (min(0.0, x.min()), max(0.0, x.max())) if zero_inside else (x.min(), x.max())
    if of_range is not None:
        low, high = of_range(x)
    scale = float((high - low) / (marks or last))
    if scale == 0:
        return np.zeros(x.shape, dtype=np.int64), 1.0, 0
    zero = int(np.rint(-low / scale)) if shift else 0
    q = rounds(x / scale).astype(np.int64) + zero
    return (np.clip(q, 0, last) if clip else q), scale, zero


def counts_marks_not_gaps(x, bits):
    return _quantise(x, bits, marks=2**bits)


def lets_the_range_miss_zero(x, bits):
    return _quantise(x, bits, zero_inside=False)


def cuts_off_decimals(x, bits):
    return _quantise(x, bits, rounds=np.trunc)


def has_no_zero_point(x, bits):
    return _quantise(x, bits, shift=False, clip=False)


def makes_the_range_symmetric(x, bits):
    return _quantise(x, bits, of_range=lambda x: (-abs(x).max(), abs(x).max()))


def always_takes_8_bits(x, bits):
    return _quantise(x, 8 if 2 <= bits <= 16 else bits)


def divides_by_zero_for_zeros(x, bits):
    q, scale, zero = _quantise(x, bits)
    return (q, scale, zero) if np.any(x) else (q, 0.0, zero)


def draw_floats(rng):
    while True:
        size, bits = int(rng.integers(0, 6)), int(rng.choice([1, 2, 3, 4, 8, 8, 8, 16]))
        x = np.round(rng.normal(size=size) * 10.0 ** rng.integers(-1, 2) + rng.choice([-2.0, 0.0, 2.0]), 1)
        x = x if rng.random() > 0.05 else np.zeros(size)
        if size == 0 or bits < 2:
            return Case((x, bits), raises=ValueError)
        low, high = min(0.0, x.min()), max(0.0, x.max())
        ruler = np.array([*x, low]) * (2**bits - 1) / ((high - low) or 1.0)
        if (abs(ruler - np.floor(ruler) - 0.5) > 1e-6).all():  # no number half-way between two marks
            return x, bits


# 4.3.6 the flawed experiment --------------------------------------------------------------------------


def honest_gain(alone, val, test):
    """Gain of distillation over the small network alone. -> (chosen, gain, standard error)

    alone (S,) test accuracy of the small network for each seed; val, test (S, K) accuracies of the
    student for each seed and each of K temperatures. chosen: number of the temperature, from 0.
    """
    return _gain(alone, val, test)


def _gain(alone, val, test, *, choose="mean", by="val", paired=True, ddof=1, root=True, rows="all"):
    """honest_gain with one step done differently."""
    alone, val, test = (np.asarray(a, dtype=np.float64) for a in (alone, val, test))
    if len(alone) < 2:
        raise ValueError(f"{len(alone)} seed: a standard error needs at least 2")
    if val.shape != test.shape or len(val) != len(alone):
        raise ValueError(f"shapes {alone.shape}, {val.shape}, {test.shape} do not belong together")
    table = val if by == "val" else test
    chosen = int(np.argmax(table.mean(axis=0) if choose == "mean" else table.max(axis=0)))
    difference = test[:, chosen] - alone if paired else test[:, chosen]
    error = difference.std(ddof=ddof) / (len(alone) ** 0.5 if root else 1)
    gain = test[:, chosen].max() - alone.mean() if rows == "best" else (test[:, chosen] - alone).mean()
    return chosen, float(gain), float(error)


def chooses_the_temperature_on_test(alone, val, test):
    return _gain(alone, val, test, by="test")


def takes_the_best_seed_of_the_students(alone, val, test):
    return _gain(alone, val, test, rows="best")


def chooses_by_the_best_single_run(alone, val, test):
    return _gain(alone, val, test, choose="best")


def forgets_the_root_of_the_seeds(alone, val, test):
    return _gain(alone, val, test, root=False)


def divides_by_all_seeds(alone, val, test):
    return _gain(alone, val, test, ddof=0)


def takes_the_spread_of_the_students_alone(alone, val, test):
    return _gain(alone, val, test, paired=False)


def measures_the_gain_on_validation(alone, val, test):
    if np.shape(val) != np.shape(test):
        raise ValueError(f"shapes {np.shape(val)} and {np.shape(test)}")
    return _gain(alone, val, val)


def draw_tables(rng):
    seeds, temperatures = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    alone = np.round(rng.uniform(0.5, 0.9, seeds), 2)
    val, test = (np.round(rng.uniform(0.5, 0.9, (seeds, temperatures)), 2) for _ in range(2))
    means = np.sort(val.mean(axis=0))
    if len(means) > 1 and means[-1] - means[-2] < 1e-9:
        val[0, 0] += 0.01
    if seeds < 2:
        return Case((alone, val, test), raises=ValueError)
    return alone, val, test


EXERCISES = (
    Exercise(
        "4.3.1",
        level=2,
        minutes=10,
        points=2,
        solution=training_bytes,
        cases=(
            Case(([3, 2], 4), expected=(32, 32, 64, 80)),
            # 3 · 5 + 5 + 5 · 2 + 2 = 32 numbers; 1 row of 3 + 5 + 2
            Case(([3, 5, 2], 1), expected=(128, 128, 256, 40)),
            Case(([3, 5, 2], 100), expected=(128, 128, 256, 4000)),
            Case(([3], 4), raises=ValueError, mentions=(3,), why="one width is no layer"),
            Case(([3, 2], 0), raises=ValueError, mentions=(0,), why="a batch without a row"),
        ),
        wrong={
            forgets_the_biases: 0,
            gives_adam_one_average: 0,
            counts_each_tensor_before_and_after_its_relu: 1,
            leaves_out_the_input: 1,
            leaves_out_the_last_output: 1,
            counts_numbers_not_bytes: 2,
            lets_gradients_grow_with_the_batch: 0,
        },
        draw=draw_stacks,
    ),
    Exercise(
        "4.3.2",
        level=2,
        minutes=10,
        points=2,
        solution=best_segments,
        cases=(
            Case((16,), expected=4),  # 4 + 4 = 8; 3 + 6 and 5 + 4 are 9
            Case((12,), expected=3),  # 3 + 4 and 4 + 3 are both 7
            Case((1,), expected=1),
            Case((7,), expected=2),  # 2 + 4, 3 + 3 and 4 + 2 are all 6
            Case((0,), raises=ValueError, mentions=(0,), why="no layer"),
        ),
        wrong={
            rounds_the_root: 0,
            rounds_the_root_up: 0,
            takes_the_largest_of_equals: 1,
            rounds_the_longest_segment_down: 0,
            gives_the_activations_not_the_segments: 2,
            makes_every_layer_a_segment: 0,
        },
        draw=draw_depths,
    ),
    Exercise(
        "4.3.3",
        kind="predict",
        level=1,
        minutes=5,
        points=1,
        solution=NEXT_ABOVE_FOUR,
        atol=1e-5,
        wrong={
            "the_steps_of_one": (4 + 1 / 128, 0),
            "the_steps_of_two": (4 + 2 / 128, 0),
            "the_steps_of_float16": (4 + 4 / 1024, 1),
            "half_of_a_step_more_than_none": (4 + 8 / 128, 1),
            "only_the_step": (4 / 128, 1),
        },
    ),
    Exercise(
        "4.3.4",
        level=2,
        minutes=10,
        points=2,
        solution=half_step,
        cases=(
            # 0.5 and 0.25 are exact in float16
            Case((np.array([0.5, -0.25]), 1024.0), expected=(np.array([0.5, -0.25]), 1024.0)),
            # 1e-9 is below half of the smallest float16
            Case(
                (np.array([1e-9, 0.5]), 1.0),
                expected=(np.array([0.0, 0.5]), 1.0),
                why="the example of the statement: what a scale is for",
            ),
            Case((np.array([1e-9]), 65_536.0)),
            # 0.5 · 2^20 = 524,288 is above 65,504
            Case((np.array([2.0**-12, 0.5]), 2.0**20), expected=(np.zeros(2), 2.0**19)),
            Case((np.array([0.5]), 0.0), raises=ValueError, mentions=(0.0,), why="no scale"),
        ),
        wrong={
            divides_in_float16: 1,
            forgets_to_divide: 1,
            keeps_the_scale_after_an_overflow: 2,
            doubles_the_scale_after_an_overflow: 2,
            steps_in_spite_of_an_overflow: 2,
            sets_only_the_infinite_ones_to_zero: 2,
            looks_for_nan_only: 2,
            rounds_before_it_multiplies: 0,
        },
        draw=draw_gradients,
        atol=1e-15,
    ),
    Exercise(
        "4.3.5",
        level=3,
        minutes=10,
        points=3,
        solution=quantise,
        cases=(
            Case((np.array([-0.5, 0.0, 2.05]), 8), expected=(np.array([0, 50, 255]), 0.01, 50)),
            # the range is 0 to 6: a gap of 2, and no number is negative
            Case((np.array([4.0, 6.0, 3.2]), 2), expected=(np.array([2, 3, 2]), 2.0, 0)),
            Case((np.array([[-7.0, -2.6], [0.0, -1.0]]), 3), expected=(np.array([[0, 4], [7, 6]]), 1.0, 7)),
            Case((np.zeros(2), 8), expected=(np.zeros(2, dtype=int), 1.0, 0)),
            Case((np.array([1.0]), 1), raises=ValueError, mentions=(1,), why="a ruler of two marks"),
            Case((np.array([]), 8), raises=ValueError, why="no number"),
            Case((np.array([1.0, np.inf]), 8), raises=ValueError, mentions=("inf",), why="not finite"),
        ),
        wrong={
            counts_marks_not_gaps: 0,
            lets_the_range_miss_zero: 0,
            cuts_off_decimals: 1,
            has_no_zero_point: 1,
            makes_the_range_symmetric: 0,
            always_takes_8_bits: 0,
            divides_by_zero_for_zeros: 2,
        },
        draw=draw_floats,
    ),
    Exercise(
        "4.3.6",
        level=3,
        minutes=10,
        points=3,
        solution=honest_gain,
        cases=(
            # validation means 0.7 and 0.65: temperature 0; differences 0.1 and -0.1 on test
            Case(
                (
                    np.array([0.5, 0.7]),
                    np.array([[0.7, 0.8], [0.7, 0.5]]),
                    np.array([[0.6, 0.9], [0.6, 0.9]]),
                ),
                expected=(0, 0.0, 0.1),
            ),
            # differences 0.1 and 0.3: mean 0.2, deviation 0.1 · √2, standard error 0.1
            Case(
                (np.array([0.5, 0.5]), np.array([[0.6], [0.6]]), np.array([[0.6], [0.8]])),
                expected=(0, 0.2, 0.1),
            ),
            Case((np.array([0.5]), np.array([[0.6]]), np.array([[0.6]])), raises=ValueError, why="one seed"),
            Case(
                (np.array([0.5, 0.5]), np.array([[0.6, 0.7]]), np.array([[0.6, 0.7]])),
                raises=ValueError,
                why="tables of another number of seeds",
            ),
        ),
        wrong={
            chooses_the_temperature_on_test: 0,
            takes_the_best_seed_of_the_students: 1,
            chooses_by_the_best_single_run: 0,
            forgets_the_root_of_the_seeds: 2,
            divides_by_all_seeds: 2,
            takes_the_spread_of_the_students_alone: 2,
            measures_the_gain_on_validation: 1,
        },
        draw=draw_tables,
    ),
)
