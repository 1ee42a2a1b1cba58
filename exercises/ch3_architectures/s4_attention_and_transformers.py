"""Section 3.4, attention: code of its exercises. The words are in s4_attention_and_transformers.en.md."""

import numpy as np

from exercises import Case, Exercise

# 3.4.1 attention for one query -----------------------------------------------------------------------


def attend(query, keys, values):
    """The answer to one query: a mixture of the values. -> (D_v,)

    query (D,), keys (S, D), values (S, D_v). Weights: softmax of the dot products of query and keys.
    """
    scores = keys @ query
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ values


def takes_the_best_value_alone(query, keys, values):
    return values[np.argmax(keys @ query)]


def mixes_by_the_scores_themselves(query, keys, values):
    return (keys @ query) @ values


def divides_the_scores_by_their_sum(query, keys, values):
    scores = keys @ query
    return scores / scores.sum() @ values


def takes_the_mean_of_the_values(query, keys, values):
    return values.mean(axis=0)


def mixes_the_keys(query, keys, values):
    return attend(query, keys, keys)


def forgets_to_divide(query, keys, values):
    scores = keys @ query
    return np.exp(scores - scores.max()) @ values


def overflows_at_large_scores(query, keys, values):
    weights = np.exp(keys @ query)
    return weights / weights.sum() @ values


def divides_by_the_root_of_the_width(query, keys, values):
    return attend(query / np.sqrt(len(query)), keys, values)


def draw_lookups(rng):
    places, width, width_of_values = (int(n) for n in rng.integers(1, 4, size=3))
    query, keys = rng.integers(-2, 3, size=width), rng.integers(-2, 3, size=(places, width))
    values = rng.integers(-5, 6, size=(places, width_of_values))
    return query.astype(float), keys.astype(float), values.astype(float)


# 3.4.2 a padding mask --------------------------------------------------------------------------------


def padding_mask(lengths, size):
    """Which places of padded texts are real. -> (B, size) booleans, True: real, False: padding

    lengths (B,) whole numbers from 0 to size: text i fills the first lengths[i] places.
    Raises ValueError for a length below 0 or above size; the message names the length and the size.
    """
    for length in lengths:
        if not 0 <= length <= size:
            raise ValueError(f"length {length} does not fit: it must be from 0 to {size}")
    return np.arange(size) < np.asarray(lengths)[:, None]


def marks_the_padding(lengths, size):
    return ~padding_mask(lengths, size)


def marks_one_place_too_many(lengths, size):
    padding_mask(lengths, size)
    return np.arange(size) <= np.asarray(lengths)[:, None]


def pads_in_front(lengths, size):
    return padding_mask(lengths, size)[:, ::-1].copy()


def is_as_wide_as_the_longest(lengths, size):
    return padding_mask(lengths, size)[:, : max(lengths)]


def gives_ones_and_zeros(lengths, size):
    return padding_mask(lengths, size).astype(float)


def lets_wrong_lengths_pass(lengths, size):
    return np.arange(size) < np.asarray(lengths)[:, None]


def refuses_an_empty_text(lengths, size):
    if min(lengths) < 1:
        raise ValueError(f"length {min(lengths)} does not fit: it must be from 1 to {size}")
    return padding_mask(lengths, size)


def draw_lengths(rng):
    size = int(rng.integers(1, 6))
    lengths = rng.integers(0, size + 1, size=int(rng.integers(1, 4)))
    if rng.random() < 0.1:
        lengths[0] = rng.choice([-1, size + 1])
    return lengths, size


# 3.4.3 how a cost grows ------------------------------------------------------------------------------


def growth(sizes, costs):
    """The power p in cost = c · sizeᵖ, from measurements. -> float

    sizes (N,) and costs (N,), all above 0. p is the slope of the line fitted to their logarithms.
    """
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def fits_without_logarithms(sizes, costs):
    return float(np.polyfit(sizes, costs, 1)[0])


def takes_the_logarithm_of_the_costs_only(sizes, costs):
    return float(np.polyfit(sizes, np.log(costs), 1)[0])


def looks_at_the_first_and_the_last_only(sizes, costs):
    return float(np.log(costs[-1] / costs[0]) / np.log(sizes[-1] / sizes[0]))


def exchanges_the_two(sizes, costs):
    return float(np.polyfit(np.log(costs), np.log(sizes), 1)[0])


def fits_a_line_through_the_origin(sizes, costs):
    return float(np.log(sizes) @ np.log(costs) / (np.log(sizes) @ np.log(sizes)))


def gives_the_factor_of_one_doubling(sizes, costs):
    return 2 ** growth(sizes, costs)


def gives_the_constant(sizes, costs):
    return float(np.exp(np.polyfit(np.log(sizes), np.log(costs), 1)[1]))


def draw_measurements(rng):
    count = int(rng.integers(2, 6))
    sizes = np.sort(rng.choice(np.array([2, 4, 8, 10, 16, 32, 50, 100]), size=count, replace=False))
    return sizes.astype(float), rng.choice(np.array([0.5, 2, 3, 8, 20]), size=count)


EXERCISES = (
    Exercise(
        "3.4.1",
        level=2,
        minutes=10,
        points=2,
        solution=attend,
        cases=(
            Case(
                (np.array([np.log(3)]), np.array([[1.0], [0.0]]), np.array([[4.0], [8.0]])),
                expected=np.array([5.0]),  # scores log 3 and 0: weights 3/4 and 1/4
                args_text="np.array([np.log(3)]), np.array([[1.0], [0.0]]), np.array([[4.0], [8.0]])",
            ),
            Case(
                (
                    np.array([0.0, 0.0]),
                    np.array([[1.0, 2.0], [3.0, 4.0]]),
                    np.array([[1.0, 0.0, 2.0], [3.0, 2.0, 2.0]]),
                ),
                expected=np.array([2.0, 1.0, 2.0]),  # all scores 0: the mean
            ),
            Case((np.array([1000.0, 0.0]), np.eye(2), np.array([[7.0], [9.0]])), expected=np.array([7.0])),
            Case((np.array([2.0, 1.0]), np.array([[1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]), np.eye(3))),
        ),
        wrong={
            takes_the_best_value_alone: 0,
            mixes_by_the_scores_themselves: 0,
            divides_the_scores_by_their_sum: 0,
            takes_the_mean_of_the_values: 1,
            mixes_the_keys: 1,
            forgets_to_divide: 0,
            overflows_at_large_scores: 2,
            divides_by_the_root_of_the_width: None,
        },
        draw=draw_lookups,
        draws=200,
    ),
    Exercise(
        "3.4.2",
        level=2,
        minutes=10,
        points=2,
        solution=padding_mask,
        cases=(
            Case(
                (np.array([2, 0, 3]), 3),
                expected=np.array([[True, True, False], [False, False, False], [True, True, True]]),
            ),
            Case((np.array([1]), 4), expected=np.array([[True, False, False, False]])),
            Case((np.array([2, 5]), 4), raises=ValueError, mentions=(5, 4)),
            Case((np.array([-1]), 3), raises=ValueError, mentions=(-1, 3)),
        ),
        wrong={
            marks_the_padding: 1,
            marks_one_place_too_many: 0,
            pads_in_front: 0,
            is_as_wide_as_the_longest: 0,
            gives_ones_and_zeros: 1,
            lets_wrong_lengths_pass: 2,
            refuses_an_empty_text: 2,
        },
        draw=draw_lengths,
        draws=200,
    ),
    Exercise(
        "3.4.3",
        level=2,
        minutes=5,
        points=2,
        solution=growth,
        cases=(
            Case((np.array([1, 2, 4, 8]), np.array([3, 12, 48, 192])), expected=2.0),
            Case((np.array([1, 2, 4, 8]), np.array([1, 1, 1, 8])), expected=0.9),  # not 1: all four count
            Case((np.array([10, 1000]), np.array([0.5, 0.05])), expected=-0.5),
        ),
        wrong={
            fits_without_logarithms: 0,
            takes_the_logarithm_of_the_costs_only: 0,
            looks_at_the_first_and_the_last_only: 1,
            exchanges_the_two: 1,
            fits_a_line_through_the_origin: 1,
            gives_the_factor_of_one_doubling: 0,
            gives_the_constant: 1,
        },
        draw=draw_measurements,
        draws=200,
    ),
)
