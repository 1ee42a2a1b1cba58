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
)
