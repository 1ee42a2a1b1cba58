"""Section 4.3, efficiency: code of its exercises. The words are in s3_efficiency.en.md."""

from itertools import pairwise

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
)
