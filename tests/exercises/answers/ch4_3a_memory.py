"""Answers to the exercises of section 4.3a, written from the statements alone."""

import itertools
import math

# 4.3.1 training_bytes --------------------------------------------------------------------------------------


def _refused(widths, batch):
    if len(widths) < 2 or batch < 1:
        raise ValueError(f"{widths} and {batch} are no stack and no batch")


def wrong_4_3_1_in_16_bits(widths, batch):
    _refused(widths, batch)
    weights = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    return 2 * weights, 2 * weights, 4 * weights, 2 * batch * sum(widths)


def wrong_4_3_1_a_bias_for_each_input(widths, batch):
    _refused(widths, batch)
    weights = sum(a * (b + 1) for a, b in itertools.pairwise(widths))
    return 4 * weights, 4 * weights, 8 * weights, 4 * batch * sum(widths)


def wrong_4_3_1_takes_an_empty_batch(widths, batch):
    if len(widths) < 2:
        raise ValueError(f"{widths} are no stack")
    weights = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    return 4 * weights, 4 * weights, 8 * weights, 4 * batch * sum(widths)


def wrong_4_3_1_the_widest_only(widths, batch):
    _refused(widths, batch)
    weights = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    return 4 * weights, 4 * weights, 8 * weights, 4 * batch * max(widths)


def right_4_3_1_by_a_loop(widths, batch):
    _refused(widths, batch)
    weights, kept = 0, widths[0] * batch
    for i in range(1, len(widths)):
        weights += widths[i - 1] * widths[i] + widths[i]
        kept += widths[i] * batch
    return [4 * n for n in (weights, weights, 2 * weights, kept)]


# 4.3.2 best_segments ---------------------------------------------------------------------------------------


def _some(layers):
    if layers < 1:
        raise ValueError(f"{layers} layers")


def wrong_4_3_2_without_the_checkpoints(layers):
    _some(layers)
    return min(range(1, layers + 1), key=lambda s: -(-layers // s))


def wrong_4_3_2_the_root_rounded_down(layers):
    _some(layers)
    return math.isqrt(layers)


def wrong_4_3_2_only_numbers_that_divide(layers):
    _some(layers)
    return min((s for s in range(1, layers + 1) if layers % s == 0), key=lambda s: s + layers // s)


def wrong_4_3_2_nought_for_no_layer(layers):
    return min(range(1, layers + 1), key=lambda s: s + math.ceil(layers / s), default=0)


def right_4_3_2_by_a_loop(layers):
    _some(layers)
    best, fewest = 1, 1 + layers
    for s in range(2, layers + 1):
        if s + math.ceil(layers / s) < fewest:
            best, fewest = s, s + math.ceil(layers / s)
    return best
